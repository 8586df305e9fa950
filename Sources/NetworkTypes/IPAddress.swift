/// An IPv4 or IPv6 address, as bytes and never as text: two spellings of one address are equal.
public struct IPAddress: Hashable, Sendable {
    public enum Family: UInt8, Hashable, Sendable, CaseIterable { case v4 = 4, v6 = 6 }

    public let family: Family
    /// The first eight octets of an IPv6 address; 0 for IPv4.
    public let high: UInt64
    /// The last eight octets of an IPv6 address, or the IPv4 address in the low 32 bits.
    public let low: UInt64

    /// The address whose octets are `value`, most significant first (192.0.2.1 is 0xC0000201).
    public init(v4 value: UInt32) {
        family = .v4
        high = 0
        low = UInt64(value)
    }

    public init(v6High high: UInt64, low: UInt64) {
        family = .v6
        self.high = high
        self.low = low
    }

    /// 0.0.0.0 or ::.
    public static func unspecified(_ family: Family) -> IPAddress {
        family == .v4 ? IPAddress(v4: 0) : IPAddress(v6High: 0, low: 0)
    }

    /// The IPv4 address as a number; nil for IPv6.
    public var v4: UInt32? { family == .v4 ? UInt32(truncatingIfNeeded: low) : nil }

    /// The octets: 4 or 16.
    public var octets: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(16)
        if family == .v6 {
            for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: high >> shift)) }
        }
        for shift in stride(from: family == .v4 ? 24 : 56, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: low >> shift))
        }
        return bytes
    }

    /// The address with these 4 or 16 octets.
    public init?(octets: some Collection<UInt8>) {
        var high: UInt64 = 0
        var low: UInt64 = 0
        switch octets.count {
        case 4:
            for octet in octets { low = low << 8 | UInt64(octet) }
            self.init(v4: UInt32(truncatingIfNeeded: low))
        case 16:
            for (i, octet) in octets.enumerated() {
                if i < 8 { high = high << 8 | UInt64(octet) } else { low = low << 8 | UInt64(octet) }
            }
            self.init(v6High: high, low: low)
        default: return nil
        }
    }
}

// MARK: Kinds of addresses

extension IPAddress {
    /// The IPv4 address that an IPv6 address carries inside: IPv4-mapped (::ffff:a.b.c.d), IPv4-compatible
    /// (::a.b.c.d), 6to4 (2002::/16) and NAT64 (64:ff9b::/96); otherwise the address itself. Checks against networks
    /// use it, so that no spelling of an address slips past them.
    public var embedded: IPAddress {
        guard family == .v6 else { return self }
        let last = UInt32(truncatingIfNeeded: low)
        if high == 0, low >> 32 == 0xffff { return IPAddress(v4: last) }
        if high == 0, low >> 32 == 0, low > 1 { return IPAddress(v4: last) }
        if high >> 48 == 0x2002 { return IPAddress(v4: UInt32(truncatingIfNeeded: high >> 16)) }
        if high == 0x0064_ff9b_0000_0000, low >> 32 == 0 { return IPAddress(v4: last) }
        return self
    }

    /// The IPv4 address that ::ffff:a.b.c.d stands for; itself otherwise.
    public var unmapped: IPAddress { family == .v6 && high == 0 && low >> 32 == 0xffff ? embedded : self }

    public var isUnspecified: Bool { family == .v4 ? low >> 24 == 0 : high == 0 && low == 0 }
    public var isLoopback: Bool { family == .v4 ? low >> 24 == 127 : high == 0 && low == 1 }
    /// Multicast, and the IPv4 limited broadcast address.
    public var isMulticast: Bool { family == .v4 ? low >> 28 == 0xe || low == 0xffff_ffff : high >> 56 == 0xff }
    public var isLinkLocal: Bool { family == .v4 ? low >> 16 == 0xa9fe : high >> 54 == 0xfe80 >> 6 }
    /// RFC 1918 or RFC 4193.
    public var isPrivate: Bool {
        family == .v4 ? low >> 24 == 10 || low >> 20 == 0xac1 || low >> 16 == 0xc0a8 : high >> 57 == 0xfc >> 1
    }
}

// MARK: Text

extension IPAddress: CustomStringConvertible {
    /// RFC 5952 text, without brackets.
    public var description: String {
        var bytes: [UInt8] = []
        write(into: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends the address's RFC 5952 text, without brackets.
    public func write(into out: inout [UInt8]) {
        if family == .v4 {
            for shift in stride(from: 24, through: 0, by: -8) {
                out.appendDecimal(UInt8(truncatingIfNeeded: low >> shift))
                if shift > 0 { out.append(UInt8(ascii: ".")) }
            }
            return
        }
        let gap = longestZeroRun
        var index = 0
        while index < 8 {
            if gap.count > 1, index == gap.lowerBound {
                out.append(UInt8(ascii: ":"))
                out.append(UInt8(ascii: ":"))
                index = gap.upperBound
                continue
            }
            if index > 0, index != gap.upperBound || gap.count < 2 { out.append(UInt8(ascii: ":")) }
            out.appendHexadecimal(group(index))
            index += 1
        }
    }

    private func group(_ index: Int) -> UInt16 {
        let half = index < 4 ? high : low
        return UInt16(truncatingIfNeeded: half >> UInt64(48 - 16 * (index & 3)))
    }

    private var longestZeroRun: Range<Int> {
        var best = 0..<0
        var start = 0
        for index in 0...8 where index == 8 || group(index) != 0 {
            if index - start > best.count { best = start..<index }
            start = index + 1
        }
        return best
    }

    /// Reads an IPv4 or IPv6 literal, the latter with or without brackets; nothing else, no zone.
    public init?(_ text: String) { self.init(text: Array(text.utf8)[...]) }

    /// Reads an IPv4 or IPv6 literal, the latter with or without brackets (RFC 3986 §3.2.2, RFC 5118 §4.1).
    public init?(text: some RandomAccessCollection<UInt8>) { self.init(text: Array(text)[...]) }

    /// The same for a part of a message, concrete so that callers in other targets get compiled code and not witnesses.
    public init?(text: ArraySlice<UInt8>) { self.init(text.span) }

    /// Reads the literal without allocating.
    public init?(_ text: Span<UInt8>) {
        guard text.count > 1 else { return nil }
        if text[0] == UInt8(ascii: "["), text[text.count - 1] == UInt8(ascii: "]") {
            guard let value = Self.v6Value(1..<(text.count - 1), in: text) else { return nil }
            self.init(v6: value)
        } else if let value = Self.v4Value(text.indices, in: text) {
            self.init(v4: value)
        } else {
            guard let value = Self.v6Value(text.indices, in: text) else { return nil }
            self.init(v6: value)
        }
    }

    private init(v6 value: UInt128) {
        self.init(v6High: UInt64(truncatingIfNeeded: value >> 64), low: UInt64(truncatingIfNeeded: value))
    }

    private static func v4Value(_ range: Range<Int>, in text: Span<UInt8>) -> UInt32? {
        var value: UInt32 = 0
        var octet: UInt32 = 0
        var digits = 0
        var dots = 0
        for index in range {
            let byte = text[index]
            if byte == UInt8(ascii: ".") {
                guard digits > 0, dots < 3 else { return nil }
                value = value << 8 | octet
                (octet, digits, dots) = (0, 0, dots + 1)
            } else {
                guard byte.isDigit, digits < 3 else { return nil }
                octet = octet * 10 + UInt32(byte &- 0x30)
                digits += 1
                if octet > 255 { return nil }
            }
        }
        guard dots == 3, digits > 0 else { return nil }
        return value << 8 | octet
    }

    /// The groups before a `::` are shifted to the top, those after it stay at the bottom.
    private static func v6Value(_ range: Range<Int>, in text: Span<UInt8>) -> UInt128? {
        var (head, groups, gap) = (UInt128(0), 0, -1)
        var tail: UInt128 = 0
        var index = range.lowerBound
        if range.count >= 2, text[index] == UInt8(ascii: ":"), text[index + 1] == UInt8(ascii: ":") {
            gap = 0
            index += 2
        }
        while index < range.upperBound {
            guard let (group, bits, end) = v6Group(index..<range.upperBound, in: text), groups + bits / 16 <= 8 else {
                return nil
            }
            if gap < 0 { head = head << UInt128(bits) | group } else { tail = tail << UInt128(bits) | group }
            groups += bits / 16
            index = end
            if index == range.upperBound { break }
            index += 1
            if index == range.upperBound { return nil }
            if text[index] == UInt8(ascii: ":") {
                guard gap < 0 else { return nil }
                gap = groups
                index += 1
            }
        }
        guard gap >= 0 else { return groups == 8 ? head : nil }
        guard groups < 8 else { return nil }
        return gap == 0 ? tail : head << UInt128(128 - 16 * gap) | tail
    }

    /// The group that starts `range`: 16 bits in hexadecimal and a colon or the end after them, or 32 bits in the
    /// dotted notation at the end.
    private static func v6Group(
        _ range: Range<Int>, in text: Span<UInt8>
    ) -> (value: UInt128, bits: Int, end: Int)? {
        var value: UInt128 = 0
        var index = range.lowerBound
        while index < range.upperBound, index < range.lowerBound + 4, let digit = text[index].hexDigitValue {
            value = value << 4 | UInt128(digit)
            index += 1
        }
        guard index > range.lowerBound else { return nil }
        if index == range.upperBound || text[index] == UInt8(ascii: ":") { return (value, 16, index) }
        return v4Value(range, in: text).map { (UInt128($0), 32, range.upperBound) }
    }
}
