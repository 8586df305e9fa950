import COpenSSL

/// 16 octets as a number, most significant octet first: what AES works on, and RFC 5297 and RFC 4493 calculate with.
struct Block {
    var high: UInt64 = 0
    var low: UInt64 = 0

    static func ^ (a: Block, b: Block) -> Block { Block(high: a.high ^ b.high, low: a.low ^ b.low) }

    /// Multiplication by x in GF(2^128), "dbl" in RFC 5297 §2.3, without a branch on the secret.
    var doubled: Block {
        let carry = (0 &- (high >> 63)) & 0x87
        return Block(high: high << 1 | low >> 63, low: (low << 1) ^ carry)
    }

    /// The 16 octets of `bytes` that start at `offset`.
    init(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        high = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self))
    }

    /// The fewer than 16 octets of `bytes` from `offset` on, then a single 1 bit and zeros ("pad" in RFC 5297 §2.3).
    init(padding bytes: UnsafeRawBufferPointer, from offset: Int) {
        var shift: UInt64 = 120
        for index in offset..<bytes.count {
            place(bytes[index], shift)
            shift -= 8
        }
        place(0x80, shift)
    }

    private mutating func place(_ octet: UInt8, _ shift: UInt64) {
        if shift >= 64 { high |= UInt64(octet) << (shift - 64) } else { low |= UInt64(octet) << shift }
    }

    init(high: UInt64 = 0, low: UInt64 = 0) {
        self.high = high
        self.low = low
    }

    /// The block as memory holds it, for C.
    var stored: (UInt64, UInt64) { (high.bigEndian, low.bigEndian) }

    func append(to bytes: inout [UInt8]) {
        withUnsafeBytes(of: stored) { bytes.append(contentsOf: $0) }
    }

    /// Changes the last 16 octets of `bytes` ("xorend" in RFC 5297 §2.3).
    func change(endOf bytes: inout [UInt8]) {
        withUnsafeBytes(of: stored) { octets in
            for (index, octet) in octets.enumerated() { bytes[bytes.count - 16 + index] ^= octet }
        }
    }
}

/// AES-128 on single blocks, by a libcrypto context that is made once.
final class BlockCipher {
    private let context: OpaquePointer

    init(key: some Collection<UInt8>) {
        precondition(key.count == 16, "the key file and the callers only make keys of the right length")
        guard let cipher = EVP_CIPHER_fetch(nil, "AES-128-ECB", nil), let context = EVP_CIPHER_CTX_new(),
            EVP_EncryptInit_ex2(context, cipher, Array(key), nil, nil) == 1,
            EVP_CIPHER_CTX_set_padding(context, 0) == 1
        else { preconditionFailure("libcrypto has AES-128 in every provider") }
        EVP_CIPHER_free(cipher)
        self.context = context
    }

    deinit { EVP_CIPHER_CTX_free(context) }

    func encrypt(_ block: Block) -> Block {
        var stored = block.stored
        withUnsafeMutableBytes(of: &stored) { encrypt($0) }
        return Block(high: UInt64(bigEndian: stored.0), low: UInt64(bigEndian: stored.1))
    }

    /// Encrypts whole blocks, each by itself, in place.
    func encrypt(_ blocks: UnsafeMutableRawBufferPointer) {
        let octets = blocks.assumingMemoryBound(to: UInt8.self)
        var length: Int32 = 0
        guard EVP_EncryptUpdate(context, octets.baseAddress, &length, octets.baseAddress, Int32(octets.count)) == 1
        else {
            preconditionFailure("AES on whole blocks has no way to fail")
        }
    }
}
