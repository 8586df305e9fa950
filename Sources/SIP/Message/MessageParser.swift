import NetworkTypes

/// Reads messages out of received octets (RFC 3261 §7, §25): finds where things are and copies nothing.
///
/// Liberal where a proxy may be (compact forms, folds, bare LF, any order), strict where sloppiness would let two
/// elements read one message differently: header names with other octets than a token's, a second Content-Length.
public enum MessageParser {
    /// Why octets are not even a message that could be answered.
    public enum Failure: Error, Hashable, Sendable {
        /// Only line ends: a keep-alive (RFC 5626 §3.5.1).
        case keepAlive
        /// No SIP start line or no Via to send an answer by.
        case notSIP
        /// More octets than ``maximumSize``.
        case tooLarge
    }

    /// The most octets a message may have, and the most header field lines and Via values (security 17).
    public static let maximumSize = 65_535
    public static let maximumHeaders = 256
    public static let maximumVias = 64

    /// Reads the datagram's message. What follows the body by Content-Length is not looked at (RFC 3261 §18.3).
    public static func parse(datagram bytes: [UInt8]) throws(Failure) -> Message {
        guard bytes.count <= maximumSize else { throw .tooLarge }
        var start = 0
        while start < bytes.count, bytes[start] == 13 || bytes[start] == 10 { start += 1 }
        guard start < bytes.count else { throw .keepAlive }
        var scanner = Scanner(bytes: bytes, position: start)
        guard let line = scanner.nextLine(), let startLine = scanner.startLine(line) else { throw .notSIP }
        scanner.readHeaders()
        guard let message = scanner.message(startLine) else { throw .notSIP }
        return message
    }
}

/// One pass over a message; remembers the first thing that is wrong.
private struct Scanner {
    let bytes: [UInt8]
    var position: Int
    var headers: [HeaderField] = []
    var defect: Message.Defect?
    private var seen: UInt64 = 0

    init(bytes: [UInt8], position: Int) {
        self.bytes = bytes
        self.position = position
        headers.reserveCapacity(24)
    }

    mutating func blame(_ status: Int, _ reason: String) {
        if defect == nil { defect = Message.Defect(status, reason) }
    }

    /// The next line without its end; nil at the end of the octets. `position` moves behind the line end.
    mutating func nextLine() -> Range<Int>? {
        guard position < bytes.count else { return nil }
        let start = position
        let lineFeed = bytes[start...].firstIndex(of: 10)
        let end = lineFeed ?? bytes.count
        position = lineFeed.map { $0 + 1 } ?? bytes.count
        return start..<(end > start && bytes[end - 1] == 13 ? end - 1 : end)
    }

    // MARK: The start line

    mutating func startLine(_ line: Range<Int>) -> Message.StartLine? {
        if line.count >= 8, bytes.equals(line.lowerBound..<(line.lowerBound + 4), ignoringCase: "SIP/") {
            return statusLine(line)
        }
        return requestLine(line)
    }

    private mutating func statusLine(_ line: Range<Int>) -> Message.StartLine? {
        guard let space = bytes[line].firstIndex(of: 0x20),
            bytes.equals(line.lowerBound..<space, ignoringCase: "SIP/2.0")
        else { return nil }
        let codeEnd = bytes[(space + 1)..<line.upperBound].firstIndex(of: 0x20) ?? line.upperBound
        guard codeEnd - space == 4, let code: UInt16 = bytes.decimal((space + 1)..<codeEnd), (100...699).contains(code)
        else { return nil }
        return .response(status: Int(code), reason: min(codeEnd + 1, line.upperBound)..<line.upperBound)
    }

    private mutating func requestLine(_ line: Range<Int>) -> Message.StartLine? {
        guard let first = bytes[line].firstIndex(of: 0x20), let last = bytes[line].lastIndex(of: 0x20), last > first,
            Token.isToken(line.lowerBound..<first, in: bytes)
        else { return looseRequestLine(line) }
        let version = (last + 1)..<line.upperBound
        let uri = (first + 1)..<last
        guard version.count >= 5, bytes.equals(version.lowerBound..<(version.lowerBound + 4), ignoringCase: "SIP/")
        else {
            return looseRequestLine(line)
        }
        if !bytes.equals(version, ignoringCase: "SIP/2.0") {
            blame(505, "Version Not Supported")
        } else if uri.isEmpty || bytes[uri].contains(where: { $0 <= 0x20 || $0 == 0x7f }) {
            blame(400, "Malformed Request-URI")
        }
        return .request(Method(line.lowerBound..<first, in: bytes), method: line.lowerBound..<first, uri: uri)
    }

    /// A request line with stray white space (RFC 4475 §3.1.2.9 and .10) is refused, but answered.
    private mutating func looseRequestLine(_ line: Range<Int>) -> Message.StartLine? {
        let trimmed = bytes.trimming(line)
        guard let first = bytes[trimmed].firstIndex(where: \.isWhitespace),
            Token.isToken(trimmed.lowerBound..<first, in: bytes), trimmed.count > 8,
            bytes.equals((trimmed.upperBound - 7)..<trimmed.upperBound, ignoringCase: "SIP/2.0")
        else { return nil }
        blame(400, "Malformed Request-Line")
        let uri = bytes.trimming(first..<(trimmed.upperBound - 7))
        return .request(
            Method(trimmed.lowerBound..<first, in: bytes), method: trimmed.lowerBound..<first, uri: uri)
    }

    // MARK: Header fields

    /// Reads fields up to the empty line; without one the message ends with the octets.
    mutating func readHeaders() {
        while position < bytes.count {
            let start = position
            guard let line = nextLine(), !line.isEmpty else { return }
            var end = line.upperBound
            while position < bytes.count, bytes[position].isWhitespace, let fold = nextLine() { end = fold.upperBound }
            field(start..<end, lineEnd: position)
            if headers.count > MessageParser.maximumHeaders {
                blame(400, "Too Many Header Fields")
                return
            }
        }
        blame(400, "No End Of Header Fields")
    }

    private mutating func field(_ range: Range<Int>, lineEnd: Int) {
        guard let colon = bytes[range].firstIndex(of: UInt8(ascii: ":")) else {
            return blame(400, "Header Field Without Colon")
        }
        var nameEnd = colon
        while nameEnd > range.lowerBound, bytes[nameEnd - 1].isWhitespace { nameEnd -= 1 }
        let nameRange = range.lowerBound..<nameEnd
        guard Token.isToken(nameRange, in: bytes) else { return blame(400, "Malformed Header Field Name") }
        let value = bytes.trimming((colon + 1)..<range.upperBound)
        if !isClean(value) { blame(400, "Control Character In Header Field") }
        let name = HeaderName(nameRange, in: bytes)
        headers.append(HeaderField(name: name, nameRange: nameRange, value: value, line: range.lowerBound..<lineEnd))
        guard name.isSingle else { return }
        let bit = UInt64(1) << UInt64(name.rawValue)
        if seen & bit != 0 { blame(400, "Repeated Header Field") }
        seen |= bit
    }

    /// Whether a value is free of NUL and of carriage returns that belong to no line end.
    private func isClean(_ value: Range<Int>) -> Bool {
        for index in value {
            let byte = bytes[index]
            // A quoted pair may escape NUL and DEL (RFC 3261 §25.1; RFC 4475 §3.1.1.2).
            if byte == 0 || byte == 0x7f, index == value.lowerBound || bytes[index - 1] != UInt8(ascii: "\\") {
                return false
            }
            if byte == 13, index + 1 >= bytes.count || bytes[index + 1] != 10 { return false }
        }
        return true
    }

    // MARK: The whole

    /// Puts the message together; nil when it has no Via that could be read.
    mutating func message(_ startLine: Message.StartLine) -> Message? {
        guard let viaField = headers.first(where: { $0.name == .via }) else { return nil }
        let viaEnd = FieldValues.end(of: viaField.value, in: bytes)
        guard let topVia = Via(bytes.trimming(viaField.value.lowerBound..<viaEnd), in: bytes) else { return nil }
        var (callID, cSeq) = (0..<0, CSeq(number: 0, method: .other, methodRange: 0..<0))
        var (from, to): (NameAddress?, NameAddress?)
        var maxForwards: UInt8?
        var contentLength: Int?
        var vias = 0
        for header in headers {
            switch header.name {
            case .via: vias += 1
            case .callID: callID = header.value
            case .cSeq:
                if let value = CSeq(header.value, in: bytes) { cSeq = value } else { blame(400, "Malformed CSeq") }
            case .from: from = address(header, "Malformed From")
            case .to: to = address(header, "Malformed To")
            case .maxForwards:
                maxForwards = bytes.decimal(header.value)
                if maxForwards == nil { blame(400, "Malformed Max-Forwards") }
            case .contentLength:
                contentLength = bytes.decimal(header.value, as: UInt32.self).map(Int.init)
                if contentLength == nil { blame(400, "Malformed Content-Length") }
            default: break
            }
        }
        if vias > MessageParser.maximumVias { blame(400, "Too Many Via Fields") }
        if callID.isEmpty || bytes[callID].contains(where: { $0 <= 0x20 }) { blame(400, "Missing Call-ID") }
        if cSeq.methodRange.isEmpty { blame(400, "Missing CSeq") }
        if from == nil { blame(400, "Missing From") }
        if to == nil { blame(400, "Missing To") }
        check(cSeq, against: startLine)
        return Message(
            bytes: bytes, startLine: startLine, headers: headers, body: body(contentLength), topVia: topVia,
            callID: callID, cSeq: cSeq, fromTag: from?.tag(in: bytes), toTag: to?.tag(in: bytes),
            maxForwards: maxForwards, defect: defect)
    }

    private mutating func address(_ header: HeaderField, _ reason: String) -> NameAddress? {
        guard let value = NameAddress(header.value, in: bytes), URI(value.uri, in: bytes) != nil else {
            blame(400, reason)
            return NameAddress(header.value, in: bytes)
        }
        if let tag = value.parameterList.first("tag", in: bytes),
            tag.value.map({ !Token.isToken($0, in: bytes) }) ?? true
        {
            blame(400, reason)
        }
        return value
    }

    /// RFC 3261 §8.1.1.5: the CSeq's method is the request's.
    private mutating func check(_ cSeq: CSeq, against startLine: Message.StartLine) {
        guard case .request(_, let method, _) = startLine, !cSeq.methodRange.isEmpty else { return }
        if bytes[method] != bytes[cSeq.methodRange] { blame(400, "CSeq Of Another Method") }
    }

    private mutating func body(_ contentLength: Int?) -> Range<Int> {
        guard let contentLength else { return position..<bytes.count }
        if contentLength > bytes.count - position {
            blame(400, "Body Shorter Than Content-Length")
            return position..<bytes.count
        }
        return position..<(position + contentLength)
    }
}
