/// An SRTP crypto suite that SDP can name (RFC 4568 §6.2, RFC 6188 §6, RFC 7714 §14).
public enum CryptoSuite: UInt8, Hashable, Sendable, CaseIterable {
    case aes128SHA1x80, aes128SHA1x32, aes256SHA1x80, aes256SHA1x32, aes128GCM, aes256GCM

    /// The name in an `a=crypto` line.
    public var name: StaticString {
        switch self {
        case .aes128SHA1x80: "AES_CM_128_HMAC_SHA1_80"
        case .aes128SHA1x32: "AES_CM_128_HMAC_SHA1_32"
        case .aes256SHA1x80: "AES_256_CM_HMAC_SHA1_80"
        case .aes256SHA1x32: "AES_256_CM_HMAC_SHA1_32"
        case .aes128GCM: "AEAD_AES_128_GCM"
        case .aes256GCM: "AEAD_AES_256_GCM"
        }
    }

    /// Whether one operation encrypts and authenticates (RFC 7714), instead of AES counter mode and HMAC-SHA1.
    public var isAEAD: Bool { self == .aes128GCM || self == .aes256GCM }

    /// Octets of a master key, and of the encryption keys derived from it.
    public var keyLength: Int {
        switch self {
        case .aes128SHA1x80, .aes128SHA1x32, .aes128GCM: 16
        case .aes256SHA1x80, .aes256SHA1x32, .aes256GCM: 32
        }
    }

    /// Octets of a master salt, and of the salts derived from it.
    public var saltLength: Int { isAEAD ? 12 : 14 }

    /// Octets of the authentication tag of an RTP packet.
    public var tagLength: Int {
        switch self {
        case .aes128SHA1x80, .aes256SHA1x80: 10
        case .aes128SHA1x32, .aes256SHA1x32: 4
        case .aes128GCM, .aes256GCM: 16
        }
    }

    /// Octets of the authentication tag of an RTCP packet, which is never cut to 32 bits (RFC 4568 §6.2.2).
    public var controlTagLength: Int { isAEAD ? 16 : 10 }
}
