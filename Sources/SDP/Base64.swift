import NetworkTypes

/// Base 64 (RFC 4648 §4), for keys, whose lengths are known before a digit is looked at.
enum Base64 {
    /// Reads exactly `count` octets, with their padding or without; nil for any other length or character.
    static func decode(_ bytes: [UInt8], _ word: Range<Int>, count: Int) -> [UInt8]? {
        let digits = (count * 4 + 2) / 3
        let padded = (count + 2) / 3 * 4
        guard word.count == digits || word.count == padded else { return nil }
        let (text, padding) = (bytes[word].prefix(digits), bytes[word].dropFirst(digits))
        guard padding.allSatisfy({ $0 == UInt8(ascii: "=") }) else { return nil }
        var octets: [UInt8] = []
        octets.reserveCapacity(count)
        var (bits, pending) = (0 as UInt32, 0)
        for digit in text {
            guard let value = value(of: digit) else { return nil }
            bits = bits << 6 | UInt32(value)
            pending += 6
            if pending >= 8 {
                pending -= 8
                octets.append(UInt8(truncatingIfNeeded: bits >> UInt32(pending)))
            }
        }
        return octets.count == count ? octets : nil
    }

    /// Writes octets with padding.
    static func encode(_ octets: [UInt8], into bytes: inout [UInt8]) {
        for start in stride(from: 0, to: octets.count, by: 3) {
            let group = octets[start..<min(start + 3, octets.count)]
            var bits: UInt32 = 0
            for place in 0..<3 { bits = bits << 8 | (place < group.count ? UInt32(group[start + place]) : 0) }
            for place in 0..<4 {
                let isPadding = place > group.count
                bytes.append(isPadding ? UInt8(ascii: "=") : digit(UInt8(bits >> UInt32(18 - 6 * place) & 0x3f)))
            }
        }
    }

    private static func value(of digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): digit - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        switch value {
        case 0..<26: value + UInt8(ascii: "A")
        case 26..<52: value - 26 + UInt8(ascii: "a")
        case 52..<62: value - 52 + UInt8(ascii: "0")
        case 62: UInt8(ascii: "+")
        default: UInt8(ascii: "/")
        }
    }
}
