import NetworkTypes

/// Finds the Call-ID of a message without reading the rest: all that is needed to name its shard.
public enum CallIDScanner {
    /// The value of the first Call-ID field (or its compact form) in the octets; nil where there is none.
    public static func callID(in bytes: [UInt8]) -> Range<Int>? {
        var start = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: 10) ?? bytes.count
            if end - start <= 2, start > 0, bytes[start..<end].allSatisfy({ $0 == 13 }) { return nil }
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
