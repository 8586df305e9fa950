/// SipHash-2-4 with a 128-bit key: a fast hash that a stranger who chooses the input can't predict.
///
/// Used to name the shard of a Call-ID and to make branches. Swift's own `Hasher` has no key of ours, so a branch or
/// a shard could not be reproduced in a test.
public struct KeyedHash: Sendable {
    private let key0: UInt64
    private let key1: UInt64

    public init(key0: UInt64, key1: UInt64) {
        self.key0 = key0
        self.key1 = key1
    }

    /// A hash with a key from the system's random generator.
    public static func random() -> KeyedHash { KeyedHash(key0: .random(in: 0 ... .max), key1: .random(in: 0 ... .max)) }

    /// The hash of all of `bytes`.
    public func callAsFunction(_ bytes: [UInt8]) -> UInt64 { hash(bytes.span) }

    public func callAsFunction(_ bytes: ArraySlice<UInt8>) -> UInt64 { hash(bytes.span) }

    // Not generic: other modules would call it through witnesses, octet by octet.
    private func hash(_ bytes: Span<UInt8>) -> UInt64 {
        var state = State(key0, key1)
        var word: UInt64 = 0
        var filled: UInt64 = 0
        for index in bytes.indices {
            word |= UInt64(bytes[index]) << (8 &* (filled & 7))
            filled &+= 1
            if filled & 7 == 0 {
                state.absorb(word)
                word = 0
            }
        }
        state.absorb(word | filled << 56)
        return state.finish()
    }

    /// The hash of one number.
    public func callAsFunction(_ number: UInt64) -> UInt64 {
        var state = State(key0, key1)
        state.absorb(number)
        state.absorb(8 << 56)
        return state.finish()
    }

    private struct State {
        var v0, v1, v2, v3: UInt64

        init(_ key0: UInt64, _ key1: UInt64) {
            v0 = key0 ^ 0x736f_6d65_7073_6575
            v1 = key1 ^ 0x646f_7261_6e64_6f6d
            v2 = key0 ^ 0x6c79_6765_6e65_7261
            v3 = key1 ^ 0x7465_6462_7974_6573
        }

        mutating func absorb(_ word: UInt64) {
            v3 ^= word
            round()
            round()
            v0 ^= word
        }

        mutating func finish() -> UInt64 {
            v2 ^= 0xff
            for _ in 0..<4 { round() }
            return v0 ^ v1 ^ v2 ^ v3
        }

        private mutating func round() {
            v0 &+= v1
            v1 = v1 << 13 | v1 >> 51
            v1 ^= v0
            v0 = v0 << 32 | v0 >> 32
            v2 &+= v3
            v3 = v3 << 16 | v3 >> 48
            v3 ^= v2
            v0 &+= v3
            v3 = v3 << 21 | v3 >> 43
            v3 ^= v0
            v2 &+= v1
            v1 = v1 << 17 | v1 >> 47
            v1 ^= v2
            v2 = v2 << 32 | v2 >> 32
        }
    }
}
