import COpenSSL

/// HMAC-SHA1 under one key (RFC 2104), with the state behind both pads kept: two of six compressions saved, and a copy
/// of 96 octets where libcrypto's own HMAC allocates.
public final class HMACSHA1 {
    static let keyLength = 20
    static let tagLength = 20

    /// The states behind the inner and the outer pad.
    private let states: UnsafeMutablePointer<SHA_CTX>

    /// nil for a key of more than 64 octets, which nothing here has.
    public init?(key: [UInt8]) {
        guard key.count <= 64 else { return nil }
        states = .allocate(capacity: 2)
        states.initialize(repeating: SHA_CTX(), count: 2)
        let padded = key + [UInt8](repeating: 0, count: 64 - key.count)
        guard Self.start(states, padded.map { $0 ^ 0x36 }), Self.start(states + 1, padded.map { $0 ^ 0x5c }) else {
            return nil
        }
    }

    deinit {
        OPENSSL_cleanse(states, 2 * MemoryLayout<SHA_CTX>.stride)
        states.deallocate()
    }

    private static func start(_ state: UnsafeMutablePointer<SHA_CTX>, _ pad: [UInt8]) -> Bool {
        SHA1_Init(state) == 1 && SHA1_Update(state, pad, pad.count) == 1
    }

    /// The tag of `text`, followed by `rollover` where there is one (RFC 3711 §4.2).
    @inline(__always) func tag(_ text: UnsafeMutableRawBufferPointer, rollover: UInt32?) throws(SRTPError) -> Tag {
        var tag = Tag()
        var state = states[0]
        var isDone = SHA1_Update(&state, text.baseAddress, text.count) == 1
        if let rollover {
            isDone = withUnsafeBytes(of: rollover.bigEndian) { SHA1_Update(&state, $0.baseAddress, 4) == 1 } && isDone
        }
        isDone =
            withUnsafeMutableBytes(of: &tag) { octets in
                let octets = octets.assumingMemoryBound(to: UInt8.self).baseAddress
                guard SHA1_Final(octets, &state) == 1 else { return false }
                state = states[1]
                return SHA1_Update(&state, octets, Self.tagLength) == 1 && SHA1_Final(octets, &state) == 1
            } && isDone
        guard isDone else { throw .failed }
        return tag
    }

    /// 20 octets.
    struct Tag {
        private var words: (UInt64, UInt64, UInt32) = (0, 0, 0)

        /// Writes the first octets of the tag, as many as `place` has.
        @inline(__always) func write(to place: UnsafeMutableRawBufferPointer) {
            withUnsafeBytes(of: words) { place.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<place.count])) }
        }

        /// Whether `place` has the first octets of the tag, found out in the same time whichever differ.
        @inline(__always) func matches(_ place: UnsafeMutableRawBufferPointer) -> Bool {
            withUnsafeBytes(of: words) { CRYPTO_memcmp($0.baseAddress, place.baseAddress, place.count) == 0 }
        }
    }
}
