/// Datagrams of the corpus folders, whatever form the folders keep them in.
public enum Seeds {
    /// Every message of a folder; text with bare line feeds twice, as it is and with CRLF.
    public static func messages(of folder: String) throws -> [[UInt8]] {
        switch folder {
        case "protos-c07-sip":
            return try Corpus.files(in: folder + "/cases", suffix: "").flatMap { try protos(Corpus.bytes($0)) }
        case "siphon-sipp", "sipp-scenarios":
            return try Corpus.files(in: folder, suffix: ".xml").flatMap { scenario(try Corpus.bytes($0)) }
        case "kamailio-sip":
            return try Corpus.files(in: folder, suffix: ".sip").map(Corpus.bytes).flatMap { [$0, withCRLF($0)] }
        default:
            return try [".dat", ".sip", ".bin", ".txt"].flatMap {
                try Corpus.files(in: folder, suffix: $0).map(Corpus.bytes)
            }
        }
    }

    /// A case of PROTOS c07: "<octets> <INVITE><octets> <teardown>", its placeholders filled in.
    static func protos(_ bytes: [UInt8]) -> [[UInt8]] {
        var messages: [[UInt8]] = []
        var rest = bytes[...]
        while let space = rest.firstIndex(of: 0x20), let count = Int(String(decoding: rest[..<space], as: UTF8.self)) {
            let end = min(space + 1 + max(0, count), rest.endIndex)
            messages.append(filled(Array(rest[(space + 1)..<end]), number: messages.count))
            rest = rest[end...]
        }
        return messages
    }

    private static func filled(_ message: [UInt8], number: Int) -> [UInt8] {
        let body = range(of: Array("\r\n\r\n".utf8), in: message).map { message.count - $0.upperBound } ?? 0
        let values: [(String, String)] = [
            ("<To>", "bob@203.0.113.10"), ("<From>", "1000@192.168.0.2"), ("<From-Address>", "192.168.0.2"),
            ("<From-IP>", "192.168.0.2"), ("<Local-Port>", "5060"), ("<Call-ID>", "protos"),
            ("<CSeq>", "\(number + 1)"),
            ("<Branch-ID>", "p"), ("<Teardown-Method>", number % 2 == 0 ? "CANCEL" : "ACK"),
            ("<Content-Length>", "\(body)"),
        ]
        return values.reduce(message) { replacing(Array($1.0.utf8), in: $0, with: Array($1.1.utf8)) }
    }

    /// The messages of a SIPp scenario, its keywords left as they are but for those that make a message whole.
    static func scenario(_ bytes: [UInt8]) -> [[UInt8]] {
        var messages: [[UInt8]] = []
        var rest = bytes[...]
        while let open = range(of: Array("<![CDATA[".utf8), in: Array(rest)) {
            let start = rest.startIndex + open.upperBound
            guard let close = range(of: Array("]]>".utf8), in: Array(rest[start...])) else { break }
            let text = String(decoding: rest[start..<(start + close.lowerBound)], as: UTF8.self)
            messages.append(whole(text))
            rest = rest[(start + close.upperBound)...]
        }
        return messages
    }

    private static func whole(_ text: String) -> [UInt8] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map {
            $0.drop { $0 == " " || $0 == "\t" }
        }
        while let first = lines.first, first.isEmpty { lines.removeFirst() }
        let values = [
            ("[service]", "bob"), ("[remote_ip]", "203.0.113.10"), ("[remote_port]", "5060"), ("[transport]", "UDP"),
            ("[local_ip]", "192.168.0.2"), ("[local_port]", "5060"), ("[branch]", "z9hG4bKs"), ("[call_id]", "sipp-1"),
            ("[call_number]", "1"), ("[cseq]", "1"), ("[pid]", "1"), ("[len]", "0"), ("[local_ip_type]", "4"),
            ("[media_ip]", "192.168.0.2"), ("[media_ip_type]", "4"), ("[media_port]", "6000"),
        ]
        let joined = lines.joined(separator: "\r\n")
        return values.reduce(Array(joined.utf8)) { replacing(Array($1.0.utf8), in: $0, with: Array($1.1.utf8)) }
    }

    /// The octets with a carriage return before each line feed that has none.
    public static func withCRLF(_ bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        for octet in bytes {
            if octet == 10, out.last != 13 { out.append(13) }
            out.append(octet)
        }
        return out
    }

    private static func range(of pattern: [UInt8], in bytes: [UInt8]) -> Range<Int>? {
        guard let first = pattern.first, bytes.count >= pattern.count else { return nil }
        for start in 0...(bytes.count - pattern.count)
        where bytes[start] == first && bytes[start..<(start + pattern.count)].elementsEqual(pattern) {
            return start..<(start + pattern.count)
        }
        return nil
    }

    private static func replacing(_ pattern: [UInt8], in bytes: [UInt8], with text: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        var rest = bytes
        while let found = range(of: pattern, in: rest) {
            out += rest[..<found.lowerBound] + text
            rest.removeSubrange(..<found.upperBound)
        }
        return out + rest
    }
}
