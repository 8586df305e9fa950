import NetworkTypes

/// A SIP message as the simulated hosts and the referee read it. Independent of the product's parser, so that neither
/// hides the other's mistakes, and strict: what Sallyport sends must be well formed.
final class SIPText {
    struct Malformed: Error { let reason: String }

    struct Field {
        /// In lower case, compact forms written out.
        let name: String
        let value: String
    }

    let bytes: [UInt8]
    let fields: [Field]
    let body: String
    /// The method of a request; empty in a response.
    let method: String
    let uri: String
    /// The status of a response; 0 in a request.
    let status: Int
    let cSeq: Int
    let cSeqMethod: String
    let callID: String
    let fromTag: String
    let toTag: String?
    /// The values of Via, top first.
    let vias: [String]
    let branch: String

    var isRequest: Bool { status == 0 }

    /// Who sent it, in which dialog, and which of its requests there it is.
    var sender: String { "\(callID) \(fromTag) \(toTag ?? "") \(cSeq) \(method)" }

    /// `INVITE`, or `200 INVITE`.
    var kind: String { isRequest ? method : "\(status) \(cSeqMethod)" }

    init(_ bytes: [UInt8]) throws(Malformed) {
        self.bytes = bytes
        var lines: [String] = []
        var start = 0
        var end: Int?
        var index = 0
        while index < bytes.count {
            if bytes[index] == 13 {
                guard index + 1 < bytes.count, bytes[index + 1] == 10 else { throw Malformed(reason: "a bare CR") }
                if index == start {
                    end = index + 2
                    break
                }
                lines.append(String(decoding: bytes[start..<index], as: UTF8.self))
                start = index + 2
                index += 2
            } else {
                if bytes[index] == 10 { throw Malformed(reason: "a bare LF") }
                index += 1
            }
        }
        guard let end, let first = lines.first else { throw Malformed(reason: "no end of the header") }
        body = String(decoding: bytes[end...], as: UTF8.self)
        var fields: [Field] = []
        fields.reserveCapacity(lines.count)
        for line in lines.dropFirst() { fields.append(try Self.field(line)) }
        self.fields = fields

        let words = first.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        guard words.count == 3 else { throw Malformed(reason: "start line \(first)") }
        if words[0] == "SIP/2.0" {
            guard let status = Int(words[1]), (100..<700).contains(status) else {
                throw Malformed(reason: "status \(words[1])")
            }
            (self.status, method, uri) = (status, "", "")
        } else {
            guard words[2] == "SIP/2.0", !words[1].isEmpty else { throw Malformed(reason: "start line \(first)") }
            (status, method, uri) = (0, words[0], words[1])
        }

        func one(_ name: String) throws(Malformed) -> String {
            var found: String?
            for field in fields where field.name == name {
                guard found == nil else { throw Malformed(reason: "two \(name)") }
                found = field.value
            }
            guard let found else { throw Malformed(reason: "no \(name)") }
            return found
        }
        callID = try one("call-id")
        let sequence = try one("cseq").split(separator: " ").map(String.init)
        guard sequence.count == 2, let number = Int(sequence[0]) else { throw Malformed(reason: "cseq") }
        (cSeq, cSeqMethod) = (number, sequence[1])
        guard let fromTag = Self.parameter("tag", of: try one("from")) else { throw Malformed(reason: "no From tag") }
        self.fromTag = fromTag
        toTag = Self.parameter("tag", of: try one("to"))
        vias = Self.values("via", of: fields)
        guard let top = vias.first, let branch = Self.parameter("branch", of: top) else {
            throw Malformed(reason: "no branch")
        }
        self.branch = branch
        guard Int(try one("content-length")) == bytes.count - end else {
            throw Malformed(reason: "Content-Length \(try one("content-length")) of \(bytes.count - end)")
        }
        if status == 0 {
            guard let hops = Int(try one("max-forwards")), hops >= 0 else { throw Malformed(reason: "max-forwards") }
            guard sequence[1] == method else { throw Malformed(reason: "CSeq of another method") }
        }
        if bytes.count > end { _ = try one("content-type") }
    }

    private static func field(_ line: String) throws(Malformed) -> Field {
        let text = line.utf8
        guard let colon = text.firstIndex(of: 58), colon > text.startIndex, text.first != 32, text.first != 9 else {
            throw Malformed(reason: "line \(line)")
        }
        let name = String(line[..<colon]).lowercased()
        var value = line[line.utf8.index(after: colon)...]
        while value.utf8.first == 32 { value = value.dropFirst() }
        return Field(name: compact[name] ?? name, value: String(value))
    }

    private static let compact = [
        "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "c": "content-type",
        "k": "supported", "e": "content-encoding", "s": "subject",
    ]

    // MARK: Fields

    subscript(name: String) -> String? { fields.first { $0.name == name }?.value }

    func values(_ name: String) -> [String] { Self.values(name, of: fields) }

    private static func values(_ name: String, of fields: [Field]) -> [String] {
        var out: [String] = []
        for field in fields where field.name == name { out += split(field.value) }
        return out
    }

    /// The values between commas, but for those within quotes or brackets.
    private static func split(_ text: String) -> [String] {
        guard text.utf8.contains(44) else { return [text] }
        var out: [String] = []
        var current: [UInt8] = []
        var (quoted, bracketed) = (false, false)
        for octet in text.utf8 {
            switch octet {
            case 34: quoted.toggle()
            case 60: bracketed = bracketed || !quoted
            case 62: bracketed = false
            case 44 where !quoted && !bracketed:
                out.append(String(decoding: current, as: UTF8.self))
                current = []
                continue
            case 32 where current.isEmpty: continue
            default: break
            }
            current.append(octet)
        }
        return out + [String(decoding: current, as: UTF8.self)]
    }

    /// A parameter behind the brackets of a value; empty when it has no value of its own.
    static func parameter(_ name: String, of value: String) -> String? {
        let after = value.utf8.lastIndex(of: 62).map { value[value.utf8.index(after: $0)...] } ?? value[...]
        for part in after.split(separator: ";").dropFirst(after.utf8.first == 59 ? 0 : 1) {
            let words = part.split(separator: "=", maxSplits: 1)
            if words.first.map({ $0.lowercased() }) == name { return words.count > 1 ? String(words[1]) : "" }
        }
        return nil
    }

    /// The URI of a value, without its brackets.
    static func uri(of value: String) -> String {
        guard let open = value.utf8.firstIndex(of: 60), let close = value.utf8.lastIndex(of: 62) else {
            return String(value.split(separator: ";")[0])
        }
        return String(value[value.utf8.index(after: open)..<close])
    }

    /// Host and port of a URI; nil for a name.
    static func address(of uri: String) -> SocketAddress? {
        var rest = uri[...]
        if let colon = rest.utf8.firstIndex(of: 58) { rest = rest[rest.utf8.index(after: colon)...] }
        if let at = rest.utf8.lastIndex(of: 64) { rest = rest[rest.utf8.index(after: at)...] }
        rest = rest.prefix { $0 != ";" && $0 != "?" }
        let text = String(rest)
        return SocketAddress(text) ?? IPAddress(text.filter { $0 != "[" && $0 != "]" }).map { SocketAddress($0, 5060) }
    }
}
