// What is no packet of SRTP: STUN's MESSAGE-INTEGRITY (RFC 8489 §14.5).

extension HMACSHA1 {
    /// The 20 octets of the tag of `text`.
    public func tag(of text: Span<UInt8>) -> [UInt8]? {
        let tag = text.withUnsafeBytes { text -> Tag? in
            // The octets are only read.
            try? self.tag(UnsafeMutableRawBufferPointer(mutating: text), rollover: nil)
        }
        guard let tag else { return nil }
        return [UInt8](unsafeUninitializedCapacity: Self.tagLength) { buffer, count in
            tag.write(to: UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: Self.tagLength))
            count = Self.tagLength
        }
    }

    /// Whether `place` in `octets` has the tag of `text`, found out in the same time whichever octets differ.
    public func matches(_ place: Range<Int>, of octets: Span<UInt8>, text: Span<UInt8>) -> Bool {
        guard place.count == Self.tagLength, place.lowerBound >= 0, place.upperBound <= octets.count,
            let tag = tag(of: text)
        else { return false }
        var difference: UInt8 = 0
        for index in 0..<Self.tagLength { difference |= tag[index] ^ octets[place.lowerBound + index] }
        return difference == 0
    }
}
