import Foundation
import NetworkTypes

/// A SIP message as a test sees it: lines of text. Independent of the product's parser, so that neither hides the
/// other's mistakes.
struct WireMessage: CustomStringConvertible {
    let startLine: String
    let headers: [(name: String, value: String)]
    let body: String

    init?(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.range(of: "\r\n\r\n") else { return nil }
        let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
        startLine = lines[0]
        headers = lines.dropFirst().compactMap { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            return parts.count == 2 ? (String(parts[0]), parts[1].trimmingCharacters(in: .whitespaces)) : nil
        }
        body = String(text[end.upperBound...])
    }

    subscript(name: String) -> String { values(name).first ?? "" }

    /// The values of a header field in order; commas between values (none stand inside the tests' own) part them.
    func values(_ name: String) -> [String] {
        headers.filter { $0.name.lowercased() == name.lowercased() }
            .flatMap { $0.value.components(separatedBy: ",") }.map { $0.trimmingCharacters(in: .whitespaces) }
    }

    /// `INVITE`, or `200 INVITE` of a response.
    var kind: String {
        let words = startLine.components(separatedBy: " ")
        guard words[0] == "SIP/2.0", words.count > 1 else { return words[0] }
        return words[1] + " " + (self["CSeq"].components(separatedBy: " ").last ?? "")
    }

    var requestURI: String {
        let words = startLine.components(separatedBy: " ")
        return words.count == 3 ? words[1] : ""
    }

    /// The URI between the brackets of a header field's first value.
    func uri(_ name: String) -> String { Self.uri(in: self[name]) }

    static func uri(in value: String) -> String {
        guard let open = value.firstIndex(of: "<"), let close = value[open...].firstIndex(of: ">")
        else { return value }
        return String(value[value.index(after: open)..<close])
    }

    var description: String {
        ([startLine] + headers.map { "\($0.name): \($0.value)" }).joined(separator: "\n") + "\n\n" + body
    }

    /// Where SDP says that audio is to go.
    var audioAddress: SocketAddress? {
        let lines = body.components(separatedBy: "\r\n")
        guard let connection = lines.first(where: { $0.hasPrefix("c=IN IP") })?.components(separatedBy: " ").last,
            let port = lines.first(where: { $0.hasPrefix("m=audio ") })?.components(separatedBy: " ")[1],
            let ip = IPAddress(connection), let number = UInt16(port)
        else { return nil }
        return SocketAddress(ip, number)
    }
}

extension SocketAddress {
    /// The host and port that a SIP URI or a Via's sent-by names.
    init?(hostPortOf text: String) {
        var rest = Substring(text.components(separatedBy: ";")[0])
        if let at = rest.lastIndex(of: "@") {
            rest = rest[rest.index(after: at)...]
        } else if rest.hasPrefix("sip:") {
            rest = rest.dropFirst(4)
        }
        if let address = SocketAddress(String(rest)) {
            self = address
        } else if let ip = IPAddress(String(rest)) {
            self.init(ip, 5060)
        } else {
            return nil
        }
    }
}
