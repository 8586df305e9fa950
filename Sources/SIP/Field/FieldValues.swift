import NetworkTypes

/// Takes comma-separated header field values apart (RFC 3261 §7.3.1): commas inside quoted strings and angle brackets
/// don't count.
public enum FieldValues {
    /// Appends the non-empty values in `range`, without surrounding white space.
    public static func append(_ range: Range<Int>, of bytes: [UInt8], to values: inout [Range<Int>]) {
        var start = range.lowerBound
        while start < range.upperBound {
            let end = self.end(of: start..<range.upperBound, in: bytes)
            let value = bytes.trimming(start..<end)
            if !value.isEmpty { values.append(value) }
            start = end + 1
        }
    }

    /// Where the first value in `range` ends: the position of its comma, or the end of the range.
    static func end(of range: Range<Int>, in bytes: [UInt8]) -> Int {
        let octets = bytes.span
        var index = range.lowerBound
        var inBrackets = false
        while index < range.upperBound {
            switch octets[index] {
            case UInt8(ascii: ",") where !inBrackets: return index
            case UInt8(ascii: "\"") where !inBrackets:
                guard let close = endOfQuoted(index..<range.upperBound, in: bytes) else { return range.upperBound }
                index = close
                continue
            case UInt8(ascii: "<"): inBrackets = true
            case UInt8(ascii: ">"): inBrackets = false
            default: break
            }
            index &+= 1
        }
        return range.upperBound
    }

    /// The position after the quoted string that starts `range`; nil when it never ends.
    static func endOfQuoted(_ range: Range<Int>, in bytes: [UInt8]) -> Int? {
        let octets = bytes.span
        var index = range.lowerBound + 1
        while index < range.upperBound {
            switch octets[index] {
            case UInt8(ascii: "\\"): index += 2
            case UInt8(ascii: "\""): return index + 1
            default: index += 1
            }
        }
        return nil
    }
}
