extension Span<UInt8> {
    /// The number at `position`, most significant octet first; nil where the octets end before it.
    func bigEndian16(at position: Int) -> UInt16? {
        guard position >= 0, position <= count - 2 else { return nil }
        return UInt16(self[position]) << 8 | UInt16(self[position + 1])
    }

    func bigEndian32(at position: Int) -> UInt32? {
        guard let high = bigEndian16(at: position), let low = bigEndian16(at: position + 2) else { return nil }
        return UInt32(high) << 16 | UInt32(low)
    }

    func bigEndian64(at position: Int) -> UInt64? {
        guard let high = bigEndian32(at: position), let low = bigEndian32(at: position + 4) else { return nil }
        return UInt64(high) << 32 | UInt64(low)
    }
}
