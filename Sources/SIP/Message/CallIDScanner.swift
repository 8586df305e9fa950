import NetworkTypes

/// Finds the Call-ID of a message without reading the rest: all that is needed to name its shard.
public enum CallIDScanner {
    /// The value of the first Call-ID field (or its compact form) in the octets; nil where there is none.
    public static func callID(in bytes: [UInt8]) -> Range<Int>? {
        // As the parser, which skips line ends before the start line and reads folded lines as one.
        var start = bytes.firstIndex { $0 != 13 && $0 != 10 } ?? bytes.count
        while start < bytes.count {
            var end = bytes[start...].firstIndex(of: 10) ?? bytes.count
            if end - start <= 2, bytes[start..<end].allSatisfy({ $0 == 13 }) { return nil }
            while end + 1 < bytes.count, bytes[end + 1].isWhitespace {
                end = bytes[(end + 1)...].firstIndex(of: 10) ?? bytes.count
            }
            if let value = value(of: start..<end, in: bytes) { return value }
            start = end + 1
        }
        return nil
    }

    private static func value(of line: Range<Int>, in bytes: [UInt8]) -> Range<Int>? {
        guard let first = bytes[line].first?.lowercased, first == UInt8(ascii: "c") || first == UInt8(ascii: "i"),
            let colon = bytes[line].firstIndex(of: UInt8(ascii: ":"))
        else { return nil }
        let name = bytes.trimming(line.lowerBound..<colon)
        guard bytes.equals(name, ignoringCase: "call-id") || bytes.equals(name, ignoringCase: "i") else { return nil }
        return bytes.trimming((colon + 1)..<line.upperBound)
    }
}
