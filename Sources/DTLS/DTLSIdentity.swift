import COpenSSL
import Glibc
public import NetworkTypes

/// Our certificate for media, and the rules of its handshakes: made when the process starts, signed by nobody but itself,
/// and known to a peer by the fingerprint that signalling tells it (RFC 5763 §3). The key never leaves memory.
///
/// Sendable without the compiler's proof: nothing is changed after `init`, and OpenSSL counts the references to an
/// `SSL_CTX` with atomic operations (openssl-threads(7)).
public final class DTLSIdentity: @unchecked Sendable {
    /// That of the process; nil if OpenSSL can't make any.
    public static let process: DTLSIdentity? = try? DTLSIdentity()

    /// What `a=fingerprint` says.
    public let fingerprint: CertificateFingerprint
    let handle: OpaquePointer

    public init() throws(DTLSFailure) {
        ERR_clear_error()
        guard let handle = SSL_CTX_new(DTLS_method()) else { throw .openSSL("no DTLS context can be made") }
        do throws(DTLSFailure) {
            fingerprint = try Self.certify(handle)
            try Self.setRules(of: handle)
        } catch {
            SSL_CTX_free(handle)
            throw error
        }
        self.handle = handle
    }

    deinit { SSL_CTX_free(handle) }

    // MARK: The certificate

    /// Gives the context a new key and its certificate.
    private static func certify(_ handle: OpaquePointer) throws(DTLSFailure) -> CertificateFingerprint {
        guard let key = newKey() else { throw .openSSL("no key can be made") }
        defer { EVP_PKEY_free(key) }
        guard let certificate = X509_new() else { throw .openSSL("no certificate can be made") }
        defer { X509_free(certificate) }
        let now = time(nil)
        let name: [UInt8] = Array("sallyport".utf8)
        let subject = X509_get_subject_name(certificate)
        guard X509_set_version(certificate, 2) == 1,
            ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), .random(in: 1 ... .max)) == 1,
            // A process may be up for years, and nobody but the fingerprint vouches for the certificate anyway.
            ASN1_TIME_set(X509_getm_notBefore(certificate), now - 86_400) != nil,
            ASN1_TIME_set(X509_getm_notAfter(certificate), now + 3650 * 86_400) != nil,
            X509_set_pubkey(certificate, key) == 1,
            X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, name, Int32(name.count), -1, 0) == 1,
            X509_set_issuer_name(certificate, subject) == 1,
            X509_sign(certificate, key, EVP_sha256()) > 0,
            SSL_CTX_use_certificate(handle, certificate) == 1, SSL_CTX_use_PrivateKey(handle, key) == 1
        else { throw .openSSL("no certificate can be made") }
        guard let fingerprint = fingerprint(of: certificate, .sha256) else {
            throw .openSSL("no fingerprint can be made")
        }
        return fingerprint
    }

    private static func newKey() -> OpaquePointer? {
        guard let context = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nil) else { return nil }
        defer { EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard EVP_PKEY_keygen_init(context) == 1,
            EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1) == 1,
            EVP_PKEY_keygen(context, &key) == 1
        else { return nil }
        return key
    }

    static func fingerprint(
        of certificate: OpaquePointer, _ algorithm: CertificateFingerprint.Algorithm
    ) -> CertificateFingerprint? {
        let function =
            switch algorithm {
            case .sha256: EVP_sha256()
            case .sha384: EVP_sha384()
            case .sha512: EVP_sha512()
            }
        var octets = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        guard X509_digest(certificate, function, &octets, &count) == 1 else { return nil }
        return CertificateFingerprint(algorithm, Array(octets.prefix(Int(count))))
    }

    // MARK: Rules

    // <openssl/ssl.h> makes these with a macro that Swift doesn't see.
    private static let noQueryMTU: UInt64 = 1 << 12
    private static let noTicket: UInt64 = 1 << 14
    private static let noCompression: UInt64 = 1 << 17
    private static let noRenegotiation: UInt64 = 1 << 30

    /// Old peers have RSA keys; all of them have ephemeral keys on elliptic curves.
    private static let ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL:!PSK"
    /// The preferred first: GCM costs less than counter mode with HMAC-SHA1.
    private static let profiles =
        "SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80:SRTP_AES128_CM_SHA1_32"
    /// The longest certificates of a peer, in octets.
    private static let certificates = 16_384

    private static func setRules(of handle: OpaquePointer) throws(DTLSFailure) {
        SSL_CTX_ctrl(handle, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(DTLS1_2_VERSION), nil)
        SSL_CTX_set_options(handle, noQueryMTU | noTicket | noCompression | noRenegotiation)
        SSL_CTX_ctrl(handle, SSL_CTRL_MODE, Int(SSL_MODE_RELEASE_BUFFERS), nil)
        SSL_CTX_ctrl(handle, SSL_CTRL_SET_SESS_CACHE_MODE, Int(SSL_SESS_CACHE_OFF), nil)
        SSL_CTX_ctrl(handle, SSL_CTRL_SET_MAX_CERT_LIST, certificates, nil)
        // Some libraries tell success by 0.
        guard SSL_CTX_set_cipher_list(handle, ciphers) == 1, SSL_CTX_set_tlsext_use_srtp(handle, profiles) == 0 else {
            throw .openSSL("no DTLS context can be made")
        }
        SSL_CTX_set_verify(handle, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
        SSL_CTX_set_cert_verify_callback(handle, { store, _ in DTLSAssociation.verify(store) ? 1 : 0 }, nil)
        SSL_CTX_set_cookie_generate_cb(handle) { ssl, cookie, count in
            guard let association = DTLSAssociation.of(ssl), let cookie, let count else { return 0 }
            count.pointee = association.writeCookie(into: cookie)
            return 1
        }
        SSL_CTX_set_cookie_verify_cb(handle) { ssl, cookie, count in
            guard let association = DTLSAssociation.of(ssl), let cookie else { return 0 }
            return association.isOwn(UnsafeBufferPointer(start: cookie, count: Int(count))) ? 1 : 0
        }
    }
}
