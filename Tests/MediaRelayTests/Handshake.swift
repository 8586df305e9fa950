import DTLS
import MediaRelay
import NetworkTypes
import SDP
import SRTP

/// An agent's end of a DTLS association.
final class Handshake {
    let identity: DTLSIdentity
    let id = "\(UInt64.random(in: 1 << 60 ... .max))\(UInt64.random(in: 1 << 60 ... .max))"
    /// Whether it is the one that begins, once that is agreed on.
    private(set) var begins: Bool?
    private(set) var association: DTLSAssociation?
    private(set) var sender: SRTPContext?
    private(set) var receiver: SRTPContext?
    private(set) var associations = 0
    private var peer: TransportIdentity?

    init(_ identity: DTLSIdentity? = nil) {
        guard let identity = identity ?? (try? DTLSIdentity()) else { preconditionFailure("no certificate in a test") }
        self.identity = identity
    }

    /// Begins a new association, unless what is agreed on is the one there is.
    func agree(with peer: TransportIdentity, begins: Bool, from target: SocketAddress?) throws {
        if let known = self.peer, known.fingerprints == peer.fingerprints, known.tlsID == peer.tlsID,
            self.begins == begins
        {
            return
        }
        (self.peer, self.begins) = (peer, begins)
        (sender, receiver) = (nil, nil)
        associations += 1
        association =
            begins
            ? try DTLSAssociation(client: identity, expecting: peer.fingerprints.strongest)
            : try DTLSAssociation(server: identity, expecting: peer.fingerprints.strongest, secret: .random())
        association?.start(at: .zero)
    }

    func takeOutput() -> [[UInt8]] { association?.takeOutput() ?? [] }

    func receive(_ datagram: [UInt8], from source: SocketAddress) throws {
        association?.receive(datagram.span, from: source, at: .zero)
        guard sender == nil, let keys = association?.keys else { return }
        sender = try SRTPContext(keys.outbound, .sending)
        receiver = try SRTPContext(keys.inbound, .receiving)
    }
}

extension AnchorScenario {
    /// Carries the datagrams of handshakes between the relay and agents until there are no more.
    func shakeHands(_ agents: MediaAgent...) throws {
        while true {
            var isBusy = false
            for agent in agents {
                for datagram in agent.handshake.takeOutput() {
                    isBusy = true
                    guard let target = agent.target, let channel = channels[target] else { continue }
                    _ = channel.receive(datagram, from: agent.address, at: .zero)
                    drain()
                }
            }
            let datagrams = sent
            sent = []
            for (datagram, destination, descriptor) in datagrams {
                isBusy = true
                guard let source = channels.first(where: { $0.value.socket.descriptor == descriptor })?.key else {
                    continue
                }
                for agent in agents where agent.address == destination {
                    try agent.handshake.receive(datagram, from: source)
                }
            }
            if !isBusy { return }
        }
    }
}
