import NetworkTypes
import SDP
import Testing

@Suite("Fingerprints, setup and tls-id")
struct TransportIdentityTests {
    private func read(_ lines: String...) throws -> SessionDescription {
        try SessionDescription(Array((["v=0"] + lines).map { $0 + "\r\n" }.joined().utf8))
    }

    private static let digits = [String](repeating: "0A", count: 32).joined(separator: ":")
    private static let octets = [UInt8](repeating: 10, count: 32)

    @Test("media level goes before session level, line by line")
    func levels() throws {
        let read = try read(
            "a=fingerprint:sha-256 \(Self.digits)", "a=setup:actpass", "a=tls-id:abcdefghijklmnopqrst",
            "m=audio 4 UDP/TLS/RTP/SAVP 0", "m=audio 6 UDP/TLS/RTP/SAVPF 0", "a=setup:Passive",
            "a=fingerprint:SHA-1 \(Self.digits)", "m=audio 8 RTP/SAVP 0", "a=dtls-id:1")
        let identities = read.media.map(\.identity)
        #expect(identities[0].fingerprints == [CertificateFingerprint(.sha256, Self.octets)])
        #expect(identities[0].setup == .actpass && identities[0].tlsID == Array("abcdefghijklmnopqrst".utf8))
        // Its own is of a hash function that doesn't count, but it is there.
        #expect(identities[1].fingerprints.isEmpty && identities[1].fingerprintLines == 1)
        #expect(identities[1].setup == .passive)
        #expect(identities[2].tlsID == Array("1".utf8))
        #expect(read.media[0].profile == RTPProfile(isSecure: true, namesDTLS: true))
        #expect(read.media[1].profile == RTPProfile(isSecure: true, hasFeedback: true, namesDTLS: true))
        #expect(read.media[2].profile == RTPProfile(isSecure: true))
    }

    @Test(
        "fingerprints that are none",
        arguments: [
            "", "sha-256", "sha-256 ", "sha-256 0A", "sha-256 \(digits):0A", "sha-384 \(digits)", "md5 \(digits)",
            "sha-256 \(digits.replacing(":", with: "-"))", "sha-256 \(digits.dropLast())G", "sha-256\(digits)",
            "sha-256 \(digits.dropLast()):",
        ])
    func malformed(_ value: String) throws {
        let media = try #require(try read("m=audio 4 RTP/SAVP 0", "a=fingerprint:\(value)").media.first)
        #expect(media.identity.fingerprints.isEmpty && media.identity.fingerprintLines == 1)
    }

    @Test("what is written is read as the same")
    func written() throws {
        for algorithm in CertificateFingerprint.Algorithm.allCases {
            let octets = (0..<algorithm.length).map { UInt8($0 * 3) }
            let fingerprint = try #require(CertificateFingerprint(algorithm, octets))
            var line: [UInt8] = []
            fingerprint.write(into: &line)
            let read = try SessionDescription(Array("v=0\r\nm=audio 4 RTP/SAVP 0\r\n".utf8) + line)
            #expect(read.media[0].identity.fingerprints == [fingerprint])
            #expect(CertificateFingerprint(algorithm, Array(octets.dropLast())) == nil)
        }
    }

    @Test("security 17: more lines than anybody needs are refused")
    func many() throws {
        let lines = [String](repeating: "a=fingerprint:sha-256 \(Self.digits)\r\n", count: 17).joined()
        #expect(throws: SDPError.tooManyFields) { try SessionDescription(Array(("v=0\r\n" + lines).utf8)) }
        let media = "v=0\r\nm=audio 4 RTP/SAVP 0\r\n" + lines
        #expect(throws: SDPError.tooManyFields) { try SessionDescription(Array(media.utf8)) }
    }
}
