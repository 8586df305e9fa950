import NetworkTypes

/// Finds the Call-ID of a message without reading the rest: all that is needed to name its shard.
public enum CallIDScanner {
    /// The value of the first Call-ID field (or its compact form) in the octets; nil where there is none.
    public static func callID(in bytes: [UInt8]) -> Range<Int>? {
        // As the parser, which skips line ends before the start line.
        var start = bytes.firstIndex { $0 != 13 && $0 != 10 } ?? bytes.count
        while start < bytes.count {
            let end = bytes.first(10, in: start..<bytes.count) ?? bytes.count
            if end == start || (end == start + 1 && bytes[start] == 13) { return nil }
            if let colon = colon(of: start..<end, in: bytes) { return value(from: colon + 1, lineEnd: end, in: bytes) }
            start = end + 1
        }
        return nil
    }

    /// Where the colon is, if the line is a Call-ID field.
    private static func colon(of line: Range<Int>, in bytes: [UInt8]) -> Int? {
        guard let first = line.first else { return nil }
        switch bytes[first].lowercased {
        case UInt8(ascii: "c"), UInt8(ascii: "i"): break
        default: return nil
        }
        guard let colon = bytes.first(UInt8(ascii: ":"), in: line) else { return nil }
        let name = bytes.trimming(line.lowerBound..<colon)
        return HeaderName(name, in: bytes) == .callID ? colon : nil
    }

    /// The value, with the lines that are folded into it.
    private static func value(from start: Int, lineEnd: Int, in bytes: [UInt8]) -> Range<Int> {
        var end = lineEnd
        while end + 1 < bytes.count, bytes[end + 1].isWhitespace {
            end = bytes.first(10, in: (end + 1)..<bytes.count) ?? bytes.count
        }
        return bytes.trimming(start..<end)
    }
}
