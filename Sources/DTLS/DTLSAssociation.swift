import COpenSSL
import Glibc
public import NetworkTypes

/// One DTLS association without a socket (RFC 6347): datagrams and the time in, datagrams and a deadline out, and in the
/// end the keys of SRTP (RFC 5764).
///
/// The peer's certificate is held against the fingerprints that signalling named before the handshake can end: whoever
/// else shakes hands never gets as far as keys.
public final class DTLSAssociation {
    public enum State: Hashable, Sendable {
        /// A server's, which has not seen yet that the peer gets what is sent to it.
        case listening
        case handshaking, established, failed
    }

    public private(set) var state: State
    /// What the peer sends with, and what we send with; once established.
    public private(set) var keys: (inbound: KeyingMaterial, outbound: KeyingMaterial)?
    /// The peer has said that it ends the association (close_notify), which says nothing about the call.
    public private(set) var isPeerFinished = false
    /// When ``handleTimeout(at:)`` wants to be called.
    public private(set) var deadline: Instant?

    /// Octets of the largest datagram that is sent.
    public static let largestDatagram = 1200
    /// Octets that a handshake may take; one with long certificates, everything sent twice, takes a quarter.
    static let handshakeLimit = 65_536
    /// The time to the first retransmission, and the longest between two (RFC 6347 §4.2.4.1): shorter than for data,
    /// since somebody waits to be heard.
    public static let firstTimeout: Duration = .milliseconds(250)
    static let longestTimeout: Duration = .seconds(4)

    private let isClient: Bool
    private let fingerprints: Set<CertificateFingerprint>
    private let firstTimeout: Duration
    private let handle: OpaquePointer
    private let pipe = DatagramPipe()
    private let secret: KeyedHash
    /// Who the datagram that is being read comes from, for cookies.
    private var source: [UInt8] = []
    private var received = 0

    /// One that we begin.
    public convenience init(
        client identity: DTLSIdentity, expecting fingerprints: Set<CertificateFingerprint>,
        firstTimeout: Duration = firstTimeout
    ) throws(DTLSFailure) {
        try self.init(identity, isClient: true, fingerprints, KeyedHash(key0: 0, key1: 0), firstTimeout)
    }

    /// One that a peer begins. It says nothing but HelloVerifyRequest, and remembers nothing, until a ClientHello brings
    /// the cookie that `secret` makes of its source (RFC 6347 §4.2.1).
    public convenience init(
        server identity: DTLSIdentity, expecting fingerprints: Set<CertificateFingerprint>, secret: KeyedHash,
        firstTimeout: Duration = firstTimeout
    ) throws(DTLSFailure) {
        try self.init(identity, isClient: false, fingerprints, secret, firstTimeout)
    }

    private init(
        _ identity: DTLSIdentity, isClient: Bool, _ fingerprints: Set<CertificateFingerprint>, _ secret: KeyedHash,
        _ firstTimeout: Duration
    ) throws(DTLSFailure) {
        ERR_clear_error()
        guard let handle = SSL_new(identity.handle), let bio = pipe.makeBIO() else {
            throw .openSSL("no DTLS association can be made")
        }
        self.handle = handle
        self.isClient = isClient
        self.fingerprints = fingerprints
        self.secret = secret
        self.firstTimeout = firstTimeout
        state = isClient ? .handshaking : .listening
        SSL_set_bio(handle, bio, bio)
        SSL_set_ex_data(handle, 0, Unmanaged.passUnretained(self).toOpaque())
        SSL_ctrl(handle, SSL_CTRL_SET_MTU, Self.largestDatagram, nil)
        DTLS_set_timer_cb(handle) { ssl, last in DTLSAssociation.of(ssl)?.timeout(after: last) ?? 1_000_000 }
        if isClient { SSL_set_connect_state(handle) } else { SSL_set_accept_state(handle) }
    }

    deinit { SSL_free(handle) }
}

// MARK: Datagrams and time

extension DTLSAssociation {
    /// A client's first flight; a server has nothing to say yet.
    public func start(at now: Instant) {
        guard isClient, state == .handshaking else { return }
        step(at: now)
    }

    /// Takes a datagram that came from `source`. Whatever it is, it can't end more than a handshake.
    public func receive(_ datagram: Span<UInt8>, from source: SocketAddress, at now: Instant) {
        guard state != .failed, !datagram.isEmpty else { return }
        if state != .established {
            received += datagram.count
            guard received <= Self.handshakeLimit else { return fail() }
        }
        self.source = Self.octets(of: source)
        datagram.withUnsafeBytes { datagram in
            pipe.lend(datagram)
            defer { pipe.takeBack() }
            if state == .listening { listen() }
            if state == .handshaking { step(at: now) }
            // Reads on in what a datagram that ended the handshake has left, too.
            if state == .established { read() }
        }
    }

    /// Sends anew what may have been lost.
    public func handleTimeout(at now: Instant) {
        guard state == .handshaking, let due = deadline, due <= now else { return }
        ERR_clear_error()
        if SSL_ctrl(handle, DTLS_CTRL_HANDLE_TIMEOUT, 0, nil) < 0 { return fail() }
        setDeadline(at: now)
    }

    /// What is to be sent, in order.
    public func takeOutput() -> [[UInt8]] { pipe.takeOutput() }

    private func listen() {
        ERR_clear_error()
        let peer = BIO_ADDR_new()
        defer { BIO_ADDR_free(peer) }
        if DTLSv1_listen(handle, peer) == 1 { state = .handshaking } else { received = 0 }
        ERR_clear_error()
    }

    private func step(at now: Instant) {
        ERR_clear_error()
        let result = SSL_do_handshake(handle)
        guard result == 1 else {
            let error = SSL_get_error(handle, result)
            ERR_clear_error()
            guard error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE else { return fail() }
            return setDeadline(at: now)
        }
        guard let suite = SRTPProfile.suite(of: handle), let both = SRTPProfile.keys(of: handle, suite) else {
            return fail()
        }
        keys = isClient ? (both.server, both.client) : (both.client, both.server)
        state = .established
        deadline = nil
    }

    /// Nothing is said by this way; but a peer that didn't get our last flight asks for it.
    private func read() {
        withUnsafeTemporaryAllocation(byteCount: 2048, alignment: 16) { buffer in
            for _ in 0..<16 {
                ERR_clear_error()
                var count = 0
                if SSL_read_ex(handle, buffer.baseAddress, buffer.count, &count) != 1 { break }
            }
        }
        if SSL_get_shutdown(handle) & SSL_RECEIVED_SHUTDOWN != 0 { isPeerFinished = true }
        ERR_clear_error()
    }

    private func fail() {
        ERR_clear_error()
        state = .failed
        deadline = nil
    }
}

// MARK: The clock

extension DTLSAssociation {
    /// OpenSSL's timer runs by its own clock: only what is left of it is used here. A timer that is always due, so that our
    /// clock alone decided, is no way out: each read that finds nothing would send the flight anew.
    private func setDeadline(at now: Instant) {
        var left = timeval()
        guard SSL_ctrl(handle, DTLS_CTRL_GET_TIMEOUT, 0, &left) == 1 else {
            deadline = nil
            return
        }
        let time: Duration = .seconds(left.tv_sec) + .microseconds(left.tv_usec)
        deadline = now + max(time, .milliseconds(1))
    }

    /// Microseconds to the next retransmission, when the last one took `last`; 0 for the first.
    private func timeout(after last: UInt32) -> UInt32 {
        let first = UInt32(clamping: firstTimeout.nanoseconds / 1000)
        let longest = UInt32(clamping: Self.longestTimeout.nanoseconds / 1000)
        return last == 0 ? first : min(last.multipliedReportingOverflow(by: 2).partialValue, longest)
    }
}

// MARK: What OpenSSL asks

extension DTLSAssociation {
    static func of(_ handle: OpaquePointer?) -> DTLSAssociation? {
        guard let handle, let data = SSL_get_ex_data(handle, 0) else { return nil }
        return Unmanaged<DTLSAssociation>.fromOpaque(data).takeUnretainedValue()
    }

    /// Whether the peer has the certificate that signalling said it has. The key in it is proved by the handshake.
    static func verify(_ store: OpaquePointer?) -> Bool {
        guard let store, let data = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()),
            let association = of(OpaquePointer(data)), let certificate = X509_STORE_CTX_get0_cert(store),
            let algorithm = association.fingerprints.first?.algorithm,
            let fingerprint = DTLSIdentity.fingerprint(of: certificate, algorithm)
        else { return false }
        return association.fingerprints.contains(fingerprint)
    }

    private static func octets(of source: SocketAddress) -> [UInt8] {
        source.ip.octets + [UInt8(source.port >> 8), UInt8(source.port & 0xff)]
    }

    /// 16 octets that only we can make, and only for this source.
    private var cookie: [UInt8] {
        [secret(source), secret(source + [1])].flatMap { half in
            (0..<8).map { UInt8(truncatingIfNeeded: half >> UInt64(8 * $0)) }
        }
    }

    func writeCookie(into destination: UnsafeMutablePointer<UInt8>) -> UInt32 {
        for (index, octet) in cookie.enumerated() { destination[index] = octet }
        return UInt32(cookie.count)
    }

    func isOwn(_ presented: UnsafeBufferPointer<UInt8>) -> Bool { presented.elementsEqual(cookie) }
}
