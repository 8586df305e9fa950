import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// A proxy between the PBX and us that records its route: the outside is not told of it, and every request of the dialog
/// goes by it nevertheless.
@Suite struct HiddenRouteTests {
    static let inner = ProxyHarness.address("192.168.0.5:5060")
    static let innerRoutes = ["<sip:192.168.0.5;lr>", "<sip:192.168.0.6:5070;lr;ftag=a>"]

    /// The routes as the proxies wrote them; long ones don't fit a token.
    static let cases = [
        Array(innerRoutes.prefix(1)), innerRoutes,
        ["<sip:192.168.0.5;lr;" + String(repeating: "x", count: 60) + ">", "<sip:[fd00:168::6];lr>"],
    ]

    private func callOut(_ routes: [String], through proxy: ProxyHarness) throws -> TestCall {
        let lines = routes.map { "Record-Route: \($0)" }.joined(separator: "\n")
        let text = CallTexts.outboundINVITE(extra: lines)
            .replacing("Via: ", with: "Via: SIP/2.0/UDP 192.168.0.5:5060;branch=z9hG4bKinner\nVia: ")
        let invite = try #require(proxy.receive(text, on: .inside, from: Self.inner).first)
        #expect(invite.values(.recordRoute).count == 1 && invite.values(.via).count == 1)
        let reply = CallTexts.response(
            200, "OK", to: invite, tag: "itsp", contact: ProxyHarness.itspContact, body: CallTexts.sdpOutside,
            recordRoute: "<sip:203.0.113.10;lr>")
        let ok = try #require(proxy.receive(reply, on: .outside).first { $0.status == 200 })
        #expect(ok.to == Self.inner && ok.values(.via).count == 2)
        #expect(
            ok.values(.recordRoute) == ["<sip:203.0.113.10;lr>"] + invite.values(.recordRoute)
                + ["<sip:192.168.0.1:5060;lr;r2=on>"] + routes)
        return TestCall(
            pbx: Dialog(
                side: .inside, source: Self.inner, local: ok.header(.from), remote: ok.header(.to), callID: "call-1",
                target: ok.uri(.contact), routes: ok.values(.recordRoute).dropLast(routes.count).reversed(), cSeq: 1,
                contact: ProxyHarness.pbxContact),
            itsp: Dialog(
                side: .outside, source: ProxyHarness.itsp, local: ok.header(.to), remote: invite.header(.from),
                callID: "call-1", target: invite.uri(.contact), routes: invite.values(.recordRoute), cSeq: 100,
                contact: ProxyHarness.itspContact), invite: invite, ok: ok)
    }

    private func callIn(_ routes: [String], through proxy: ProxyHarness) throws -> TestCall {
        proxy.core.apply(
            .learn(domain: "itsp.example", address: ProxyHarness.itsp.ip, until: .distantFuture))
        let invite = try #require(
            proxy.receive(CallTexts.inboundINVITE(uri: "sip:1000@203.0.113.1"), on: .outside).first)
        // Nearest to the PBX on top.
        let lines = routes.reversed().map { "Record-Route: \($0)" }.joined(separator: "\n")
        let reply = CallTexts.response(
            200, "OK", to: invite, tag: "pbx", contact: ProxyHarness.pbxContact, body: CallTexts.sdpInside
        ).replacing("SIP/2.0 200 OK\n", with: "SIP/2.0 200 OK\n\(lines)\n")
        let ok = try #require(proxy.receive(reply, on: .inside).first { $0.status == 200 })
        let recorded = ok.values(.recordRoute)
        #expect(recorded.count == 2 && recorded[0].hasPrefix("<sip:203.0.113.1:5060;lr;"))
        #expect(recorded[1] == "<sip:203.0.113.10;lr>")
        return TestCall(
            pbx: Dialog(
                side: .inside, source: Self.inner, local: ok.header(.to), remote: invite.header(.from),
                callID: "call-2", target: invite.uri(.contact), routes: invite.values(.recordRoute), cSeq: 100,
                contact: ProxyHarness.pbxContact),
            itsp: Dialog(
                side: .outside, source: ProxyHarness.itsp, local: invite.header(.from), remote: ok.header(.to),
                callID: "call-2", target: ok.uri(.contact), routes: [recorded[0]], cSeq: 1,
                contact: "<sip:5551234@203.0.113.11:5060>"), invite: invite, ok: ok)
    }

    @Test(arguments: cases, [true, false])
    func `a call out and a call in: ACK, re-INVITE and BYE from either side`(routes: [String], isInbound: Bool) throws {
        let proxy = ProxyHarness()
        var call = try isInbound ? callIn(routes, through: proxy) : callOut(routes, through: proxy)
        let ack = try #require(
            proxy.receive(
                isInbound ? call.itsp.request("ACK", cSeq: 1) : call.pbx.request("ACK", cSeq: 1),
                on: isInbound ? .outside : .inside
            ).first)
        if isInbound { expectInner(ack, routes) } else { #expect(ack.values(.route) == ["<sip:203.0.113.10;lr>"]) }
        let invite = try #require(
            proxy.receive(call.itsp.request("INVITE", body: CallTexts.sdpOutside), on: .outside).first)
        expectInner(invite, routes)
        proxy.receive(
            CallTexts.response(200, "OK", to: invite, contact: ProxyHarness.pbxContact, body: CallTexts.sdpInside),
            on: .inside)
        let other = try #require(
            proxy.receive(call.pbx.request("INVITE", body: CallTexts.sdpInside), on: .inside).first)
        #expect(other.side == .outside && other.values(.route) == ["<sip:203.0.113.10;lr>"])
        let bye = try #require(proxy.receive(call.itsp.request("BYE"), on: .outside).first)
        expectInner(bye, routes)
    }

    @Test(arguments: cases, [true, false])
    func `after a restart the token alone knows them`(routes: [String], isInbound: Bool) throws {
        let store = MemoryTokenStore()
        let first = ProxyHarness(store: store)
        var call = try isInbound ? callIn(routes, through: first) : callOut(routes, through: first)
        let proxy = ProxyHarness(store: store)
        expectInner(try #require(proxy.receive(call.itsp.request("INFO"), on: .outside).first), routes)
        let bye = try #require(proxy.receive(call.pbx.request("BYE"), on: .inside).first)
        #expect(bye.to == ProxyHarness.itsp && bye.values(.route) == ["<sip:203.0.113.10;lr>"])
        expectInner(try #require(proxy.receive(call.itsp.request("BYE"), on: .outside).first), routes)
    }

    @Test(arguments: [true, false]) func `our own BYE goes by them`(isInbound: Bool) throws {
        let proxy = ProxyHarness()
        _ = try isInbound ? callIn(Self.innerRoutes, through: proxy) : callOut(Self.innerRoutes, through: proxy)
        proxy.core.mediaSilent(session: 1, at: proxy.now)
        expectInner(try #require(proxy.drain().inside.first), Self.innerRoutes)
    }

    @Test func `an ITSP that strips the token: while we live the call knows them`() throws {
        let proxy = ProxyHarness()
        var call = try callOut(Self.innerRoutes, through: proxy)
        call.itsp.routes = ["<sip:203.0.113.1:5060;lr>"]
        expectInner(try #require(proxy.receive(call.itsp.request("BYE"), on: .outside).first), Self.innerRoutes)
    }

    @Test func `a strict router among them gets what it wants`() throws {
        let proxy = ProxyHarness()
        var call = try callOut(["<sip:192.168.0.5>"], through: proxy)
        let bye = try #require(proxy.receive(call.itsp.request("BYE"), on: .outside).first)
        #expect(bye.requestURI == "sip:192.168.0.5" && bye.to == Self.inner)
        #expect(bye.values(.route) == ["<sip:asterisk@192.168.0.2:5060>"])
    }

    private func expectInner(_ request: Sent, _ routes: [String], _ place: SourceLocation = #_sourceLocation) {
        #expect(request.to == Self.inner && request.side == .inside, sourceLocation: place)
        #expect(request.values(.route) == routes, sourceLocation: place)
        #expect(request.requestURI == "sip:asterisk@192.168.0.2:5060", sourceLocation: place)
    }
}
