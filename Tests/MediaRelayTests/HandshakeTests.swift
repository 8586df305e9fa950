import DTLS
import Glibc
import MediaRelay
import NetworkTypes
import SRTP
import Testing

/// Anybody who shakes hands with the relay, from whatever address.
private final class Peer {
    let address: String
    let association: DTLSAssociation

    init(_ association: DTLSAssociation, at address: String) {
        self.association = association
        self.address = address
    }

    var keys: (inbound: KeyingMaterial, outbound: KeyingMaterial)? { association.keys }
}

/// A relay between a peer with plain RTP inside and one with DTLS-SRTP outside.
@Suite("Keys from handshakes on the way of the media")
struct HandshakeTests {
    private let scenario = RelayScenario()
    private let (phone, stranger): (DTLSIdentity, DTLSIdentity)
    private let relay: DTLSIdentity
    private static let pbx = "10.0.0.2:4000"
    private static let trunk = "198.51.100.1:6000"

    init() throws {
        (phone, stranger) = (try DTLSIdentity(), try DTLSIdentity())
        relay = try #require(DTLSIdentity.process)
    }

    private func parameters(_ role: DTLSRole, _ identity: DTLSIdentity? = nil, id: UInt8 = 1) -> DTLSParameters {
        DTLSParameters(
            fingerprints: [(identity ?? phone).fingerprint], role: role, identifier: .tlsID([id]))
    }

    private func secure(_ remote: LegRemote, _ parameters: DTLSParameters, muxed: Bool = true) -> LegRemote {
        var remote = remote
        remote.security = .dtls(parameters)
        if muxed { remote.rtcp = remote.rtp }
        return remote
    }

    private func open(
        _ role: DTLSRole, muxed: Bool = true, nat: Bool = false, signalled: String = trunk
    ) -> OpenedStream {
        let stream = scenario.open()
        scenario.command(.prepare(stream: stream.id, leg: .caller, remote: remote(1, Self.pbx)))
        let callee = secure(remote(1, signalled, any: nat, fixed: !nat), parameters(role), muxed: muxed)
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: callee))
        scenario.command(.commit(stream: stream.id, generation: 1))
        return stream
    }

    private func server(_ identity: DTLSIdentity, at address: String = trunk) throws -> Peer {
        Peer(
            try DTLSAssociation(server: identity, expecting: [relay.fingerprint], secret: .random()), at: address)
    }

    private func client(_ identity: DTLSIdentity, at address: String = trunk) throws -> Peer {
        let peer = Peer(try DTLSAssociation(client: identity, expecting: [relay.fingerprint]), at: address)
        peer.association.start(at: scenario.now)
        return peer
    }

    /// Carries datagrams between the relay's socket and peers, as often as told or until there are no more.
    private func exchange(_ peers: Peer..., with socket: RelaySocket, rounds: Int = 20) {
        for _ in 0..<rounds {
            for peer in peers {
                for datagram in peer.association.takeOutput() {
                    _ = scenario.receive(datagram, on: socket.descriptor, from: peer.address)
                }
            }
            let sent = scenario.sent.filter { $0.descriptor == socket.descriptor }
            scenario.sent.removeAll { $0.descriptor == socket.descriptor }
            for (datagram, destination, _) in sent {
                for peer in peers where peer.address == destination {
                    peer.association.receive(datagram.span, from: socket.local, at: scenario.now)
                }
            }
        }
    }

    /// Whether packets cross both ways, protected with the keys of `peer`.
    private func passes(_ number: Int, _ stream: OpenedStream, _ peer: Peer) throws -> Bool {
        guard let keys = peer.keys,
            let out = scenario.forward(rtp(number), on: stream.caller.rtp, from: Self.pbx), out.to == peer.address
        else { return false }
        let receiver = try SRTPContext(keys.inbound, .receiving)
        let sealed = try SRTPContext(keys.outbound, .sending).sealed(rtp(number))
        return try receiver.opened(out.packet) == rtp(number)
            && scenario.forward(sealed, on: stream.callee.rtp, from: peer.address)?.packet == rtp(number)
    }

    private func counters(_ stream: OpenedStream) -> RelayCounters {
        scenario.report(stream, .callee)?.counters ?? RelayCounters()
    }

    @Test("whichever end begins")
    func roles() throws {
        let stream = open(.active)
        let peer = try server(phone)
        exchange(peer, with: stream.callee.rtp)
        #expect(try passes(1, stream, peer))
        let second = try HandshakeTests()
        let passive = second.open(.passive)
        #expect(second.scenario.sent.isEmpty)
        let caller = try second.client(second.phone)
        second.exchange(caller, with: passive.callee.rtp)
        #expect(try second.passes(1, passive, caller))
    }

    @Test("RTCP has an association of its own where it has a port of its own, and none where it has not")
    func control() throws {
        let stream = open(.active, muxed: false)
        let (media, control) = (try server(phone), try server(phone, at: "198.51.100.1:6001"))
        exchange(media, with: stream.callee.rtp)
        #expect(try passes(1, stream, media))
        #expect(scenario.relay(rtcp, on: stream.caller.rtcp, from: "10.0.0.2:4001") == "noDestination")
        exchange(control, with: stream.callee.rtcp)
        let out = try #require(scenario.forward(rtcp, on: stream.caller.rtcp, from: "10.0.0.2:4001"))
        let keys = try #require(control.keys)
        #expect(out.to == "198.51.100.1:6001" && keys.inbound != media.keys?.inbound)
        #expect(try SRTPContext(keys.inbound, .receiving).opened(out.packet, isControl: true) == rtcp)
        let sealed = try SRTPContext(keys.outbound, .sending).sealed(rtcp, isControl: true)
        #expect(scenario.forward(sealed, on: stream.callee.rtcp, from: control.address)?.packet == rtcp)
    }

    @Test("multiplexed RTCP goes with the keys of RTP, from and to its port")
    func multiplexed() throws {
        let stream = open(.active)
        let peer = try server(phone)
        exchange(peer, with: stream.callee.rtp)
        let keys = try #require(peer.keys)
        #expect(!scenario.sent.contains { $0.descriptor == stream.callee.rtcp.descriptor })
        let out = try #require(scenario.forward(rtcp, on: stream.caller.rtcp, from: "10.0.0.2:4001"))
        #expect(out.to == Self.trunk)
        #expect(try SRTPContext(keys.inbound, .receiving).opened(out.packet, isControl: true) == rtcp)
        let sealed = try SRTPContext(keys.outbound, .sending).sealed(rtcp, isControl: true)
        let back = try #require(scenario.forward(sealed, on: stream.callee.rtp, from: Self.trunk))
        #expect(back.packet == rtcp && back.to == "10.0.0.2:4001")
    }

    @Test("security 9: media before the fingerprint is checked: not one packet is forwarded, counted or learned from")
    func mediaFirst() throws {
        let stream = open(.passive)
        let peer = try client(stranger)
        let guessed = try SRTPContext(KeyingMaterial(random: .aes128GCM), .sending)
        for number in 1...50 {
            #expect(scenario.relay(rtp(number), on: stream.callee.rtp, from: Self.trunk) == "authentication")
            let sealed = try guessed.sealed(rtp(number))
            #expect(scenario.relay(sealed, on: stream.callee.rtp, from: Self.trunk) == "authentication")
            #expect(scenario.relay(rtp(number), on: stream.caller.rtp, from: Self.pbx) == "noDestination")
        }
        // The right address with the wrong certificate: it has keys, as far as it can tell, and nothing comes of it.
        exchange(peer, with: stream.callee.rtp)
        if let keys = peer.keys {
            let sealed = try SRTPContext(keys.outbound, .sending).sealed(rtp(51))
            #expect(scenario.relay(sealed, on: stream.callee.rtp, from: Self.trunk) == "authentication")
        }
        #expect(scenario.relay(rtp(51), on: stream.caller.rtp, from: Self.pbx) == "noDestination")
        #expect(counters(stream).packets == 0 && counters(stream).provisional == 0)
        #expect(scenario.report(stream, .callee)?.source == nil)
        let right = try client(phone)
        exchange(right, with: stream.callee.rtp)
        #expect(try passes(60, stream, right))
    }

    @Test(
        "security 8: as server of four handshakes at a time, the peer with the signalled certificate wins and is latched"
    )
    func race() throws {
        let stream = open(.passive, nat: true, signalled: "198.51.100.9:6000")
        let strangers = try (0..<3).map { try client(stranger, at: "192.0.2.66:\(7000 + $0)") }
        // They are in the middle of it: the relay has said who it is, and waits for them.
        for stranger in strangers { exchange(stranger, with: stream.callee.rtp, rounds: 2) }
        let peer = try client(phone, at: Self.trunk)
        exchange(peer, with: stream.callee.rtp)
        #expect(try passes(1, stream, peer))
        #expect(scenario.report(stream, .callee)?.source == address(Self.trunk))
        for stranger in strangers { exchange(stranger, with: stream.callee.rtp) }
        #expect(try passes(2, stream, peer))
        #expect(scenario.relay(on: stream.callee.rtp, from: strangers[0].address) == "source")
    }

    @Test("security 8: handshakes that lead nowhere make room for a better source at once, for an equal one after 10 s")
    func crowd() throws {
        for address in ["198.51.100.1:6000", "198.51.100.1:6009"] {
            let test = try HandshakeTests()
            let stream = test.open(.passive)
            for port in 7000..<7004 {
                let stranger = try test.client(test.stranger, at: "198.51.100.1:\(port)")
                test.exchange(stranger, with: stream.callee.rtp, rounds: 2)
            }
            let peer = try test.client(test.phone, at: address)
            test.exchange(peer, with: stream.callee.rtp)
            let isSignalled = address == Self.trunk
            #expect((peer.keys != nil) == isSignalled)
            test.scenario.advance(.seconds(10))
            let again = try test.client(test.phone, at: address)
            test.exchange(again, with: stream.callee.rtp)
            #expect((again.keys != nil) == !isSignalled)
        }
    }

    @Test("security 8: a source that could not be the peer gets no answer; a failed handshake changes nothing")
    func foreign() throws {
        let stream = open(.passive)
        let far = try client(phone, at: "192.0.2.66:6000")
        exchange(far, with: stream.callee.rtp)
        #expect(far.keys == nil && scenario.sent.isEmpty)
        let failing = try client(stranger)
        exchange(failing, with: stream.callee.rtp)
        let peer = try client(phone)
        exchange(peer, with: stream.callee.rtp)
        #expect(try passes(1, stream, peer))
        // And once there are keys.
        let late = try client(stranger, at: "198.51.100.1:6001")
        exchange(late, with: stream.callee.rtp)
        #expect(try passes(2, stream, peer))
    }

    @Test("a forged alert only makes us begin again")
    func alert() throws {
        let stream = open(.active)
        _ = scenario.sent.removeFirst()
        let alert: [UInt8] = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40]
        #expect(scenario.relay(alert, on: stream.callee.rtp, from: Self.trunk) == "consumed")
        scenario.advance(.milliseconds(500))
        let peer = try server(phone)
        exchange(peer, with: stream.callee.rtp)
        #expect(try passes(1, stream, peer))
        #expect(scenario.relay(alert, on: stream.callee.rtp, from: Self.trunk) == "consumed")
        #expect(try passes(2, stream, peer))
    }

    @Test("what is lost is sent again, for three minutes; who waits does so for ever")
    func lost() throws {
        let stream = open(.active)
        #expect(scenario.sent.map(\.to) == [Self.trunk])
        scenario.sent = []
        // OpenSSL's timer runs by the real clock.
        usleep(300_000)
        scenario.advance(.milliseconds(300))
        #expect(scenario.sent.map(\.to) == [Self.trunk])
        let peer = try server(phone)
        exchange(peer, with: stream.callee.rtp)
        #expect(try passes(1, stream, peer))
        let second = try HandshakeTests()
        _ = second.open(.active)
        for _ in 0..<180 { second.scenario.advance(.seconds(1)) }
        #expect(second.scenario.sent.count > 17 && second.scenario.core.nextDeadline == nil)
        let third = try HandshakeTests()
        let waiting = third.open(.passive)
        third.scenario.advance(.seconds(3600))
        let late = try third.client(third.phone)
        third.exchange(late, with: waiting.callee.rtp)
        #expect(try third.passes(1, waiting, late))
    }

    @Test("the same association again keeps its keys; another one starts anew, and the keys before are good until then")
    func again() throws {
        let stream = open(.active)
        let peer = try server(phone)
        exchange(peer, with: stream.callee.rtp)
        #expect(try passes(1, stream, peer))
        let moved = secure(remote(2, "198.51.100.1:6002"), parameters(.active))
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: moved))
        scenario.command(.commit(stream: stream.id, generation: 2))
        #expect(scenario.sent.isEmpty)
        #expect(scenario.forward(rtp(2), on: stream.caller.rtp, from: Self.pbx)?.to == "198.51.100.1:6002")
        let renewed = secure(remote(3, Self.trunk), parameters(.active, stranger, id: 2))
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: renewed))
        scenario.command(.commit(stream: stream.id, generation: 3))
        #expect(scenario.relay(rtp(3), on: stream.caller.rtp, from: Self.pbx) == "noDestination")
        let next = try server(stranger)
        exchange(next, with: stream.callee.rtp)
        #expect(try passes(4, stream, next))
        // An exchange that failed after all: back to what was.
        scenario.command(
            .prepare(stream: stream.id, leg: .callee, remote: secure(remote(4, Self.trunk), parameters(.active))))
        scenario.command(.commit(stream: stream.id, generation: 4))
        #expect(scenario.forward(rtp(5), on: stream.caller.rtp, from: Self.pbx)?.to == Self.trunk)
    }

    @Test("an association that signalling has left is begun anew where it comes back to it without keys")
    func left() throws {
        let stream = open(.active)
        #expect(scenario.sent.count == 1)
        for (generation, certificate) in [(2, stranger), (3, phone)] {
            scenario.sent = []
            let remote = remote(UInt32(generation), Self.trunk)
            let next = secure(remote, parameters(.active, certificate, id: UInt8(generation % 2)))
            scenario.command(.prepare(stream: stream.id, leg: .callee, remote: next))
            scenario.command(.commit(stream: stream.id, generation: UInt32(generation)))
            #expect(scenario.sent.map(\.to) == [Self.trunk])
        }
        let peer = try server(phone)
        exchange(peer, with: stream.callee.rtp)
        #expect(try passes(1, stream, peer))
    }

    @Test(
        "security 8: of handshakes that others begin 16 are taken up at once, then one a second; the peer's own beside")
    func rate() throws {
        let stream = open(.passive)
        func isTakenUp(_ port: Int) throws -> Bool {
            let peer = try client(stranger, at: "198.51.100.1:\(port)")
            exchange(peer, with: stream.callee.rtp)
            // We have failed it, but said who we are.
            return peer.association.state == .failed
        }
        for port in 7000..<7016 { #expect(try isTakenUp(port)) }
        for port in 7016..<7020 { #expect(try !isTakenUp(port)) }
        scenario.advance(.seconds(1))
        #expect(try isTakenUp(7020))
        #expect(try !isTakenUp(7021))
        let peer = try client(phone)
        exchange(peer, with: stream.callee.rtp)
        #expect(try passes(1, stream, peer))
    }

    @Test("a peer that didn't get our last flight gets it again, for a while")
    func lastFlight() throws {
        let stream = open(.passive)
        let peer = try client(phone)
        exchange(peer, with: stream.callee.rtp, rounds: 2)
        // Its flight arrives, ours doesn't.
        for datagram in peer.association.takeOutput() {
            _ = scenario.receive(datagram, on: stream.callee.rtp.descriptor, from: Self.trunk)
        }
        #expect(!scenario.sent.isEmpty && peer.keys == nil)
        scenario.sent = []
        usleep(300_000)
        scenario.advance(.milliseconds(300))
        peer.association.handleTimeout(at: scenario.now)
        exchange(peer, with: stream.callee.rtp)
        #expect(try passes(1, stream, peer))
        #expect(scenario.core.nextDeadline != nil)
        scenario.advance(.seconds(15))
        #expect(scenario.core.nextDeadline == nil)
        #expect(scenario.relay([22], on: stream.callee.rtp, from: Self.trunk) == "malformed")
        #expect(scenario.relay([22, 0xfe], on: stream.callee.rtp, from: Self.trunk) == "consumed")
        #expect(try passes(2, stream, peer))
    }

    @Test("forks that share a leg have associations of their own, also from one address")
    func forks() throws {
        let stream = open(.active)
        let own = scenario.sockets("10.0.0.1", 11_000)
        let fork = RelayStreamID(session: stream.id.session, index: 1)
        scenario.command(.fork(stream: fork, of: stream.id, shared: .callee, own: own))
        scenario.command(.prepare(stream: fork, leg: .caller, remote: remote(2, Self.pbx)))
        let other = secure(remote(2, "198.51.100.1:6004"), parameters(.active, stranger, id: 2))
        scenario.command(.prepare(stream: fork, leg: .callee, remote: other))
        scenario.command(.commit(stream: fork, generation: 2))
        let (one, two) = (try server(phone), try server(stranger, at: "198.51.100.1:6004"))
        exchange(one, two, with: stream.callee.rtp)
        #expect(try passes(1, stream, one))
        let forked = OpenedStream(id: fork, caller: own, callee: stream.callee)
        #expect(try passes(2, forked, two))
    }

    @Test("security 7: a stream that closes in the middle of its handshakes is gone")
    func closing() throws {
        let stream = open(.active)
        scenario.command(.close(stream: stream.id))
        scenario.sent = []
        for _ in 0..<40 { scenario.advance(.seconds(1)) }
        #expect(scenario.sent.isEmpty && scenario.core.socketCount == 0)
    }
}
