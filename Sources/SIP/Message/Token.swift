import NetworkTypes

/// The character classes of RFC 3261 §25.1.
enum Token {
    /// The octets that a token may hold, as bits of 0–63 and of 64–127:
    /// alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~"
    private static let lower: UInt64 = 0x03ff_6ca2_0000_0000
    private static let upper: UInt64 = 0x47ff_ffff_87ff_fffe

    static func isTokenOctet(_ octet: UInt8) -> Bool {
        let bits = octet < 64 ? lower : upper
        return octet < 128 && bits &>> UInt64(octet & 63) & 1 == 1
    }

    static func isToken(_ range: Range<Int>, in bytes: [UInt8]) -> Bool {
        let octets = bytes.span
        for index in range where !isTokenOctet(octets[index]) { return false }
        return !range.isEmpty
    }
}

extension [UInt8] {
    /// Whether the octets in `range` are exactly `text`.
    func equals(_ range: Range<Int>, exactly text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        let octets = span
        let letters = unsafe text.utf8Start
        var offset = 0
        for index in range {
            if unsafe octets[index] != letters[offset] { return false }
            offset &+= 1
        }
        return true
    }

    /// Where the first `octet` in `range` is.
    func first(_ octet: UInt8, in range: Range<Int>) -> Int? {
        let octets = span
        var index = range.lowerBound
        while index < range.upperBound {
            if octets[index] == octet { return index }
            index &+= 1
        }
        return nil
    }
}
