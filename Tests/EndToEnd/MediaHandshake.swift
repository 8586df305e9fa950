import DTLS
import Glibc
import NetworkTypes
import SDP
import SRTP
import Testing

/// An end's DTLS-SRTP: what its session descriptions say of it, and the handshake on its RTP port.
final class MediaHandshake {
    private let identity: DTLSIdentity
    private let id = "\(UInt64.random(in: 1 << 60 ... .max))\(UInt64.random(in: 1 << 60 ... .max))"
    /// Whether it begins where that is left to it.
    private let prefersToBegin: Bool
    private var begins: Bool?
    /// Whether what it says next answers an offer.
    private var answers = false
    private var peer: TransportIdentity?
    private var association: DTLSAssociation?
    private(set) var sender: SRTPContext?
    private(set) var receiver: SRTPContext?

    init(prefersToBegin: Bool) throws {
        identity = try DTLSIdentity()
        self.prefersToBegin = prefersToBegin
    }

    struct NoKeys: Error {}

    private static var now: Instant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// The lines of a description.
    var lines: String {
        var fingerprint: [UInt8] = []
        identity.fingerprint.write(into: &fingerprint)
        let setup = answers ? (begins == true ? "active" : "passive") : "actpass"
        answers = false
        let line = String(decoding: fingerprint.dropLast(2), as: UTF8.self)
        return "\(line)\na=setup:\(setup)\na=tls-id:\(id)\na=rtcp-mux\n"
    }

    /// Takes the peer's description; a new association is begun where it is not the one there is.
    func take(_ media: MediaDescription) throws {
        #expect(media.profile?.namesDTLS == true && media.isMultiplexed && media.crypto.isEmpty)
        let identity = media.identity
        #expect(!identity.fingerprints.isEmpty)
        answers = identity.setup == .actpass
        let begins = answers ? self.begins ?? prefersToBegin : identity.setup == .passive
        if let peer, peer.fingerprints == identity.fingerprints, peer.tlsID == identity.tlsID, self.begins == begins {
            return
        }
        (peer, self.begins) = (identity, begins)
        (sender, receiver) = (nil, nil)
        association =
            begins
            ? try DTLSAssociation(client: self.identity, expecting: identity.fingerprints.strongest)
            : try DTLSAssociation(
                server: self.identity, expecting: identity.fingerprints.strongest, secret: .random())
    }

    /// Shakes hands until there are keys.
    func shake(on socket: LoopbackPeer, with remote: SocketAddress) throws {
        if sender != nil { return }
        association?.start(at: Self.now)
        let end = Self.now + .seconds(10)
        while sender == nil, Self.now < end {
            flush(on: socket, to: remote)
            if let arrived = socket.receive(within: 50) {
                _ = try receive(arrived.packet, on: socket, from: remote)
            } else {
                association?.handleTimeout(at: Self.now)
            }
        }
        guard sender != nil else { throw NoKeys() }
        // Its last flight has yet to be read.
        if begins == false { usleep(100_000) }
    }

    /// Takes what is of a handshake (RFC 7983 §7); false for anything else.
    func receive(_ datagram: [UInt8], on socket: LoopbackPeer, from remote: SocketAddress) throws -> Bool {
        guard let first = datagram.first, (20...63).contains(first), let association else { return false }
        association.receive(datagram.span, from: remote, at: Self.now)
        flush(on: socket, to: remote)
        if sender == nil, let keys = association.keys {
            sender = try SRTPContext(keys.outbound, .sending)
            receiver = try SRTPContext(keys.inbound, .receiving)
        }
        return true
    }

    private func flush(on socket: LoopbackPeer, to remote: SocketAddress) {
        for datagram in association?.takeOutput() ?? [] { socket.send(datagram, to: remote) }
    }
}
