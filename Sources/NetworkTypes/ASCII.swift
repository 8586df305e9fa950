/// Small questions about octets, in the terms of RFC 3261's grammar (§25.1).
extension UInt8 {
    @inlinable public var isDigit: Bool { self &- 0x30 < 10 }
    @inlinable public var isAlpha: Bool { (self | 0x20) &- 0x61 < 26 }
    @inlinable public var isAlphanumeric: Bool { isDigit || isAlpha }
    /// Space or horizontal tab (WSP).
    @inlinable public var isWhitespace: Bool { self == 0x20 || self == 0x09 }
    /// White space, or of the line end in it where a line is folded (RFC 3261 §25.1, LWS).
    @inlinable public var isLinearWhiteSpace: Bool { isWhitespace || self == 13 || self == 10 }
    /// Lower case for A–Z, itself otherwise.
    @inlinable public var lowercased: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }

    /// The value of a hexadecimal digit in either case.
    @inlinable public var hexDigitValue: UInt8? {
        if isDigit { return self &- 0x30 }
        let letter = (self | 0x20) &- 0x61
        return letter < 6 ? letter &+ 10 : nil
    }
}

extension Array<UInt8> {
    /// Appends `value` in decimal, without a string in between.
    @inlinable public mutating func appendDecimal(_ value: some FixedWidthInteger & UnsignedInteger) {
        let value = UInt64(truncatingIfNeeded: value)
        var unit: UInt64 = 1
        while value / unit >= 10 { unit &*= 10 }
        while unit > 0 {
            append(0x30 &+ UInt8(truncatingIfNeeded: value / unit % 10))
            unit /= 10
        }
    }

    /// Appends `value` in decimal.
    @inlinable public mutating func appendDecimal(_ value: Int) {
        if value < 0 { append(0x2d) }
        appendDecimal(value.magnitude)
    }

    /// Appends `value` in lower-case hexadecimal without leading zeros.
    @inlinable public mutating func appendHexadecimal(_ value: some FixedWidthInteger & UnsignedInteger) {
        let value = UInt64(truncatingIfNeeded: value)
        var shift = (63 &- (value | 1).leadingZeroBitCount) & ~3
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift)) & 15
            append(digit < 10 ? 0x30 &+ digit : 0x57 &+ digit)
            shift &-= 4
        }
    }

    /// Whether the octets in `range` are `text` but for the case of letters.
    @inlinable public func equals(_ range: Range<Int>, ignoringCase text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        let octets = span
        let letters = unsafe text.utf8Start
        var offset = 0
        for index in range {
            if unsafe octets[index].lowercased != letters[offset].lowercased { return false }
            offset &+= 1
        }
        return true
    }

    /// The unsigned decimal number that the octets in `range` spell: 1*DIGIT, no sign, no white space, no overflow.
    @inlinable public func decimal<Number: FixedWidthInteger & UnsignedInteger>(
        _ range: Range<Int>, as type: Number.Type = Number.self
    ) -> Number? {
        guard !range.isEmpty else { return nil }
        var value: Number = 0
        for index in range {
            guard self[index].isDigit else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Number(self[index] &- 0x30))
            if overflow || carry { return nil }
            value = sum
        }
        return value
    }

    /// `range` without the white space (and line ends of folded lines) at both of its ends.
    @inlinable public func trimming(_ range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, self[start].isLinearWhiteSpace { start += 1 }
        while end > start, self[end - 1].isLinearWhiteSpace { end -= 1 }
        return start..<end
    }

    /// The octets in `range` as text; octets that are not UTF-8 are shown as replacement characters.
    public func text(_ range: Range<Int>) -> String { String(decoding: self[range], as: UTF8.self) }
}
