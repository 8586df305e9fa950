import NetworkTypes

/// What stands between the parts of a multipart body: two dashes and the boundary parameter (RFC 2046 §5.1.1).
struct Boundary {
    /// One line of its own between two parts, or behind the last one.
    struct Delimiter {
        /// Where its dashes are; the line end before them is its own as well.
        let start: Int
        /// Behind its line end.
        let end: Int
        let isClosing: Bool
    }

    static let maximumLength = 70

    private let pattern: [UInt8]
    /// For each octet of the pattern: how long a beginning of the pattern ends with it.
    private let borders: [Int]

    /// The boundary of that type; nil without one, with two, and with one that the grammar does not allow.
    init?(_ type: MediaType, in bytes: [UInt8]) {
        let (parameter, isWellFormed) = type.parameters.only("boundary", in: bytes)
        guard isWellFormed, var value = parameter?.value, !value.isEmpty else { return nil }
        if bytes[value.lowerBound] == UInt8(ascii: "\"") {
            guard value.count > 2, bytes[value.upperBound - 1] == UInt8(ascii: "\"") else { return nil }
            value = (value.lowerBound + 1)..<(value.upperBound - 1)
        }
        guard (1...Self.maximumLength).contains(value.count), bytes[value.upperBound - 1] != 0x20,
            bytes[value].allSatisfy(Self.mayHold)
        else { return nil }
        pattern = [UInt8(ascii: "-"), UInt8(ascii: "-")] + bytes[value]
        borders = Self.borders(of: pattern)
    }

    /// What the grammar allows (`bchars`), and what else a token may hold.
    private static func mayHold(_ octet: UInt8) -> Bool {
        if Token.isTokenOctet(octet) { return true }
        switch octet {
        case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: ","), UInt8(ascii: "/"), UInt8(ascii: ":"),
            UInt8(ascii: "="), UInt8(ascii: "?"), UInt8(ascii: " "):
            return true
        default: return false
        }
    }

    private static func borders(of pattern: [UInt8]) -> [Int] {
        var borders = [0]
        for octet in pattern.dropFirst() {
            var length = borders[borders.count - 1]
            while length > 0, pattern[length] != octet { length = borders[length - 1] }
            borders.append(pattern[length] == octet ? length + 1 : 0)
        }
        return borders
    }

    /// The next delimiter of `body` from `position` on.
    ///
    /// The boundary must not be in the parts (RFC 2046 §5.1.1). Where it is, but not in a line of its own, each reader has
    /// his own idea of where the parts end, so that body is refused.
    func delimiter(from position: Int, of body: Range<Int>, in bytes: [UInt8]) throws(Message.Defect) -> Delimiter? {
        guard let start = first(in: position..<body.upperBound, of: bytes) else { return nil }
        guard let delimiter = delimiter(at: start, of: body, in: bytes) else {
            throw Message.Defect(400, "Malformed Multipart Body")
        }
        return delimiter
    }

    /// Where dashes and boundary stand next, after Knuth, Morris and Pratt: no boundary makes it look at octets many times.
    private func first(in range: Range<Int>, of bytes: [UInt8]) -> Int? {
        let octets = bytes.span
        var matched = 0
        for index in range {
            let octet = octets[index]
            while matched > 0, octet != pattern[matched] { matched = borders[matched - 1] }
            if octet == pattern[matched] { matched += 1 }
            if matched == pattern.count { return index + 1 - matched }
        }
        return nil
    }

    private func delimiter(at start: Int, of body: Range<Int>, in bytes: [UInt8]) -> Delimiter? {
        guard start == body.lowerBound || start - body.lowerBound >= 2 && Self.isLineEnd(at: start - 2, in: bytes)
        else {
            return nil
        }
        var end = start + pattern.count
        let dashes = end..<min(end + 2, body.upperBound)
        let isClosing = bytes.equals(dashes, exactly: "--")
        if isClosing { end = dashes.upperBound }
        // What the transport has padded the line with.
        while end < body.upperBound, bytes[end].isWhitespace { end += 1 }
        if isClosing, end == body.upperBound { return Delimiter(start: start, end: end, isClosing: true) }
        guard body.upperBound - end >= 2, Self.isLineEnd(at: end, in: bytes) else { return nil }
        return Delimiter(start: start, end: end + 2, isClosing: isClosing)
    }

    private static func isLineEnd(at index: Int, in bytes: [UInt8]) -> Bool {
        bytes[index] == 13 && bytes[index + 1] == 10
    }
}
