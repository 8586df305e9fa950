import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Messages of somebody who has a call with us and wants more than that.
@Suite struct HostileMessageTests {
    private static let trunk = TrunkSettings(name: "itsp", domain: "203.0.113.10")

    @Test(
        arguments: [
            "<sip:192.168.0.77:9999;lr>", "<sip:192.168.0.77>", "<sip:192.168.0.77:5060;lr>, <sip:192.168.0.2;lr>",
        ])
    func `security 27: a Route in a dialog leads to no inside host but the dialog's own`(route: String) throws {
        let proxy = ProxyHarness(trunks: [Self.trunk])
        var call = try proxy.callIn()
        call.itsp.routes.append(route)
        #expect(proxy.receive(call.itsp.request("MESSAGE"), on: .outside).map(\.status) == [403])
        // Nor does the token alone, without the Record-Route that came with it, or from anywhere else.
        call.itsp.routes = [route]
        #expect(proxy.receive(call.itsp.request("MESSAGE"), on: .outside).map(\.status) == [403])
        let foreign = proxy.receive(call.itsp.request("INFO"), on: .outside, from: ProxyHarness.stranger)
        #expect(foreign.allSatisfy { $0.side == .outside })
    }

    @Test func `a Route to the inside proxy that the dialog goes by is followed`() throws {
        let proxy = ProxyHarness(trunks: [Self.trunk])
        let invite = try #require(
            proxy.receive(CallTexts.inboundINVITE(uri: "sip:1000@203.0.113.1"), on: .outside).first)
        let reply = CallTexts.response(
            200, "OK", to: invite, tag: "pbx", contact: ProxyHarness.pbxContact, body: CallTexts.sdpInside,
            recordRoute: "<sip:192.168.0.3;lr>")
        let ok = try #require(proxy.receive(reply, on: .inside).first { $0.status == 200 })
        var itsp = Dialog(
            side: .outside, source: ProxyHarness.itsp, local: invite.header(.from), remote: ok.header(.to),
            callID: "call-2", target: ok.uri(.contact),
            routes: Array(ok.values(.recordRoute).reversed().dropFirst()), cSeq: 1,
            contact: "<sip:5551234@203.0.113.11:5060>")
        let bye = try #require(proxy.receive(itsp.request("BYE"), on: .outside).first)
        #expect(bye.to == ProxyHarness.address("192.168.0.3:5060") && bye.method == .bye)
    }

    @Test func `a request that outgrows a datagram is refused, and nothing else suffers`() throws {
        let proxy = ProxyHarness(trunks: [Self.trunk])
        let padding = "X-Padding: " + String(repeating: "a", count: 65_100)
        let text = CallTexts.inboundINVITE(uri: "sip:1000@203.0.113.1", body: nil, extra: padding)
        #expect(wire(text).count <= MessageParser.maximumSize)
        let sent = proxy.receive(text, on: .outside)
        #expect(sent.map(\.status) == [513])
        #expect(proxy.core.counters.transportErrors == 0)
        proxy.expectNothingLeft()
    }

    @Test func `a 503 without a reason phrase goes up as a 500 that can be read`() throws {
        let proxy = ProxyHarness()
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        let reply = CallTexts.response(503, "x", to: invite, tag: "itsp")
        for start in ["SIP/2.0 503", "SIP/2.0 503 "] {
            let sent = proxy.receive(reply.replacing("SIP/2.0 503 x", with: start), on: .outside)
            guard start.last == "3" else { continue }
            #expect(sent.first { $0.side == .inside }?.start == "SIP/2.0 500 Server Internal Error")
        }
    }
}
