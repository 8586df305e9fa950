import COpenSSL
import NetworkTypes

/// One TLS connection without a socket: octets of the network in, octets for the network and plain text out.
///
/// Nothing that the owner wants to send leaves before the handshake is over and the peer is who it should be.
public final class TLSEngine {
    public enum State: Hashable, Sendable {
        case handshaking, open
        /// Ended by an error, or by us.
        case closed
    }

    public private(set) var state = State.handshaking
    /// The peer has said that it sends nothing more.
    public private(set) var isPeerFinished = false
    public let context: TLSContext
    private let names: [String]
    private let handle: OpaquePointer
    private let pipe = OctetPipe()
    private static let record = 16_384

    /// One that a peer opened.
    public init(server context: TLSContext) throws(TLSFailure) {
        (handle, names) = (try Self.makeHandle(context, pipe), [])
        self.context = context
        SSL_set_accept_state(handle)
    }

    /// One of ours. The server has to prove that it is one of `names`, domains or addresses, where the context's settings
    /// say that peers are verified; the first domain is what it is asked for (SNI, RFC 6066 §3).
    public init(client context: TLSContext, to names: [String], resuming session: TLSSession? = nil) throws(TLSFailure)
    {
        (handle, self.names) = (try Self.makeHandle(context, pipe), names)
        self.context = context
        SSL_set_connect_state(handle)
        if let domain = names.first(where: { IPAddress($0) == nil }) {
            let type = Int(TLSEXT_NAMETYPE_host_name)
            domain.withCString { name in
                _ = SSL_ctrl(
                    handle, SSL_CTRL_SET_TLSEXT_HOSTNAME, type, UnsafeMutableRawPointer(mutating: name))
            }
        }
        if let session, session.context === context { SSL_set_session(handle, session.handle) }
    }

    deinit {
        // Else OpenSSL forbids the session to be resumed, which without close_notify is allowed since TLS 1.1.
        if state == .open { SSL_set_shutdown(handle, SSL_SENT_SHUTDOWN) }
        SSL_free(handle)
    }

    private static func makeHandle(_ context: TLSContext, _ pipe: OctetPipe) throws(TLSFailure) -> OpaquePointer {
        ERR_clear_error()
        guard let handle = SSL_new(context.handle), let bio = pipe.makeBIO() else {
            throw .openSSL("no TLS connection can be made")
        }
        SSL_set_bio(handle, bio, bio)
        return handle
    }

    // MARK: Octets

    /// The client's first flight; a server has nothing to say yet.
    public func start() throws(TLSFailure) {
        guard state == .handshaking else { return }
        ERR_clear_error()
        try step()
    }

    /// Takes what came from the network, and appends what it says to `text`.
    public func receive(_ octets: UnsafeRawBufferPointer, into text: inout [UInt8]) throws(TLSFailure) {
        guard state != .closed else { return }
        ERR_clear_error()
        pipe.lend(octets)
        defer { pipe.takeBack() }
        if state == .handshaking { try step() }
        if state == .open { try read(into: &text) }
    }

    private func step() throws(TLSFailure) {
        let result = SSL_do_handshake(handle)
        guard result == 1 else {
            let error = SSL_get_error(handle, result)
            guard error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE else { throw fail() }
            return
        }
        try checkPeer()
        state = .open
    }

    private func read(into text: inout [UInt8]) throws(TLSFailure) {
        try withUnsafeTemporaryAllocation(byteCount: Self.record, alignment: 16) { buffer throws(TLSFailure) in
            while true {
                var count = 0
                guard SSL_read_ex(handle, buffer.baseAddress, buffer.count, &count) == 1 else { break }
                text.append(contentsOf: buffer[..<count])
            }
        }
        switch SSL_get_error(handle, 0) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: break
        case SSL_ERROR_ZERO_RETURN: isPeerFinished = true
        default: throw fail()
        }
    }

    /// Encrypts `text`; only once the handshake is over.
    public func send(_ text: [UInt8]) throws(TLSFailure) {
        guard state == .open, !text.isEmpty else { return }
        ERR_clear_error()
        var count = 0
        guard SSL_write_ex(handle, text, text.count, &count) == 1, count == text.count else { throw fail() }
    }

    /// Says that nothing more comes (close_notify).
    public func finish() {
        guard state == .open else { return }
        state = .closed
        ERR_clear_error()
        SSL_shutdown(handle)
        ERR_clear_error()
    }

    /// What is to go to the network, in order; also after a failure, which the peer may be told.
    public func takeOutput() -> [UInt8] { pipe.takeOutput() }

    // MARK: The peer

    /// Whether the peer is who it should be: OpenSSL has checked the chain, the name is checked here (RFC 5922 §7.3),
    /// also where a session is resumed, which keeps the certificate: it may have begun for another name.
    private func checkPeer() throws(TLSFailure) {
        guard context.role == .client, context.settings.verifies else { return }
        guard let certificate = SSL_get1_peer_certificate(handle) else {
            state = .closed
            throw TLSFailure("the peer sent no certificate")
        }
        defer { X509_free(certificate) }
        let identities = SIPDomainIdentities(of: certificate)
        guard names.contains(where: identities.contains) else {
            state = .closed
            // Our last flight would tell the peer that all is well.
            _ = pipe.takeOutput()
            let found = identities.domains + identities.addresses.map(\.description)
            let told = found.isEmpty ? "nobody" : found.prefix(4).joined(separator: ", ")
            throw TLSFailure("the peer's certificate is for \(told), not for \(names.first ?? "")")
        }
    }

    /// The names that the peer has proved, of a client that was asked for its certificate; nil without one.
    public var peerIdentities: SIPDomainIdentities? {
        guard state == .open, SSL_get_verify_result(handle) == X509_V_OK,
            let certificate = SSL_get1_peer_certificate(handle)
        else { return nil }
        defer { X509_free(certificate) }
        return SIPDomainIdentities(of: certificate)
    }

    /// Whether the handshake was a short one.
    public var isResumed: Bool { SSL_session_reused(handle) == 1 }

    /// `TLSv1.3`
    public var version: String { SSL_get_version(handle).map { String(cString: $0) } ?? "" }

    /// What the next connection to the same names may begin with; with TLS 1.3 only some time after the handshake.
    public var session: TLSSession? {
        guard context.role == .client, state == .open, let session = SSL_get1_session(handle) else { return nil }
        guard SSL_SESSION_is_resumable(session) == 1 else {
            SSL_SESSION_free(session)
            return nil
        }
        return TLSSession(session, of: context)
    }

    private func fail() -> TLSFailure {
        state = .closed
        let verdict = SSL_get_verify_result(handle)
        if verdict != X509_V_OK, context.role == .server || context.settings.verifies {
            ERR_clear_error()
            let reason = X509_verify_cert_error_string(verdict).map { String(cString: $0) } ?? "\(verdict)"
            return TLSFailure("the peer's certificate is not trusted: \(reason)")
        }
        return .openSSL("TLS failed")
    }
}
