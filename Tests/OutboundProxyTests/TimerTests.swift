import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Timers of transactions, transport failures and names (RFC 3261 §16.8, §16.9, §17, RFC 3263, security 36).
@Suite struct TimerTests {
    let proxy = ProxyHarness()

    @Test func `timer C: a branch that rings for 181 s is cancelled, then 408`() throws {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        proxy.receive(CallTexts.response(180, "Ringing", to: invite, tag: "b"), on: .outside)
        #expect(!proxy.advance(.seconds(180)).contains { $0.method == .cancel })
        #expect(proxy.advance(.seconds(2)).map(\.method) == [.cancel, .cancel, .cancel].prefix(2) + [])
        let sent = proxy.advance(.seconds(33))
        #expect(sent.contains { $0.status == 408 && $0.side == .inside })
        proxy.expectNothingLeft()
    }

    @Test func `each provisional response but 100 starts timer C anew`() throws {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        for status in [180, 183, 181] {
            proxy.receive(CallTexts.response(status, "Going On", to: invite, tag: "b"), on: .outside)
            #expect(!proxy.advance(.seconds(170)).contains { $0.method == .cancel })
        }
        proxy.receive(CallTexts.response(100, "Trying", to: invite), on: .outside)
        #expect(proxy.advance(.seconds(12)).contains { $0.method == .cancel })
    }

    @Test func `timer B: 408 for an INVITE; timer F: silence for the rest (RFC 4320)`() throws {
        proxy.receive(CallTexts.outboundINVITE(), on: .inside)
        proxy.receive(CallTexts.register(), on: .inside)
        let finals = proxy.advance(.seconds(40)).filter { $0.status >= 200 }
        // The 408 comes again until timer H, since nobody acknowledges it.
        #expect(Set(finals.map(\.status)) == [408])
        #expect(proxy.core.callCount == 0 && proxy.media.open.isEmpty)
        proxy.expectNothingLeft()
    }

    @Test func `timer G and H: a refusal comes again until it is acknowledged, and not for ever`() throws {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        let busy = try #require(
            proxy.receive(CallTexts.response(486, "Busy", to: invite, tag: "b"), on: .outside).last)
        let again = proxy.advance(.seconds(40)).filter { $0.status == 486 }
        #expect(again.count == 10 && again.allSatisfy { $0.bytes == busy.bytes })
        proxy.expectNothingLeft()
    }

    @Test func `a refusal that comes again is acknowledged again, and not passed again`() throws {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        let busy = CallTexts.response(486, "Busy", to: invite, tag: "b")
        let first = proxy.receive(busy, on: .outside)
        let second = proxy.receive(busy, on: .outside)
        #expect(second.map(\.bytes) == [first[0].bytes] && second[0].method == .ack)
    }

    @Test(arguments: ["INVITE", "OPTIONS"])
    func `the transport can't reach the next hop: 503 with Retry-After (§16.9)`(method: String) throws {
        let text = CallTexts.outboundINVITE(body: nil).replacing("INVITE", with: method)
        let request = try #require(proxy.receive(text, on: .inside).first)
        proxy.core.transportFailed(Flow(listener: ListenerID(1), peer: ProxyHarness.stranger), at: proxy.now)
        #expect(proxy.drain().isEmpty)
        proxy.core.transportFailed(Flow(listener: ListenerID(1), peer: request.to), at: proxy.now)
        let sent = proxy.drain()
        #expect(sent.map(\.status) == [503] && sent[0].header(.retryAfter) == "10")
        proxy.expectNothingLeft()
    }

    @Test func `once the next hop has answered, an ICMP error means nothing`() throws {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        proxy.receive(CallTexts.response(180, "Ringing", to: invite, tag: "b"), on: .outside)
        proxy.core.transportFailed(Flow(listener: ListenerID(1), peer: invite.to), at: proxy.now)
        #expect(proxy.drain().isEmpty && proxy.core.callCount == 1)
    }

    // MARK: Names

    private static let named = CallTexts.outboundINVITE(uri: "sip:tone@ITSP.example:5070")

    @Test func `a name is asked for once, and the INVITE goes to its first address that we can speak to`() throws {
        #expect(proxy.receive(Self.named, on: .inside).isEmpty)
        #expect(proxy.receive(Self.named, on: .inside).isEmpty)
        #expect(proxy.resolving == ["itsp.example"])
        let sent = proxy.resolve("itsp.example", ["203.0.113.40", "203.0.113.41"])
        #expect(sent.map(\.to) == [ProxyHarness.address("203.0.113.40:5070")])
        // A request to another port is another question; the same question a moment later is not.
        let second = CallTexts.outboundINVITE(branch: "z9hG4bK2", callID: "2", uri: "sip:tone@itsp.example")
        #expect(proxy.receive(second, on: .inside).isEmpty)
        #expect(
            proxy.resolve("itsp.example", ["203.0.113.40"]).map(\.to) == [ProxyHarness.address("203.0.113.40:5060")])
        let third = second.replacing("z9hG4bK2", with: "z9hG4bK3")
        #expect(proxy.receive(third, on: .inside).map(\.to) == [ProxyHarness.address("203.0.113.40:5060")])
        proxy.advance(.seconds(2))
        #expect(proxy.receive(third.replacing("z9hG4bK3", with: "z9hG4bK4"), on: .inside).isEmpty)
        #expect(proxy.resolving == ["itsp.example"])
    }

    @Test func `timers count from when the INVITE leaves, not from when it came`() {
        proxy.receive(Self.named, on: .inside)
        #expect(proxy.advance(.seconds(2)).map(\.status) == [100])
        #expect(proxy.resolve("itsp.example", ["203.0.113.40"]).count == 1)
        #expect(proxy.advance(.milliseconds(499)).isEmpty)
        #expect(proxy.advance(.milliseconds(1)).map(\.method) == [.invite])
        #expect(proxy.advance(.seconds(31)).allSatisfy { $0.method == .invite })
    }

    @Test(arguments: [
        [], ["192.168.0.2"], ["203.0.113.1"], ["192.168.0.1"], ["127.0.0.1"], ["0.0.0.0"], ["::ffff:192.168.0.2"],
    ])
    func `a name that leads nowhere, inside or to ourselves is 503 with Retry-After (security 36)`(
        addresses: [String]
    ) {
        proxy.receive(Self.named.replacing(":5070", with: ""), on: .inside)
        let sent = proxy.resolve("itsp.example", addresses)
        #expect(sent.map(\.status) == [503] && sent[0].side == .inside && sent[0].header(.retryAfter) == "10")
        proxy.expectNothingLeft()
    }

    @Test func `a resolver that never answers: 503 after 2.5 s, and nothing waits for ever`() throws {
        proxy.receive(Self.named, on: .inside)
        #expect(proxy.advance(.milliseconds(2499)).map(\.status) == [100])
        let sent = proxy.advance(.milliseconds(1))
        #expect(sent.map(\.status) == [503] && sent[0].header(.retryAfter) == "10")
        #expect(proxy.resolve("itsp.example", ["203.0.113.40"]).isEmpty)
        proxy.expectNothingLeft()
    }

    @Test func `ten thousand may wait for names, the next is told to try later`() throws {
        let message = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first?.message)
        let listener = ProxyHarness.listeners[0]
        let flow = Flow(listener: listener.id, peer: ProxyHarness.pbx)
        let arrival = Arrival(message: message, flow: flow, listener: listener, now: proxy.now)
        let query = LocationQuery(host: "a", transports: [.udp], families: [.v4])
        let request = PendingRequest(
            arrival: arrival,
            forwarding: Forwarding(
                nextHop: .name(query), egress: .outside,
                routes: RouteProcessing(message, identities: Identities([])), trunk: ""), server: nil)
        var locations = LocationTable()
        var taken = 0
        for _ in 0..<10_100 where locations.look(up: query, for: .request(request), at: proxy.now) != nil { taken += 1 }
        let waiting = locations.close(query, .unknownName, at: proxy.now)
        #expect(taken == 10_000 && waiting.count == 10_000)
    }

    @Test func `an ACK waits for its name like any request, and has no transaction`() throws {
        var call = try proxy.callOut(itspRoute: nil, itspContact: "<sip:tone@sbc.itsp.example>", acknowledges: false)
        #expect(proxy.receive(call.pbx.request("ACK", cSeq: 1), on: .inside).isEmpty)
        #expect(proxy.resolving == ["sbc.itsp.example"])
        #expect(proxy.resolve("sbc.itsp.example", ["203.0.113.40"]).map(\.method) == [.ack])
    }

    // MARK: What time leaves behind

    @Test func `a call that ended is let go of within a minute`() throws {
        var call = try proxy.callOut()
        let bye = try #require(proxy.receive(call.pbx.request("BYE"), on: .inside).first)
        proxy.receive(CallTexts.response(200, "OK", to: bye), on: .outside)
        proxy.advance(.seconds(100))
        #expect(proxy.core.nextDeadline == nil)
    }
}
