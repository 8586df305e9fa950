import COpenSSL
import NetworkTypes

/// AES in Galois/counter mode (RFC 7714), for RTP or for RTCP.
final class GCMTransform {
    static let tagLength = 16

    private let context: OpaquePointer
    private let salt: [UInt8]

    init(_ keys: SessionKeys) throws(SRTPError) {
        guard let cipher = Algorithm.gcm(keys.encryption.count), let context = EVP_CIPHER_CTX_new() else {
            throw .failed
        }
        self.context = context
        salt = keys.salt
        // Only the key: the nonce comes with each packet.
        guard EVP_CipherInit_ex2(context, cipher, keys.encryption, nil, 1, nil) == 1 else { throw .failed }
    }

    /// Wipes the key along with the context.
    deinit { EVP_CIPHER_CTX_free(context) }

    /// Encrypts `text` in place, and writes the tag of it and of what stays in the clear: `header`, then `trailer`.
    func seal(
        _ text: UnsafeMutableRawBufferPointer, header: UnsafeMutableRawBufferPointer,
        trailer: UnsafeMutableRawBufferPointer?, ssrc: UInt32, index: UInt64,
        tag: UnsafeMutableRawBufferPointer
    ) throws(SRTPError) {
        let isDone =
            start(1, ssrc, index) && authenticate(header) && authenticate(trailer) && crypt(text) && finish()
            && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagLength), tag.baseAddress) == 1
        guard isDone else { throw .failed }
    }

    /// Verifies and decrypts in place; what isn't authentic is left as it was.
    func open(
        _ text: UnsafeMutableRawBufferPointer, header: UnsafeMutableRawBufferPointer,
        trailer: UnsafeMutableRawBufferPointer?, ssrc: UInt32, index: UInt64,
        tag: UnsafeMutableRawBufferPointer
    ) throws(SRTPError) {
        let isRead =
            start(0, ssrc, index) && authenticate(header) && authenticate(trailer) && crypt(text)
            && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagLength), tag.baseAddress) == 1
        guard isRead else { throw .failed }
        if finish() { return }
        // It was decrypted on the way to the tag: the same key stream once more turns it back.
        guard start(1, ssrc, index), crypt(text) else { throw .failed }
        throw .authentication
    }

    /// Sets the nonce: the salt, with the source and the index added (RFC 7714 §8.1, §9.1).
    private func start(_ isEncrypting: Int32, _ ssrc: UInt32, _ index: UInt64) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: 12, alignment: 4) { nonce in
            nonce.copyBytes(from: salt)
            nonce.store(nonce.word32(at: 2) ^ ssrc, at: 2)
            nonce.store(nonce.word16(at: 6) ^ UInt16(truncatingIfNeeded: index >> 32), at: 6)
            nonce.store(nonce.word32(at: 8) ^ UInt32(truncatingIfNeeded: index), at: 8)
            let octets = nonce.baseAddress?.assumingMemoryBound(to: UInt8.self)
            return EVP_CipherInit_ex2(context, nil, nil, octets, isEncrypting, nil) == 1
        }
    }

    private func authenticate(_ data: UnsafeMutableRawBufferPointer?) -> Bool {
        guard let data else { return true }
        var written: Int32 = 0
        let octets = data.baseAddress?.assumingMemoryBound(to: UInt8.self)
        return EVP_CipherUpdate(context, nil, &written, octets, Int32(data.count)) == 1
    }

    private func crypt(_ text: UnsafeMutableRawBufferPointer) -> Bool {
        if text.isEmpty { return true }
        var written: Int32 = 0
        let octets = text.baseAddress?.assumingMemoryBound(to: UInt8.self)
        return EVP_CipherUpdate(context, octets, &written, octets, Int32(text.count)) == 1
    }

    private func finish() -> Bool {
        var written: Int32 = 0
        var nothing: UInt8 = 0
        return EVP_CipherFinal_ex(context, &nothing, &written) == 1
    }
}
