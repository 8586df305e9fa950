import DTLS
import NetworkTypes
import Testing

@Suite("A DTLS association")
struct DTLSAssociationTests {
    private let (ours, theirs): (DTLSIdentity, DTLSIdentity)
    private let link: Link

    init() throws {
        (ours, theirs) = (try DTLSIdentity(), try DTLSIdentity())
        link = try Link(ours, theirs)
    }

    @Test("a handshake gives both ends the same keys, after a HelloVerifyRequest, in datagrams of at most 1200 octets")
    func handshake() throws {
        link.shake()
        #expect(link.isEstablished && link.agrees)
        #expect(link.client.keys?.inbound.suite == .aes128GCM)
        #expect(link.client.deadline == nil && link.server.deadline == nil)
        // ClientHello, and the answer that is shorter.
        #expect(link.sent[1].count < link.sent[0].count && link.sent[1][13] == 3)
        #expect(link.sent.allSatisfy { $0.count <= DTLSAssociation.largestDatagram })
    }

    @Test("a handshake gets over the loss of any one datagram, and of any two", arguments: 0..<8)
    func loss(_ number: Int) throws {
        for width in 1...2 {
            let link = try Link(ours, theirs)
            link.fate = { (number..<number + width).contains($0) ? [] : [$1] }
            link.shake()
            #expect(link.isEstablished && link.agrees, "\(number) \(width)")
        }
    }

    @Test("a handshake gets over the loss of a fifth of all datagrams", arguments: 0..<4)
    func randomLoss(_ seed: Int) throws {
        let hash = KeyedHash(key0: UInt64(seed), key1: 7)
        link.fate = { hash(UInt64($0)) % 5 == 0 ? [] : [$1] }
        link.shake()
        #expect(link.isEstablished && link.agrees)
    }

    @Test("duplicates and an order turned round do no harm")
    func duplicates() throws {
        link.fate = { [$1, $1] }
        link.shake()
        #expect(link.isEstablished && link.agrees)
        let other = try Link(ours, theirs)
        var held: [UInt8]?
        other.fate = { number, datagram in
            if number % 3 == 2, held == nil {
                held = datagram
                return []
            }
            defer { held = nil }
            return [datagram] + (held.map { [$0] } ?? [])
        }
        other.shake()
        #expect(other.isEstablished && other.agrees)
    }

    @Test("the last flight is sent anew for a client that didn't get it")
    func lastFlight() throws {
        var lost = 0
        link.fate = { [client = link.client, server = link.server] _, datagram in
            // ChangeCipherSpec and Finished of the server, which has its keys already.
            guard server.state == .established, client.state != .established, lost < 2 else {
                return [datagram]
            }
            lost += 1
            return []
        }
        link.shake()
        #expect(lost == 2 && link.isEstablished && link.agrees)
    }

    @Test("security 8: nobody with another certificate gets keys, whichever end he is")
    func wrongFingerprint() throws {
        let stranger = try DTLSIdentity()
        let server = try DTLSAssociation(server: theirs, expecting: [ours.fingerprint], secret: .random())
        let client = try DTLSAssociation(client: stranger, expecting: [theirs.fingerprint])
        shake(client, server)
        #expect(server.state == .failed && server.keys == nil)
        #expect(client.keys == nil)
        let server2 = try DTLSAssociation(server: stranger, expecting: [ours.fingerprint], secret: .random())
        let client2 = try DTLSAssociation(client: ours, expecting: [theirs.fingerprint])
        shake(client2, server2)
        #expect(client2.state == .failed && client2.keys == nil && server2.keys == nil)
        let nobody = try DTLSAssociation(client: ours, expecting: [])
        let server3 = try DTLSAssociation(server: theirs, expecting: [ours.fingerprint], secret: .random())
        shake(nobody, server3)
        #expect(nobody.keys == nil && server3.keys == nil)
    }

    private func shake(_ client: DTLSAssociation, _ server: DTLSAssociation) {
        client.start(at: Link.now)
        for _ in 0..<10 {
            for datagram in client.takeOutput() {
                server.receive(datagram, from: Link.clientAddress, at: Link.now)
            }
            for datagram in server.takeOutput() {
                client.receive(datagram, from: Link.serverAddress, at: Link.now)
            }
        }
    }

    @Test("any of several fingerprints may match")
    func severalFingerprints() throws {
        let other = try DTLSIdentity()
        let server = try DTLSAssociation(
            server: theirs, expecting: [other.fingerprint, ours.fingerprint], secret: .random())
        let client = try DTLSAssociation(client: ours, expecting: [theirs.fingerprint])
        shake(client, server)
        #expect(server.state == .established && client.state == .established)
    }

    @Test("security 8: a cookie is good for its source alone, and until one comes nothing but its request is said")
    func cookie() throws {
        link.client.start(at: Link.now)
        let hello = try #require(link.client.takeOutput().first)
        for _ in 0..<100 { link.server.receive(hello, from: Link.clientAddress, at: Link.now) }
        let requests = link.server.takeOutput()
        #expect(requests.count == 100 && requests.allSatisfy { $0.count < hello.count })
        #expect(link.server.state == .listening)
        link.client.receive(requests[0], from: Link.serverAddress, at: Link.now)
        // The last: where the machine is slow, the first hello was due to be sent again.
        let second = try #require(link.client.takeOutput().last)
        let elsewhere = SocketAddress(Link.clientAddress.ip, 4001)
        link.server.receive(second, from: elsewhere, at: Link.now)
        #expect(link.server.state == .listening)
        _ = link.server.takeOutput()
        link.server.receive(second, from: Link.clientAddress, at: Link.now)
        #expect(link.server.state == .handshaking)
    }

    @Test("a flood in the middle of a handshake ends it, and takes no more than was allowed")
    func flood() throws {
        link.client.start(at: Link.now)
        let hello = try #require(link.client.takeOutput().first)
        link.server.receive(hello, from: Link.clientAddress, at: Link.now)
        let request = try #require(link.server.takeOutput().first)
        link.client.receive(request, from: Link.serverAddress, at: Link.now)
        // The last: where the machine is slow, the first hello was due to be sent again.
        let second = try #require(link.client.takeOutput().last)
        for _ in 0..<1000 { link.server.receive(second, from: Link.clientAddress, at: Link.now) }
        #expect(link.server.state == .failed)
    }

    @Test("after the handshake nothing that comes ends the association")
    func garbageAfterwards() throws {
        link.shake()
        let recorded = link.sent
        let alert: [UInt8] = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 2, 40]
        for datagram in recorded + [alert, [22], [20, 1, 2, 3], [UInt8](repeating: 23, count: 1500)] {
            for association in [link.client, link.server] {
                association.receive(datagram, from: Link.serverAddress, at: Link.now)
            }
        }
        #expect(link.isEstablished && link.agrees)
        #expect(!link.client.isPeerFinished)
    }

    @Test("truncated and changed datagrams never trap, and never give keys that differ")
    func mutations() throws {
        link.shake()
        let recorded = link.sent
        let hash = KeyedHash(key0: 1, key1: 2)
        for round in 0..<120 {
            let link = try Link(ours, theirs)
            link.fate = { number, datagram in
                let random = hash(UInt64(round * 64 + number))
                guard random % 3 == 0, !datagram.isEmpty else { return [datagram] }
                var changed = datagram
                let place = Int(random >> 8 % UInt64(datagram.count))
                if random & 64 == 0 {
                    changed[place % changed.count] ^= UInt8(truncatingIfNeeded: random >> 40) | 1
                } else {
                    changed = Array(changed.prefix(place % changed.count))
                }
                return random & 128 == 0 ? [changed, datagram] : [changed]
            }
            link.client.start(at: Link.now)
            link.exchange()
            #expect(!link.isEstablished || link.agrees)
            // Out of place altogether.
            for datagram in recorded { link.server.receive(datagram, from: Link.clientAddress, at: Link.now) }
        }
    }
}
