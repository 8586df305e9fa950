import COpenSSL
import NetworkTypes

/// What a handshake with `use_srtp` settles on (RFC 5764 §4.1.2, RFC 7714 §14.2), as OpenSSL numbers it.
enum SRTPProfile {
    /// The suite that the handshake chose; nil if it chose none.
    static func suite(of handle: OpaquePointer) -> CryptoSuite? {
        guard let profile = SSL_get_selected_srtp_profile(handle) else { return nil }
        switch Int32(clamping: profile.pointee.id) {
        case SRTP_AES128_CM_SHA1_80: return .aes128SHA1x80
        case SRTP_AES128_CM_SHA1_32: return .aes128SHA1x32
        case SRTP_AEAD_AES_128_GCM: return .aes128GCM
        case SRTP_AEAD_AES_256_GCM: return .aes256GCM
        default: return nil
        }
    }

    /// The keys of the client and of the server, in this order (RFC 5764 §4.2).
    static func keys(
        of handle: OpaquePointer, _ suite: CryptoSuite
    ) -> (client: KeyingMaterial, server: KeyingMaterial)? {
        let label = "EXTRACTOR-dtls_srtp"
        let (key, salt) = (suite.keyLength, suite.saltLength)
        var octets = [UInt8](repeating: 0, count: 2 * (key + salt))
        guard SSL_export_keying_material(handle, &octets, octets.count, label, label.utf8.count, nil, 0, 0) == 1
        else { return nil }
        let salts = 2 * key
        guard
            let client = KeyingMaterial(
                suite, key: Array(octets[..<key]), salt: Array(octets[salts..<salts + salt])),
            let server = KeyingMaterial(
                suite, key: Array(octets[key..<salts]), salt: Array(octets[(salts + salt)...]))
        else { return nil }
        return (client, server)
    }
}
