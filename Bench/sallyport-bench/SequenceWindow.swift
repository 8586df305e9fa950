/// Tells new packets, late ones and duplicates apart by their 64-bit sequence numbers.
struct SequenceWindow {
    enum Verdict { case new, late, duplicate }

    /// One more than the highest number seen: how many packets there should have been.
    private(set) var expected: UInt64 = 0
    /// Bit n: the number `expected - 1 - n` was seen.
    private var seen: UInt64 = 0

    /// Takes in a number. One that is 64 or more behind is taken for a duplicate.
    mutating func insert(_ sequence: UInt64) -> Verdict {
        if sequence >= expected {
            let advance = sequence - expected + 1
            seen = (advance < 64 ? seen << advance : 0) | 1
            expected = sequence + 1
            return .new
        }
        let age = expected - 1 - sequence
        guard age < 64, seen & 1 << age == 0 else { return .duplicate }
        seen |= 1 << age
        return .late
    }
}
