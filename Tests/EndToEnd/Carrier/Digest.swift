import COpenSSL
import Foundation
import Testing

/// Credentials for a challenge with MD5 and `qop=auth` (RFC 2617 §3.2, RFC 7616 §3.4).
struct Digest {
    var username: String
    var realm: String
    var nonce: String
    var uri: String
    var count = "00000001"
    var clientNonce: String

    func response(password: String, method: String) -> String {
        let secret = Self.md5("\(username):\(realm):\(password)")
        return Self.md5("\(secret):\(nonce):\(count):\(clientNonce):auth:" + Self.md5("\(method):\(uri)"))
    }

    /// As the value of Authorization or Proxy-Authorization.
    func credentials(password: String, method: String) -> String {
        let texts = [
            "username": username, "realm": realm, "nonce": nonce, "uri": uri, "cnonce": clientNonce,
            "response": response(password: password, method: method),
        ]
        let words = texts.sorted { $0.key < $1.key }.map { "\($0.key)=\"\($0.value)\"" }
        return "Digest " + (words + ["algorithm=MD5", "qop=auth", "nc=\(count)"]).joined(separator: ", ")
    }

    /// The parameters of a challenge or of credentials.
    static func parameters(_ value: String) -> [String: String] {
        guard value.hasPrefix("Digest ") else { return [:] }
        let words = value.dropFirst("Digest ".count).split(separator: ",").map {
            $0.split(separator: "=", maxSplits: 1)
        }
        return words.reduce(into: [:]) { all, word in
            guard let name = word.first, word.count == 2 else { return }
            all[name.trimmingCharacters(in: .whitespaces)] =
                word[1].trimmingCharacters(in: CharacterSet(charactersIn: "\" "))
        }
    }

    private static func md5(_ text: String) -> String {
        let octets = Array(text.utf8)
        var digest = [UInt8](repeating: 0, count: 16)
        guard EVP_Digest(octets, octets.count, &digest, nil, EVP_md5(), nil) == 1 else { return "no MD5 here" }
        return digest.map { String(format: "%02x", $0) }.joined()
    }
}

@Suite("Credentials that tests make")
struct DigestTests {
    @Test(
        "They are those of the RFCs' examples",
        arguments: [
            (
                "testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093", "0a4f113b", "Circle Of Life",
                "6629fae49393a05397450978507c4ef1"
            ),
            (
                "http-auth@example.org", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
                "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "Circle of Life", "8ca523f5e9506fed4657c9700eebdbec"
            ),
        ])
    func examples(realm: String, nonce: String, clientNonce: String, password: String, response: String) {
        let digest = Digest(
            username: "Mufasa", realm: realm, nonce: nonce, uri: "/dir/index.html", clientNonce: clientNonce)
        #expect(digest.response(password: password, method: "GET") == response)
    }
}
