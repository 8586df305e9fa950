import COpenSSL
import Glibc

/// Certificates, authorities and rules that many connections share, for one role.
///
/// A connection keeps the context that it began with, so that new certificates disturb none.
///
/// Sendable without the compiler's proof: nothing is changed after `init`, and OpenSSL guards its own counts and tickets
/// inside an `SSL_CTX` with locks (openssl-threads(7)).
public final class TLSContext: @unchecked Sendable {
    public enum Role: Hashable, Sendable { case client, server }

    public let role: Role
    public let settings: TLSSettings
    /// Our own certificate; nil for a client that has none.
    public let certificate: CertificateSummary?
    let handle: OpaquePointer

    /// Reads the files that `settings` name.
    public init(_ role: Role, _ settings: TLSSettings) throws(TLSFailure) {
        ERR_clear_error()
        guard let handle = SSL_CTX_new(role == .client ? TLS_client_method() : TLS_server_method()) else {
            throw .openSSL("no TLS context can be made")
        }
        self.role = role
        self.settings = settings
        self.handle = handle
        do throws(TLSFailure) {
            Self.setRules(of: handle, role, settings)
            try Self.load(settings, into: handle)
            if role == .client || settings.clientCertificates != .off { try Self.trust(settings, in: handle, role) }
        } catch {
            SSL_CTX_free(handle)
            throw error
        }
        certificate = SSL_CTX_get0_certificate(handle).map { CertificateSummary($0) }
    }

    deinit { SSL_CTX_free(handle) }

    private static func setRules(of handle: OpaquePointer, _ role: Role, _ settings: TLSSettings) {
        let minimum = settings.minimum == .v13 ? TLS1_3_VERSION : TLS1_2_VERSION
        SSL_CTX_ctrl(handle, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(minimum), nil)
        // Nothing is negotiated anew within a connection, and what is compressed can be guessed.
        var options = Self.noRenegotiation | Self.noCompression
        if role == .server { options |= Self.serverPreference }
        SSL_CTX_set_options(handle, options)
        // Buffers of idle connections are given back: there may be thousands.
        let modes = SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_AUTO_RETRY
        SSL_CTX_ctrl(handle, SSL_CTRL_MODE, Int(modes), nil)
        // Who asks for a passphrase would ask a terminal.
        SSL_CTX_set_default_passwd_cb(handle) { _, _, _, _ in 0 }
        // Sessions are resumed by tickets, which the peer keeps; as a client we keep them ourselves.
        SSL_CTX_ctrl(handle, SSL_CTRL_SET_SESS_CACHE_MODE, Int(SSL_SESS_CACHE_OFF), nil)
        SSL_CTX_set_num_tickets(handle, 1)
        let name: [UInt8] = Array("sallyport".utf8)
        SSL_CTX_set_session_id_context(handle, name, UInt32(name.count))
    }

    // <openssl/ssl.h> makes these with a macro that Swift doesn't see.
    private static let noCompression: UInt64 = 1 << 17
    private static let serverPreference: UInt64 = 1 << 22
    private static let noRenegotiation: UInt64 = 1 << 30

    private static func load(_ settings: TLSSettings, into handle: OpaquePointer) throws(TLSFailure) {
        guard let certificate = settings.certificate else { return }
        try checkReadable(certificate)
        guard SSL_CTX_use_certificate_chain_file(handle, certificate) == 1 else {
            throw .openSSL("the certificate in \(certificate) can't be used")
        }
        let key = settings.key ?? certificate
        try checkReadable(key)
        guard SSL_CTX_use_PrivateKey_file(handle, key, SSL_FILETYPE_PEM) == 1 else {
            if ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH {
                ERR_clear_error()
                throw TLSFailure("the key in \(key) does not belong to the certificate in \(certificate)")
            }
            throw .openSSL("the key in \(key) can't be used")
        }
        guard SSL_CTX_check_private_key(handle) == 1 else {
            ERR_clear_error()
            throw TLSFailure("the key in \(key) does not belong to the certificate in \(certificate)")
        }
    }

    private static func trust(
        _ settings: TLSSettings, in handle: OpaquePointer, _ role: Role
    ) throws(TLSFailure) {
        switch settings.authorities {
        case .system: SSL_CTX_set_default_verify_paths(handle)
        case .file(let path):
            try checkReadable(path)
            guard SSL_CTX_load_verify_file(handle, path) == 1 else {
                throw .openSSL("the certificates in \(path) can't be used")
            }
            if role == .server { SSL_CTX_set_client_CA_list(handle, SSL_load_client_CA_file(path)) }
        }
        let isChecked = role == .server || settings.verifies
        var mode = isChecked ? SSL_VERIFY_PEER : SSL_VERIFY_NONE
        if role == .server, settings.clientCertificates == .required { mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT }
        SSL_CTX_set_verify(handle, mode, nil)
    }

    private static func checkReadable(_ path: String) throws(TLSFailure) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw TLSFailure("\(path) can't be read: \(String(cString: strerror(errno)))") }
        close(descriptor)
    }
}
