import NetworkTypes

// The Request-Line and the Status-Line (RFC 3261 §7.1, §7.2).

extension MessageReader {
    /// Reads the first line; nil when it is no SIP. `position` moves behind it.
    mutating func readStartLine(_ bytes: [UInt8]) -> Message.StartLine? {
        let start = position
        let lineFeed = bytes.first(10, in: start..<bytes.count) ?? bytes.count
        position = min(lineFeed + 1, bytes.count)
        let line = start..<(lineFeed > start && bytes[lineFeed - 1] == 13 ? lineFeed - 1 : lineFeed)
        if Self.isSIPVersion(line.prefix(4), bytes) { return statusLine(line, bytes) }
        return requestLine(line, bytes)
    }

    private static func isSIPVersion(_ range: Range<Int>, _ bytes: [UInt8]) -> Bool {
        bytes.equals(range, ignoringCase: "SIP/")
    }

    private func statusLine(_ line: Range<Int>, _ bytes: [UInt8]) -> Message.StartLine? {
        guard let space = bytes.first(0x20, in: line), bytes.equals(line.lowerBound..<space, ignoringCase: "SIP/2.0")
        else { return nil }
        let codeEnd = bytes.first(0x20, in: (space + 1)..<line.upperBound) ?? line.upperBound
        guard codeEnd - space == 4, let code: UInt16 = bytes.decimal((space + 1)..<codeEnd), (100...699).contains(code)
        else { return nil }
        return .response(status: Int(code), reason: min(codeEnd + 1, line.upperBound)..<line.upperBound)
    }

    private mutating func requestLine(_ line: Range<Int>, _ bytes: [UInt8]) -> Message.StartLine? {
        guard let first = bytes.first(0x20, in: line), Token.isToken(line.lowerBound..<first, in: bytes),
            let last = lastSpace(in: line, bytes), last > first,
            Self.isSIPVersion(((last + 1)..<line.upperBound).prefix(4), bytes)
        else { return looseRequestLine(line, bytes) }
        let uri = (first + 1)..<last
        if !bytes.equals((last + 1)..<line.upperBound, ignoringCase: "SIP/2.0") {
            blame(505, "Version Not Supported")
        } else if uri.isEmpty || hasControls(uri, bytes) {
            blame(400, "Malformed Request-URI")
        }
        let method = line.lowerBound..<first
        return .request(Method(method, in: bytes), method: method, uri: uri)
    }

    private func lastSpace(in line: Range<Int>, _ bytes: [UInt8]) -> Int? {
        let octets = bytes.span
        var index = line.upperBound
        while index > line.lowerBound {
            index -= 1
            if octets[index] == 0x20 { return index }
        }
        return nil
    }

    private func hasControls(_ range: Range<Int>, _ bytes: [UInt8]) -> Bool {
        let octets = bytes.span
        for index in range where octets[index] <= 0x20 || octets[index] == 0x7f { return true }
        return false
    }

    /// A request line with stray white space (RFC 4475 §3.1.2.9 and .10) is refused, but answered.
    private mutating func looseRequestLine(_ line: Range<Int>, _ bytes: [UInt8]) -> Message.StartLine? {
        let trimmed = bytes.trimming(line)
        let version = trimmed.suffix(7)
        guard bytes.equals(version, ignoringCase: "SIP/2.0"),
            let first = trimmed.first(where: { bytes[$0].isWhitespace }), first < version.lowerBound,
            Token.isToken(trimmed.lowerBound..<first, in: bytes)
        else { return nil }
        blame(400, "Malformed Request-Line")
        let method = trimmed.lowerBound..<first
        return .request(
            Method(method, in: bytes), method: method, uri: bytes.trimming(first..<version.lowerBound))
    }
}
