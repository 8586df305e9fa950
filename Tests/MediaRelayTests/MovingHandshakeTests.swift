import DTLS
import Glibc
import MediaRelay
import NetworkTypes
import SDP
import Testing

/// A phone with ICE and DTLS-SRTP that calls a PBX, and moves between two pairs.
@Suite("Handshakes on the pairs that ICE finds")
struct MovingHandshakeTests {
    private static let ours = "203.0.113.1:10000"
    private static let inside = "192.168.0.1:10000"
    private static let pbx = "192.168.0.2:4000"
    private static let pairs = ["198.51.100.99:40000", "198.51.100.123:50000"]

    private let scenario: AnchorScenario
    private var agent = CheckingAgent()
    private let identity: DTLSIdentity
    private let relay: CertificateFingerprint

    init() throws {
        var phone = MediaPeer.phone
        (phone.isPhone, phone.srtp) = (true, .auto)
        scenario = AnchorScenario(caller: phone, callee: .pbx)
        identity = try DTLSIdentity()
        relay = try #require(DTLSIdentity.process).fingerprint
    }

    /// The call is up; nothing was checked yet.
    private mutating func call(_ setup: String) throws {
        let hash = identity.fingerprint.octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        let lines = agent.lines(
            "10.9.9.9", 4000, "setup:\(setup)", "rtcp-mux", "fingerprint:sha-256 " + hash.joined(separator: ":"))
        try scenario.offer(
            audio("10.9.9.9", 4000).replacing("RTP/AVP", with: "UDP/TLS/RTP/SAVPF")
                + lines.map { "a=\($0)\r\n" }.joined())
        try agent.read(scenario.answer(audio("192.168.0.2", 4000)))
        scenario.confirm()
    }

    private mutating func nominate(_ pair: Int) {
        let check = agent.check(.init(priority: UInt32(pair + 1)))
        #expect(scenario.deliver(check, to: Self.ours, from: Self.pairs[pair]).destination == Self.pairs[pair])
        scenario.drain()
    }

    private func client() throws -> DTLSAssociation {
        let client = try DTLSAssociation(client: identity, expecting: [relay])
        client.start(at: .zero)
        return client
    }

    private func send(_ peer: DTLSAssociation, from pair: Int) {
        for datagram in peer.takeOutput() {
            _ = scenario.deliver(datagram, to: Self.ours, from: Self.pairs[pair])
            scenario.drain()
        }
    }

    private func takeSent() -> [(datagram: [UInt8], to: SocketAddress, descriptor: Int32)] {
        defer { scenario.sent = [] }
        return scenario.sent
    }

    /// Carries datagrams until there are no more; before round `moving` the phone moves to its second pair.
    private mutating func exchange(_ peer: DTLSAssociation, moving: Int) {
        for round in 0..<8 {
            if round == moving { nominate(1) }
            let pair = round < moving ? 0 : 1
            for (datagram, destination, _) in takeSent() {
                // What was sent before it moved arrives where it was.
                #expect(destination == address(Self.pairs[pair]) || round == moving)
                peer.receive(datagram.span, from: address(Self.ours), at: .zero)
            }
            send(peer, from: pair)
        }
    }

    @Test("a phone that begins and moves to another pair goes on there", arguments: 0...3)
    func passive(_ moving: Int) throws {
        var test = self
        try test.call("active")
        test.nominate(0)
        let peer = try client()
        test.exchange(peer, moving: moving)
        #expect(peer.keys != nil)
        #expect(scenario.media(to: Self.inside, from: Self.pbx) == Self.pairs[1])
    }

    @Test("so does one that waits for us to begin", arguments: 0...3)
    func active(_ moving: Int) throws {
        var test = self
        try test.call("passive")
        test.nominate(0)
        let peer = try DTLSAssociation(server: identity, expecting: [relay], secret: .random())
        test.exchange(peer, moving: moving)
        #expect(peer.keys != nil)
        #expect(scenario.media(to: Self.inside, from: Self.pbx) == Self.pairs[1])
    }

    @Test("the handshake that is ours to begin begins as soon as a pair is nominated")
    func nominated() throws {
        var test = self
        try test.call("passive")
        #expect(scenario.sent.isEmpty)
        test.nominate(0)
        #expect(takeSent().map(\.to) == [address(Self.pairs[0])])
        #expect(scenario.core.nextDeadline ?? .distantFuture <= .zero + DTLSAssociation.firstTimeout)
        test.nominate(0)
        #expect(scenario.sent.isEmpty)
    }

    @Test("the last flight, asked for from another pair, goes there")
    func lastFlight() throws {
        var test = self
        try test.call("active")
        test.nominate(0)
        let peer = try client()
        send(peer, from: 0)
        for _ in 0..<2 {
            for (datagram, _, _) in takeSent() { peer.receive(datagram.span, from: address(Self.ours), at: .zero) }
            send(peer, from: 0)
        }
        #expect(!takeSent().isEmpty && peer.keys == nil)
        test.nominate(1)
        // OpenSSL's timer runs by the real clock.
        usleep(300_000)
        peer.handleTimeout(at: .zero + .milliseconds(300))
        send(peer, from: 1)
        let again = takeSent()
        #expect(Set(again.map(\.to)) == [address(Self.pairs[1])])
        for (datagram, _, _) in again { peer.receive(datagram.span, from: address(Self.ours), at: .zero) }
        #expect(peer.keys != nil)
    }
}
