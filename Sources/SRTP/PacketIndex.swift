/// The indexes that were used with one key by one source: the highest, and which of those right below it
/// (RFC 3711 §3.3.1, §3.3.2).
struct IndexWindow {
    /// How many indexes are remembered; RFC 3711 asks for 64.
    static let width: UInt64 = 128

    /// The highest index; nil before the first.
    private(set) var highest: UInt64?
    /// Bit n is set when the index n below the highest was used.
    private var used: UInt128 = 0

    /// Whether the index is known not to have been used.
    func isFresh(_ index: UInt64) -> Bool {
        guard let highest, index <= highest else { return true }
        let age = highest - index
        return age < Self.width && used & (1 << age) == 0
    }

    /// Notes that a fresh index is used.
    mutating func insert(_ index: UInt64) {
        guard let highest else {
            highest = index
            used = 1
            return
        }
        if index > highest {
            let step = index - highest
            used = step < Self.width ? used << step | 1 : 1
            self.highest = index
        } else if highest - index < Self.width {
            used |= 1 << (highest - index)
        }
    }

    /// The RTP packet index that a sequence number most likely stands for: the one nearest to the highest
    /// (RFC 3711 appendix A); nil for one before the first roll-over.
    func nearest(to sequenceNumber: UInt16) -> UInt64? {
        guard let highest else { return UInt64(sequenceNumber) }
        let last = UInt16(truncatingIfNeeded: highest)
        let index = highest & ~0xffff | UInt64(sequenceNumber)
        if last < 0x8000 {
            guard sequenceNumber > last, sequenceNumber - last > 0x8000 else { return index }
            return index >= 0x1_0000 ? index - 0x1_0000 : nil
        }
        return last - 0x8000 > sequenceNumber ? index + 0x1_0000 : index
    }
}
