import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Targets that are down cost later requests nothing (RFC 3263 §4.3, issue: health per address, port and transport).
@Suite struct HealthTests {
    let proxy = ProxyHarness()

    /// The first target is silent, the second answers; two calls have been made afterwards.
    private func fail(_ proxy: ProxyHarness) throws {
        _ = proxy.send(Targets.invite())
        let second = try #require(proxy.advance(.seconds(4)).outside.last)
        #expect(second.target == Targets.second && proxy.answer(486, to: second).inside.statuses == [486])
        proxy.advance(.seconds(1))
    }

    private func changes(_ proxy: ProxyHarness) -> [(Target, TargetState)] {
        proxy.updates.compactMap { if case .health(let target, let state) = $0 { (target, state) } else { nil } }
    }

    @Test func `after a silent target later requests go to the live one at once`() throws {
        try fail(proxy)
        for number in 2..<10 {
            let sent = proxy.send(Targets.invite(number)) + proxy.send(Targets.register(number))
            #expect(sent.targets == [Targets.second, Targets.second])
            for request in sent { proxy.answer(404, to: request) }
        }
        #expect(changes(proxy).map(\.0) == [Targets.first])
    }

    @Test func `a request had to be repeated: new ones go elsewhere until there is an answer`() throws {
        let first = try #require(proxy.send(Targets.invite()).first)
        #expect(proxy.send(Targets.invite(2)).targets == [Targets.first])
        proxy.advance(.milliseconds(500))
        let elsewhere = try #require(proxy.send(Targets.invite(3)).first)
        #expect(elsewhere.target == Targets.second)
        proxy.answer(100, to: first)
        #expect(proxy.send(Targets.invite(4)).targets == [Targets.first])
        #expect(changes(proxy).isEmpty)
    }

    @Test func `one that has answered something else in the meantime is not down`() throws {
        let lost = try #require(proxy.send(Targets.invite()).first)
        proxy.advance(.milliseconds(100))
        let other = try #require(proxy.send(Targets.invite(2)).first)
        #expect(lost.target == Targets.first && other.target == Targets.first)
        proxy.answer(486, to: other)
        #expect(proxy.advance(.milliseconds(3900)).outside.targets.contains(Targets.second))
        #expect(proxy.send(Targets.invite(3)).targets == [Targets.first] && changes(proxy).isEmpty)
    }

    @Test func `where all targets are doubted the order stays as it was`() throws {
        _ = proxy.send(Targets.invite())
        proxy.advance(.milliseconds(500))
        _ = proxy.send(Targets.invite(2))
        proxy.advance(.milliseconds(500))
        #expect(proxy.send(Targets.invite(3)).targets == [Targets.first])
    }

    @Test func `a target is down: who waits for it goes elsewhere, but gives it a second`() throws {
        // All are sent before the first has to be repeated.
        for number in 1...3 {
            #expect(proxy.send(Targets.invite(number)).targets == [Targets.first])
            proxy.advance(.milliseconds(150))
        }
        let early = proxy.advance(.milliseconds(3549)).outside
        #expect(early.targets.allSatisfy { $0 == Targets.first })
        #expect(proxy.advance(.milliseconds(1)).outside.targets == [Targets.second, Targets.second, Targets.second])
    }

    @Test func `a request that has just been sent to a target that goes down has a second`() throws {
        _ = proxy.send(Targets.invite())
        proxy.advance(.milliseconds(500))
        #expect(proxy.send(Targets.invite(2)).targets == [Targets.second])
        proxy.advance(.milliseconds(499))
        // Doubted, too: the order is what it was.
        #expect(proxy.send(Targets.invite(3)).targets == [Targets.second])
        proxy.advance(.milliseconds(501))
        let late = proxy.send(Targets.invite(4))
        #expect(late.targets == [Targets.first])
        #expect(proxy.advance(.milliseconds(2500)).outside.targets.contains(Targets.second))
        #expect(proxy.core.counters.timeouts == 0)
    }

    @Test(arguments: ["error", "503"])
    func `an error of the transport and a 503 count, too`(how: String) throws {
        let first = try #require(proxy.send(Targets.invite()).first)
        let second = try #require((how == "503" ? proxy.answer(503, to: first) : proxy.refuse(first)).last)
        proxy.answer(200, to: second)
        proxy.advance(.seconds(2))
        #expect(proxy.send(Targets.invite(2)).targets == [Targets.second])
    }

    @Test func `one that says 503 for a moment and then dies is not tried first when the moment is over`() throws {
        let first = try #require(proxy.send(Targets.invite()).first)
        let second = try #require(proxy.answer(503, to: first, extra: "Retry-After: 2").last)
        proxy.answer(200, to: second)
        proxy.advance(.seconds(1))
        _ = proxy.refuse(first)
        proxy.advance(.seconds(10))
        #expect(proxy.send(Targets.invite(2)).targets == [Targets.second])
    }

    @Test func `a Retry-After of one that is down is kept to (RFC 3261 §21.5.4)`() throws {
        try fail(proxy)
        proxy.advance(.seconds(31))
        let probe = try #require(proxy.send(Targets.invite(2)).first)
        let other = try #require(proxy.answer(503, to: probe, extra: "Retry-After: 300").last)
        proxy.answer(486, to: other)
        proxy.advance(.seconds(200))
        #expect(proxy.send(Targets.invite(3)).targets == [Targets.second])
    }

    @Test func `half open: one request per interval sees whether it is back, the interval doubles`() throws {
        try fail(proxy)
        func probes(_ duration: Int) -> Int {
            var count = 0
            for second in 0..<duration {
                let number = 1000 + Int(proxy.now.nanoseconds / 1_000_000_000) * 1000 + second
                if let sent = proxy.send(Targets.invite(number)).outside.first {
                    if sent.target == Targets.first { count += 1 } else { proxy.answer(486, to: sent) }
                }
                for sent in proxy.advance(.seconds(1)).outside where sent.target == Targets.second {
                    if sent.method == .invite { proxy.answer(486, to: sent) }
                }
            }
            return count
        }
        #expect(probes(24) == 0)
        #expect(probes(12) == 1)
        #expect(probes(50) == 0)
        #expect(probes(14) == 1)
    }

    @Test func `an answer to the probing request, and everybody goes there again`() throws {
        try fail(proxy)
        proxy.advance(.seconds(31))
        let probe = try #require(proxy.send(Targets.invite(2)).first)
        #expect(probe.target == Targets.first)
        let other = proxy.send(Targets.invite(3))
        #expect(other.targets == [Targets.second])
        proxy.answer(180, to: probe)
        #expect(proxy.send(Targets.invite(4)).targets == [Targets.first])
        #expect(changes(proxy).map(\.1).last == .up)
    }

    @Test func `a late answer of the one that was left behind brings it back`() throws {
        let first = try #require(proxy.send(Targets.invite()).first)
        proxy.advance(.seconds(4))
        #expect(proxy.send(Targets.invite(2)).targets == [Targets.second])
        proxy.answer(486, to: first, tag: "late")
        proxy.advance(.seconds(2))
        #expect(proxy.send(Targets.invite(3)).outside.targets == [Targets.first])
    }

    @Test func `Retry-After says for how long a 503 counts`() throws {
        let first = try #require(proxy.send(Targets.invite()).first)
        let second = try #require(proxy.answer(503, to: first, extra: "Retry-After: 100 (busy);duration=7").last)
        proxy.answer(486, to: second)
        proxy.advance(.seconds(99))
        let still = try #require(proxy.send(Targets.invite(2)).first)
        #expect(still.target == Targets.second)
        proxy.answer(486, to: still)
        proxy.advance(.seconds(2))
        #expect(proxy.send(Targets.invite(3)).outside.first?.target == Targets.first)
    }

    @Test func `all are down: they are tried in order all the same`() throws {
        let first = try #require(proxy.send(Targets.invite()).first)
        let second = try #require(proxy.refuse(first).last)
        #expect(proxy.refuse(second).statuses == [503])
        let again = try #require(proxy.send(Targets.invite(2)).first)
        #expect(again.target == Targets.first)
        #expect(proxy.refuse(again).targets == [Targets.second])
    }

    @Test func `what a shard sees the others are told`() throws {
        try fail(proxy)
        let other = ProxyHarness()
        for update in proxy.updates { other.core.apply(update) }
        #expect(other.send(Targets.invite()).targets == [Targets.second])
        other.core.apply(.health(Targets.first, .up))
        #expect(other.advance(.seconds(2)).isEmpty == false)
        #expect(other.send(Targets.invite(2)).outside.first?.target == Targets.first)
    }

    @Test func `a dead target of one trunk touches no other trunk: another port or transport is another target`() throws
    {
        try fail(proxy)
        let near = [
            Targets.target("udp:203.0.113.10:5070"), Targets.target("udp:203.0.113.11:5060"), Targets.second,
        ]
        let text = CallTexts.outboundINVITE(branch: "z9hG4bKo", callID: "o", uri: "sip:tone@other.example")
        let sent = proxy.send(
            text, .targets(near.enumerated().map { LocatedTarget($1, rank: $0) }), named: "other.example")
        #expect(sent.targets == [near[0]])
        let same = proxy.send(
            text.replacing("other", with: "same").replacing("z9hG4bKo", with: "z9hG4bKs"), Targets.both,
            named: "same.example")
        #expect(same.targets == [Targets.second])
    }

    @Test func `a single target is tried whatever is known about it`() throws {
        for number in 0..<3 {
            let text = CallTexts.outboundINVITE(branch: "z9hG4bKx\(number)", callID: "x\(number)")
            let sent = try #require(proxy.receive(text, on: .inside).first)
            #expect(sent.target == Targets.first && proxy.refuse(sent).statuses == [503])
        }
    }

    @Test func `what is known about targets is bounded, and forgotten`() {
        var health = TargetHealth()
        let now = Instant.zero + .seconds(1)
        for number in 0..<10_000 as Range<UInt32> {
            let target = Target(.udp, SocketAddress(IPAddress(v4: number), 5060))
            if number.isMultiple(of: 2) {
                _ = health.failed(target, at: now)
            } else {
                _ = health.succeeded(target, on: .outside, at: now)
            }
        }
        #expect(health.count <= 4096)
        health.sweep(at: now + .seconds(10_000))
        #expect(health.isWell)
        let first = Target(.udp, SocketAddress(IPAddress(v4: 0), 5060))
        #expect(health.state(of: first) == .unknown && health.isUsable(first, at: now))
    }

    @Test func `hops that are down come last among alternatives`() throws {
        let dead = Targets.target("udp:192.168.0.2:5060")
        proxy.core.apply(.health(dead, .down(until: .distantFuture)))
        let text = CallTexts.inboundINVITE(uri: "sip:1000@203.0.113.1", body: nil)
        let message = try MessageParser.parse(datagram: wire(text))
        let listener = ProxyHarness.listeners[1]
        let arrival = Arrival(
            message: message, flow: Flow(listener: listener.id, peer: ProxyHarness.itsp), listener: listener,
            now: proxy.now)
        let live = Targets.target("udp:192.168.0.3:5060")
        proxy.core.forward(
            arrival,
            Forwarding(
                uri: Array("sip:1@192.168.0.2".utf8), nextHop: .target(dead),
                alternatives: [Forwarding.Alternative(uri: Array("sip:2@192.168.0.3".utf8), nextHop: .target(live))],
                egress: .inside, routes: RouteProcessing(message, identities: Identities([])), trunk: "t"))
        let first = try #require(proxy.drain().first)
        #expect(first.target == live && first.requestURI == "sip:2@192.168.0.3")
        let last = try #require(proxy.refuse(first).first)
        #expect(last.target == dead && last.requestURI == "sip:1@192.168.0.2")
        #expect(proxy.refuse(last).outside.statuses == [503])
    }

    // MARK: Preference

    @Test func `a registered trunk's calls go where its last REGISTER succeeded`() throws {
        let first = try #require(proxy.send(Targets.register()).first)
        let second = try #require(proxy.refuse(first).last)
        proxy.answer(200, to: second, extra: "Contact: \(second.header(.contact));expires=3600")
        #expect(proxy.core.bindings.map(\.registrar) == [Targets.second])
        proxy.core.apply(.health(Targets.first, .up))
        #expect(proxy.send(Targets.invite(2)).targets == [Targets.second])
        // A refresh goes there, too, and without the registration the order is that of DNS.
        #expect(proxy.send(Targets.register(2)).targets == [Targets.second])
        proxy.advance(.seconds(4000))
        #expect(proxy.send(Targets.invite(3)).outside.first?.target == Targets.first)
    }

    @Test func `a request in a dialog goes to the target that has the dialog`() throws {
        let first = try #require(proxy.send(Targets.invite()).first)
        let second = try #require(proxy.answer(503, to: first).last)
        let ok = try #require(proxy.answer(200, to: second, contact: "<sip:tone@\(Targets.name)>").first)
        proxy.core.apply(.health(Targets.first, .up))
        var pbx = Dialog(
            side: .inside, source: ProxyHarness.pbx, local: ok.header(.from), remote: ok.header(.to),
            callID: "named-1", target: ok.uri(.contact), routes: Array(ok.values(.recordRoute).reversed()), cSeq: 1,
            contact: ProxyHarness.pbxContact)
        #expect(proxy.send(pbx.request("ACK", cSeq: 1)).targets == [Targets.second])
        proxy.advance(.seconds(2))
        #expect(proxy.send(pbx.request("BYE")).targets == [Targets.second])
    }

    // MARK: Status

    @Test func `a trunk shows its targets and whether they answer`() throws {
        let trunks = [
            TrunkSettings(name: "named", domain: Targets.name),
            TrunkSettings(name: "literal", domain: "198.51.100.7", transport: .tcp),
        ]
        let proxy = ProxyHarness(trunks: trunks)
        func targets(_ name: String) -> [String] {
            (proxy.core.trunkSummaries.first { $0.name == name }?.targets ?? []).map { summary in
                switch summary.state {
                case .up: "\(summary.target) up"
                case .down: "\(summary.target) down"
                case .unknown: "\(summary.target) unknown"
                }
            }
        }
        #expect(targets("named") == [] && targets("literal") == ["tcp:198.51.100.7:5060 unknown"])
        let first = try #require(proxy.send(Targets.invite()).first)
        #expect(targets("named") == ["\(Targets.first) unknown", "\(Targets.second) unknown"])
        let second = try #require(proxy.refuse(first).last)
        proxy.answer(180, to: second)
        #expect(targets("named") == ["\(Targets.first) down", "\(Targets.second) up"])
    }
}
