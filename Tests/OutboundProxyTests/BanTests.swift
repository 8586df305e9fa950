import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Who guesses passwords is not listened to for a while, and nobody else (security 31, 32).
@Suite struct BanTests {
    private let source = ProxyHarness.stranger
    private var ip: IPAddress { source.ip }
    private let start = Instant(nanoseconds: 1_000_000_000)

    private func bans() -> Bans { Bans(hash: KeyedHash(key0: 1, key1: 2)) }

    @Test func `five failures are a ban of five minutes, and each further one lasts twice as long`() {
        var bans = bans()
        var now = start
        for minutes in [5, 10, 20, 40] {
            for _ in 0..<4 { #expect(bans.noteFailure(ip, "a@b", at: now) == nil) }
            #expect(!bans.isBanned(ip, "a@b", at: now))
            #expect(bans.noteFailure(ip, "a@b", at: now) == now + .seconds(Int64(minutes * 60)))
            #expect(bans.isBanned(ip, "a@b", at: now + .seconds(Int64(minutes * 60 - 1))))
            now += .seconds(Int64(minutes * 60))
            #expect(!bans.isBanned(ip, "a@b", at: now))
        }
    }

    @Test func `a ban is for one account of one source, and of IPv6 for its whole network`() throws {
        var bans = bans()
        let (one, other) = (try #require(IPAddress("2001:db8::1")), try #require(IPAddress("2001:db8::2:0:0:1")))
        let elsewhere = try #require(IPAddress("2001:db8:0:1::1"))
        for _ in 0..<5 { _ = bans.noteFailure(one, "a@b", at: start) }
        #expect(bans.isBanned(other, "a@b", at: start))
        #expect(!bans.isBanned(elsewhere, "a@b", at: start) && !bans.isBanned(one, "c@b", at: start))
    }

    @Test func `failures that lie far apart, or end in success, are none`() {
        var bans = bans()
        for number in 0..<20 {
            #expect(bans.noteFailure(ip, "slow", at: start + .seconds(Int64(number) * 601)) == nil)
            #expect(bans.noteFailure(ip, "typo", at: start) == nil)
            if number % 3 == 2 { bans.noteSuccess(ip, "typo") }
        }
    }

    @Test func `200,000 sources and accounts take no more memory, and what is over is forgotten (security 31)`() {
        var bans = bans()
        for number in 0..<200_000 {
            let source = IPAddress(v4: UInt32(number) &* 7919)
            _ = bans.noteFailure(source, String(repeating: "x", count: 200) + "\(number)", at: start)
        }
        #expect(bans.count <= 1024)
        bans.sweep(at: start + .seconds(700))
        #expect(bans.isEmpty)
    }

    @Test func `what is banned stays banned while others fail`() {
        var bans = bans()
        for _ in 0..<5 { _ = bans.noteFailure(ip, "victim", at: start) }
        for number in 0..<20_000 { _ = bans.noteFailure(IPAddress(v4: UInt32(number)), "x", at: start) }
        #expect(bans.isBanned(ip, "victim", at: start))
        #expect(bans.list(at: start).map(\.account) == ["victim"])
    }

    // MARK: Through the core

    private static let realm = "Digest realm=\"asterisk\", nonce=\"%\", algorithm=MD5"

    /// An INVITE with the token of a registration, which lets an unknown source reach the PBX.
    private func invite(_ uri: String, _ number: Int, nonce: String?) -> String {
        let credentials = nonce.map {
            "Authorization: Digest username=\"x\", cnonce=\"wrong\", nonce=\"\($0)\", response=\"0\""
        }
        return CallTexts.inboundINVITE(
            uri: uri, branch: "z9hG4bKban\(number)", callID: "ban-\(number)", extra: credentials ?? "")
    }

    /// One attempt: what the PBX got, and answered.
    private func attempt(
        _ proxy: ProxyHarness, _ uri: String, _ number: Int, nonce: String?, answer: Int = 401,
        challenge: String = "n1",
        from source: SocketAddress? = nil, by transport: TransportProtocol = .udp
    ) -> Bool {
        let text = invite(uri, number, nonce: nonce)
        let sent = proxy.receive(text, on: .outside, from: source ?? self.source, by: transport)
        guard let request = sent.first(where: { $0.side == .inside }) else { return false }
        let header = "WWW-Authenticate: " + Self.realm.replacing("%", with: challenge)
        proxy.receive(
            CallTexts.response(answer, "No", to: request, tag: "t\(number)", extra: answer == 403 ? "" : header),
            on: .inside)
        return true
    }

    private func stage() throws -> (proxy: ProxyHarness, uri: String) {
        let proxy = ProxyHarness { $0.listeners += ProxyHarness.streams }
        let uri = try proxy.register().request.uri(.contact).replacing("<", with: "").replacing(">", with: "")
        return (proxy, uri)
    }

    @Test func `over TCP wrong credentials ban, and the banned one gets 403`() throws {
        let (proxy, uri) = try stage()
        for number in 0..<5 { #expect(attempt(proxy, uri, number, nonce: "x", by: .tcp)) }
        #expect(proxy.core.bans(at: proxy.now).count == 1 && proxy.core.counters.bans == 1)
        let answer = proxy.receive(invite(uri, 6, nonce: nil), on: .outside, from: source, by: .tcp)
        #expect(answer.map(\.status) == [403] && proxy.core.counters.droppedBanned == 1)
        #expect(
            proxy.updates.contains {
                if case .ban(let source, _, _) = $0 { source == ip } else { false }
            })
        proxy.advance(.seconds(301))
        #expect(attempt(proxy, uri, 7, nonce: nil, by: .tcp))
    }

    @Test func `over UDP only who sends back a nonce that went there is banned, and then silently`() throws {
        let (proxy, uri) = try stage()
        #expect(attempt(proxy, uri, 0, nonce: nil, challenge: "n1"))
        for number in 1...5 { #expect(attempt(proxy, uri, number, nonce: "n1", challenge: "n1")) }
        #expect(proxy.core.bans(at: proxy.now).count == 1)
        #expect(proxy.receive(invite(uri, 6, nonce: nil), on: .outside, from: source).isEmpty)
    }

    @Test func `forged UDP packets ban nobody, one or thousands of them (security 32)`() throws {
        let (proxy, uri) = try stage()
        // The attacker knows a nonce that went to itself.
        let attacker = ProxyHarness.address("198.51.100.99:5060")
        #expect(attempt(proxy, uri, 0, nonce: nil, challenge: "mine", from: attacker))
        for number in 1...2000 {
            let victim = SocketAddress(IPAddress(v4: 0x0a00_0000 &+ UInt32(number % 200)), 5060)
            _ = attempt(proxy, uri, number, nonce: "mine", challenge: "n\(number)", from: victim)
        }
        #expect(proxy.core.bans(at: proxy.now).isEmpty && proxy.core.bans.isEmpty)
    }

    @Test func `65,536 nonces take no more memory than one, and each is good for one address alone`() {
        var nonces = RelayedNonces(hash: KeyedHash(key0: 1, key1: 2), slots: 64)
        func nonce(_ number: Int) -> ArraySlice<UInt8> { Array("n\(number)".utf8)[...] }
        for number in 0..<65_536 {
            nonces.note(nonce(number), sentTo: SocketAddress(IPAddress(v4: UInt32(number)), 5060))
        }
        #expect(
            (0..<65_536).count { nonces.contains(nonce($0), sentTo: SocketAddress(IPAddress(v4: UInt32($0)), 1)) } <= 64
        )
        nonces.note(nonce(7), sentTo: source)
        #expect(nonces.contains(nonce(7), sentTo: SocketAddress(ip, 9)))
        #expect(!nonces.contains(nonce(7), sentTo: ProxyHarness.itsp) && !nonces.contains(nonce(8), sentTo: source))
    }

    @Test func `stale credentials, and requests without any, do not count`() throws {
        let (proxy, uri) = try stage()
        for number in 0..<10 {
            #expect(attempt(proxy, uri, number, nonce: "x", challenge: "n\", stale=TRUE, opaque=\"", by: .tcp))
            #expect(attempt(proxy, uri, 100 + number, nonce: nil, by: .tcp))
        }
        #expect(proxy.core.bans.isEmpty)
        proxy.advance(.seconds(5))
        for number in 200..<205 { #expect(attempt(proxy, uri, number, nonce: "x", answer: 403, by: .tcp)) }
        #expect(proxy.core.bans(at: proxy.now).count == 1)
    }

    @Test func `a trunk and the peer of a call are never banned`() throws {
        let (proxy, uri) = try stage()
        for number in 0..<20 {
            #expect(attempt(proxy, uri, number, nonce: "x", from: ProxyHarness.itsp, by: .tcp))
        }
        #expect(proxy.core.bans.isEmpty)
        // It was banned before it became one.
        for number in 20..<25 { #expect(attempt(proxy, uri, number, nonce: "x", by: .tcp)) }
        proxy.core.apply(.learn(domain: "itsp.example", address: ip, until: proxy.now + .seconds(600)))
        #expect(attempt(proxy, uri, 30, nonce: "x", by: .tcp))
    }

    @Test func `another shard's ban holds here, too`() throws {
        let (proxy, uri) = try stage()
        proxy.core.apply(.ban(source: ip, account: "5551234@203.0.113.11", until: proxy.now + .seconds(60)))
        #expect(!attempt(proxy, uri, 1, nonce: nil))
        proxy.advance(.seconds(61))
        #expect(attempt(proxy, uri, 2, nonce: nil))
    }
}
