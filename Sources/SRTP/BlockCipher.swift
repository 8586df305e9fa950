import COpenSSL

/// The algorithms, fetched once: looking them up by name for each key costs more than the key does.
enum Algorithm {
    // Immutable and counted atomically by libcrypto, and never freed.
    nonisolated(unsafe) private static let ecb128 = EVP_CIPHER_fetch(nil, "AES-128-ECB", nil)
    nonisolated(unsafe) private static let ecb256 = EVP_CIPHER_fetch(nil, "AES-256-ECB", nil)
    nonisolated(unsafe) private static let gcm128 = EVP_CIPHER_fetch(nil, "AES-128-GCM", nil)
    nonisolated(unsafe) private static let gcm256 = EVP_CIPHER_fetch(nil, "AES-256-GCM", nil)

    static func ecb(_ keyLength: Int) -> OpaquePointer? { keyLength == 16 ? ecb128 : ecb256 }
    static func gcm(_ keyLength: Int) -> OpaquePointer? { keyLength == 16 ? gcm128 : gcm256 }
}

/// The input of AES in counter mode, most significant octets first: 112 bits of salt, source and index, and a counter
/// of blocks (RFC 3711 §4.1.1).
struct CounterBlock {
    var high: UInt64
    var low: UInt64

    /// A salt of up to 14 octets, with zeros behind it.
    init(salt: [UInt8]) {
        (high, low) = (0, 0)
        for (place, octet) in salt.prefix(14).enumerated() {
            if place < 8 {
                high |= UInt64(octet) << UInt64(56 - 8 * place)
            } else {
                low |= UInt64(octet) << UInt64(120 - 8 * place)
            }
        }
    }

    /// The block for a packet of `ssrc` with `index`.
    func at(ssrc: UInt32, index: UInt64) -> CounterBlock {
        var block = self
        block.high ^= UInt64(ssrc)
        block.low ^= index << 16
        return block
    }
}

/// AES in counter mode under one key.
///
/// The key stream is made by encrypting the counters as plain blocks: 33 ns for 160 octets, where telling libcrypto's
/// own counter mode a new initial value for each packet costs 83.
final class CounterModeCipher {
    private static let chunk = 512
    private let context: OpaquePointer

    init?(key: [UInt8]) {
        guard let cipher = Algorithm.ecb(key.count), let context = EVP_CIPHER_CTX_new() else { return nil }
        guard EVP_EncryptInit_ex2(context, cipher, key, nil, nil) == 1, EVP_CIPHER_CTX_set_padding(context, 0) == 1
        else {
            EVP_CIPHER_CTX_free(context)
            return nil
        }
        self.context = context
    }

    /// Wipes the key along with the context.
    deinit { EVP_CIPHER_CTX_free(context) }

    /// Encrypts or decrypts in place; the counter of `first` is zero, and 65,536 blocks are more than any datagram has.
    func crypt(_ text: UnsafeMutableRawBufferPointer, from first: CounterBlock) throws(SRTPError) {
        var block = first
        var offset = 0
        while offset < text.count {
            let count = min(Self.chunk, text.count - offset)
            guard crypt(text.part(offset..<offset + count), &block) else { throw .failed }
            offset += count
        }
    }

    private func crypt(_ text: UnsafeMutableRawBufferPointer, _ block: inout CounterBlock) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: Self.chunk, alignment: 16) { stream in
            let length = (text.count + 15) & ~15
            var place = 0
            while place < length {
                stream.storeBytes(of: block.high.bigEndian, toByteOffset: place, as: UInt64.self)
                stream.storeBytes(of: block.low.bigEndian, toByteOffset: place + 8, as: UInt64.self)
                block.low &+= 1
                place += 16
            }
            let octets = stream.baseAddress?.assumingMemoryBound(to: UInt8.self)
            var written: Int32 = 0
            guard EVP_EncryptUpdate(context, octets, &written, octets, Int32(length)) == 1 else { return false }
            text.xor(stream)
            return true
        }
    }
}

extension UnsafeMutableRawBufferPointer {
    /// Adds a key stream that is at least as long.
    @inline(__always) fileprivate func xor(_ stream: UnsafeMutableRawBufferPointer) {
        var place = 0
        while place + 8 <= count {
            let word = loadUnaligned(fromByteOffset: place, as: UInt64.self)
            storeBytes(
                of: word ^ stream.loadUnaligned(fromByteOffset: place, as: UInt64.self), toByteOffset: place,
                as: UInt64.self)
            place += 8
        }
        while place < count {
            self[place] ^= stream[place]
            place += 1
        }
    }
}
