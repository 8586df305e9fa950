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
        find(UInt8(ascii: ","), range, in: bytes) ?? range.upperBound
    }

    /// The first `separator` in `range` that is outside quoted strings and angle brackets.
    static func find(_ separator: UInt8, _ range: Range<Int>, in bytes: [UInt8]) -> Int? {
        var index = range.lowerBound
        var inBrackets = false
        while index < range.upperBound {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\""), !inBrackets {
                guard let close = endOfQuoted(index..<range.upperBound, in: bytes) else { return nil }
                index = close
                continue
            }
            if byte == UInt8(ascii: "<") {
                inBrackets = true
            } else if byte == UInt8(ascii: ">") {
                inBrackets = false
            } else if byte == separator, !inBrackets {
                return index
            }
            index += 1
        }
        return nil
    }

    /// The position after the quoted string that starts `range`; nil when it never ends.
    static func endOfQuoted(_ range: Range<Int>, in bytes: [UInt8]) -> Int? {
        var index = range.lowerBound + 1
        while index < range.upperBound {
            if bytes[index] == UInt8(ascii: "\\") {
                index += 2
                continue
            }
            if bytes[index] == UInt8(ascii: "\"") { return index + 1 }
            index += 1
        }
        return nil
    }
}
