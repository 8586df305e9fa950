import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Request-URIs that name no host of SIP (RFC 3261 §16.3 step 2, §16.5; RFC 3966).
@Suite struct NumberTests {
    private static let number = "tel:+18005551212"
    private static let route = "Route: <sip:192.168.0.1;lr>, <sip:203.0.113.40;lr>\n"

    @Test func `a number with a Route goes on along it, as it is`() throws {
        let sent = ProxyHarness().receive(
            CallTexts.outboundINVITE(uri: Self.number, route: Self.route), on: .inside)
        #expect(sent.map(\.requestURI) == [Self.number])
        #expect(sent.map(\.to) == [ProxyHarness.address("203.0.113.40:5060")])
    }

    @Test func `a number without a Route goes to the only trunk, configured or learned`() throws {
        let configured = ProxyHarness(trunks: [TrunkSettings(name: "gw", domain: "203.0.113.10")])
        let learned = ProxyHarness()
        try learned.register()
        for proxy in [configured, learned] {
            let sent = proxy.receive(CallTexts.outboundINVITE(uri: Self.number), on: .inside)
            #expect(sent.map(\.requestURI) == [Self.number] && sent.map(\.to) == [ProxyHarness.itsp])
            #expect(proxy.answer(200, to: try #require(sent.first)).inside.statuses == [200])
        }
    }

    @Test func `of several trunks the one whose domain From names has it, else 416`() throws {
        let trunks = ["203.0.113.10", "203.0.113.20"].map { TrunkSettings(name: "gw\($0.suffix(2))", domain: $0) }
        let proxy = ProxyHarness(trunks: trunks)
        let text = CallTexts.outboundINVITE(uri: Self.number)
        #expect(proxy.receive(text, on: .inside).statuses == [416])
        let named = text.replacing("<sip:1000@192.168.0.2>", with: "<sip:1000@203.0.113.20>")
            .replacing("z9hG4bKpbx1", with: "z9hG4bKpbx2")
        #expect(proxy.receive(named, on: .inside).map(\.to) == [ProxyHarness.address("203.0.113.20:5060")])
    }

    @Test func `a trunk's number for nobody in particular is 416, and a stranger's nothing`() throws {
        let proxy = ProxyHarness(trunks: [TrunkSettings(name: "gw", domain: "203.0.113.10")])
        let text = CallTexts.inboundINVITE(uri: Self.number)
        #expect(proxy.receive(text, on: .outside).statuses == [416])
        #expect(proxy.receive(text, on: .outside, from: ProxyHarness.stranger).isEmpty)
    }

    @Test(arguments: ["mailto:a@b.example", "http://b.example/", "im:a@b.example", "nobodyKnowsThisScheme:x"])
    func `an unknown scheme is 416, with a Route, too (RFC 4475 §3.1.2.10)`(uri: String) {
        for route in ["", Self.route] {
            let sent = ProxyHarness().receive(CallTexts.outboundINVITE(uri: uri, route: route), on: .inside)
            #expect(sent.statuses == [416])
        }
    }

    @Test func `sips goes by TLS or not at all`() {
        let proxy = ProxyHarness()
        let text = CallTexts.outboundINVITE(uri: "sips:tone@203.0.113.10;transport=udp")
        #expect(proxy.receive(text, on: .inside).statuses == [503])
    }
}
