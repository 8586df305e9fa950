import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Addresses are compared as octets, whatever their text (RFC 5118 §4, security 13).
@Suite struct SpellingTests {
    @Test(arguments: [
        "[2001:db8:113::1]", "[2001:DB8:113::1]", "[2001:0db8:0113:0000:0000:0000:0000:0001]",
        "[2001:db8:113:0::1]:5060",
        "[2001:db8:113::0.0.0.1]", "203.0.113.1", "[::ffff:203.0.113.1]", "[::FFFF:cb00:7101]:5060",
        "[0:0:0:0:0:ffff:203.0.113.1]",
    ])
    func `every spelling of an outside address is ours`(host: String) throws {
        let proxy = ProxyHarness(trunks: [TrunkSettings(name: "itsp", domain: "203.0.113.10")])
        let invite = proxy.receive(CallTexts.inboundINVITE(uri: "sip:1000@\(host)"), on: .outside)
        #expect(invite.map(\.to) == [ProxyHarness.pbx])
        let route = "Route: <sip:\(host);lr>\n"
        let out = CallTexts.outboundINVITE(route: "Route: <sip:192.168.0.1;lr>\n" + route)
        #expect(proxy.receive(out, on: .inside).map { $0.values(.route) } == [[]])
    }

    @Test(arguments: ["[2001:db8:113::1%eth0]", "[fe80::1%25eth0]", "[2001:db8:113::1", "2001:db8:113::1", "[::1]]"])
    func `what is no address is none of ours, and goes nowhere`(host: String) {
        let proxy = ProxyHarness(trunks: [TrunkSettings(name: "itsp", domain: "203.0.113.10")])
        let sent = proxy.receive(CallTexts.inboundINVITE(uri: "sip:1000@\(host)"), on: .outside)
        #expect(sent.allSatisfy { $0.side == .outside && $0.status >= 400 })
        let out = proxy.receive(CallTexts.outboundINVITE(uri: "sip:1000@\(host)"), on: .inside)
        #expect(out.allSatisfy { $0.side == .inside && $0.status == 400 })
    }

    @Test func `an IPv4 address in IPv6's clothes is reached by IPv4`() {
        let proxy = ProxyHarness()
        let sent = proxy.receive(CallTexts.outboundINVITE(uri: "sip:tone@[::ffff:203.0.113.10]"), on: .inside)
        #expect(sent.map(\.to) == [ProxyHarness.itsp])
    }
}
