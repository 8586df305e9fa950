import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Routes, strict routers, hops and Vias (RFC 3261 §16.3, §16.4, §16.6, §16.12, §18.2, RFC 3581).
@Suite struct RoutingTests {
    let proxy = ProxyHarness()

    // MARK: Pre-loaded routes

    @Test(arguments: [
        "Route: <sip:192.168.0.1;lr>\n", "Route: <sip:192.168.0.1:5060;lr>\n", "Route: <sip:192.168.0.1>\n",
        "Route: <sip:192.168.0.1;lr>, <sip:203.0.113.1;lr>\n",
        "Route: <sip:192.168.0.1;lr>\nRoute: <sip:192.168.0.1;lr>\n",
        "", "Route: \"us\" <sip:any@192.168.0.1;lr=on>;x=y\n",
    ])
    func `all consecutive Routes of ours go, with or without lr (finding 1)`(route: String) throws {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(route: route), on: .inside).first)
        #expect(invite.values(.route).isEmpty && invite.to == ProxyHarness.itsp)
        #expect(invite.requestURI == "sip:tone@203.0.113.10")
    }

    @Test(arguments: [
        "Route: <sip:192.168.0.1;lr>, <sip:203.0.113.40:5070;lr>, <sip:198.51.100.1;lr>\n",
        "Route: <sip:192.168.0.1;lr>\nRoute: <sip:203.0.113.40:5070;lr>\nRoute: <sip:198.51.100.1;lr>\n",
        "Route: <sip:192.168.0.1;lr>,<sip:203.0.113.40:5070;lr>\nRoute: <sip:198.51.100.1;lr>\n",
    ])
    func `a Route beyond us is the next hop, however the values are spread over lines`(route: String) throws {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(route: route), on: .inside).first)
        #expect(invite.to == ProxyHarness.address("203.0.113.40:5070"))
        #expect(invite.values(.route) == ["<sip:203.0.113.40:5070;lr>", "<sip:198.51.100.1;lr>"])
        #expect(invite.requestURI == "sip:tone@203.0.113.10")
    }

    @Test func `a next hop without lr is a strict router: its URI is the Request-URI, ours the last Route`() throws {
        let route = "Route: <sip:192.168.0.1;lr>, <sip:203.0.113.40;x=y>, <sip:198.51.100.1;lr>\n"
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(route: route), on: .inside).first)
        #expect(invite.to == ProxyHarness.address("203.0.113.40:5060"))
        #expect(invite.requestURI == "sip:203.0.113.40;x=y")
        #expect(invite.values(.route) == ["<sip:198.51.100.1;lr>", "<sip:tone@203.0.113.10>"])
    }

    @Test func `a UA that takes us for a strict router: the last Route is where it wants to go`() throws {
        // outbound_proxy without \;lr (RFC 3261 §12.2.1.1): our URI is the Request-URI.
        for (uri, route) in [
            ("sip:192.168.0.1", "Route: <sip:tone@203.0.113.10>\n"),
            ("sip:192.168.0.1:5060;lr;r2=on", "Route: <sip:203.0.113.1;lr;r2=on>, <sip:tone@203.0.113.10>\n"),
            ("sip:192.168.0.1", "Route: <sip:203.0.113.40;lr>, <sip:tone@203.0.113.10>\n"),
        ] {
            let proxy = ProxyHarness()
            let text = CallTexts.outboundINVITE(uri: uri, route: route)
            let invite = try #require(proxy.receive(text, on: .inside).first, "\(uri) \(route)")
            #expect(invite.requestURI == "sip:tone@203.0.113.10")
            let isBeyond = route.contains("203.0.113.40")
            #expect(invite.values(.route) == (isBeyond ? ["<sip:203.0.113.40;lr>"] : []))
            #expect(invite.to == (isBeyond ? ProxyHarness.address("203.0.113.40:5060") : ProxyHarness.itsp))
        }
    }

    @Test(arguments: [Side.inside, .outside])
    func `a strict router upstream in a dialog: our Record-Route arrives as Request-URI`(side: Side) throws {
        var call = try proxy.callOut(itspRoute: nil)
        var end = side == .inside ? call.pbx : call.itsp
        let (target, routes) = (end.target, end.routes)
        // RFC 3261 §12.2.1.1: the first route becomes the Request-URI, the target the last Route.
        end.target = String(try #require(routes.first).dropFirst().dropLast())
        end.routes = Array(routes.dropFirst()) + ["<\(target)>"]
        let bye = try #require(proxy.receive(end.request("BYE"), on: side).first)
        #expect(bye.requestURI == (side == .inside ? target : "sip:asterisk@192.168.0.2:5060"))
        #expect(bye.values(.route).isEmpty && bye.side == side.opposite)
        // The token may be in the Record-Route alone.
        guard side == .outside else { return }
        end.routes[end.routes.count - 1] = "<sip:asterisk@203.0.113.1:5060>"
        let other = try #require(ProxyHarness().receive(end.request("BYE"), on: side).first)
        #expect(other.requestURI == "sip:asterisk@192.168.0.2:5060")
        call.itsp = end
    }

    @Test func `a strict router downstream in a dialog`() throws {
        var call = try proxy.callOut(itspRoute: "<sip:203.0.113.10>")
        let bye = try #require(proxy.receive(call.pbx.request("BYE"), on: .inside).first)
        #expect(bye.requestURI == "sip:203.0.113.10" && bye.to == ProxyHarness.itsp)
        #expect(bye.values(.route) == ["<sip:tone@203.0.113.11:5060>"])
    }

    @Test func `a malformed Route is 400`() {
        let text = CallTexts.outboundINVITE(route: "Route: <sip:192.168.0.1;lr\n")
        #expect(proxy.receive(text, on: .inside).map(\.status) == [400])
    }

    @Test func `maddr says where it goes (RFC 3263 §4)`() throws {
        let text = CallTexts.outboundINVITE(uri: "sip:tone@itsp.example:5070;maddr=203.0.113.40")
        #expect(proxy.receive(text, on: .inside).map(\.to) == [ProxyHarness.address("203.0.113.40:5070")])
    }

    @Test(arguments: [
        ("sip:tone@203.0.113.20;maddr=192.168.0.1", "sip:tone@203.0.113.20", Side.inside),
        (
            "sip:tone@203.0.113.20:5060;x=y;maddr=192.168.0.1;transport=udp;z", "sip:tone@203.0.113.20:5060;x=y;z",
            .inside
        ),
        ("sip:1000@203.0.113.1;maddr=203.0.113.1;line=a", "sip:1000@192.168.0.2;line=a", .outside),
    ])
    func `a maddr that is ours goes, with the port and transport that it came by`(
        uri: String, result: String, side: Side
    ) throws {
        let proxy = ProxyHarness(trunks: [TrunkSettings(name: "gw", domain: "203.0.113.10")])
        let text =
            side == .inside
            ? CallTexts.outboundINVITE(uri: uri, route: "") : CallTexts.inboundINVITE(uri: uri)
        let sent = try #require(proxy.receive(text, on: side).first { $0.isRequest })
        #expect(side == .outside || sent.requestURI == result && sent.to == ProxyHarness.address("203.0.113.20:5060"))
        #expect(!sent.requestURI.contains("maddr") && sent.requestURI.hasPrefix(String(result.prefix(16))))
        #expect(proxy.receive(text, on: side).isEmpty, "it is a retransmission")
        if side == .inside {
            #expect(proxy.answer(200, to: sent).inside.statuses == [200])
            let ack = text.replacing("INVITE", with: "ACK").replacing("z9hG4bKpbx1", with: "z9hG4bKack")
                .replacing(/To: (.*)\n/) { "To: \($0.output.1);tag=x\n" }
            #expect(proxy.receive(ack, on: side).map(\.requestURI) == [result])
        }
    }

    @Test func `a port of ours that is not the default one goes with maddr`() throws {
        let proxy = ProxyHarness { settings in
            settings.listeners[0] = Listener(
                id: ListenerID(0), side: .inside, transport: .udp, local: ProxyHarness.address("192.168.0.1:5070"))
        }
        let text = CallTexts.outboundINVITE(uri: "sip:tone@203.0.113.20:5070;maddr=192.168.0.1", route: "")
        let sent = try #require(proxy.receive(text, on: .inside).first)
        #expect(sent.requestURI == "sip:tone@203.0.113.20" && sent.to == ProxyHarness.address("203.0.113.20:5060"))
    }

    @Test(arguments: [
        ("sip:tone@203.0.113.20;maddr=203.0.113.40", "203.0.113.40:5060"),
        ("sip:tone@203.0.113.20:5070;maddr=203.0.113.40", "203.0.113.40:5070"),
        ("sip:tone@192.168.0.1;maddr=192.168.0.77", nil), ("sip:tone@203.0.113.20;maddr=%", nil),
    ])
    func `another maddr stays, and is where the request goes`(uri: String, target: String?) throws {
        let sent = proxy.receive(CallTexts.outboundINVITE(uri: uri, route: ""), on: .inside)
        guard let target else { return #expect(sent.allSatisfy { $0.side == .inside }) }
        #expect(sent.map(\.requestURI) == [uri] && sent.map(\.to) == [ProxyHarness.address(target)])
    }

    @Test(arguments: [
        ("tel:+18005551212", 416), ("urn:service:sos", 416), ("sip:tone@203.0.113.10;transport=tcp", 503),
        ("sips:tone@203.0.113.10", 503), ("sip:tone@203.0.113.10:0", 400), ("sip:tone@127.0.0.1", 503),
        ("sip:tone@0.0.0.0", 503), ("sip:tone@224.0.0.1", 503), ("sip:tone@203.0.113.1", 404),
        ("sip:tone@192.168.0.1", 404), ("sip:tone@[::ffff:127.0.0.1]", 503),
    ])
    func `Request-URIs that lead nowhere are answered`(uri: String, status: Int) {
        let sent = proxy.receive(CallTexts.outboundINVITE(uri: uri), on: .inside)
        #expect(sent.map(\.status) == [status] && sent[0].side == .inside)
        #expect((sent[0].header(.retryAfter) == "10") == (status == 503))
        proxy.expectNothingLeft()
    }

    @Test func `a call between two inside hosts stays inside, and its media is its own`() throws {
        let invite = try #require(
            proxy.receive(CallTexts.outboundINVITE(uri: "sip:2000@192.168.0.9"), on: .inside).first)
        #expect(invite.side == .inside && invite.to == ProxyHarness.address("192.168.0.9:5060"))
        #expect(invite.header(.contact) == ProxyHarness.pbxContact && invite.body == text(of: CallTexts.sdpInside))
        #expect(invite.values(.recordRoute) == ["<sip:192.168.0.1:5060;lr>"])
        #expect(proxy.media.open.isEmpty && proxy.core.callCount == 0)
    }

    @Test func `an outside Contact that names an inside address never leads inside`() throws {
        // The peer's own network is like ours.
        proxy.insidePrefixes = ["192.168.0.1", "192.168.0.2"]
        var call = try proxy.callOut(itspRoute: nil, itspContact: "<sip:tone@192.168.0.50:5060>")
        let bye = try #require(proxy.receive(call.pbx.request("BYE"), on: .inside).first)
        #expect(bye.side == .outside && bye.to == ProxyHarness.itsp)
        // After a restart nobody knows where it really is.
        let other = ProxyHarness()
        #expect(other.receive(call.pbx.request("BYE"), on: .inside).map(\.status) == [403])
    }

    // MARK: Hops and loops

    @Test(arguments: [("70", "69"), ("1", "0"), ("255", "254")])
    func `Max-Forwards counts down`(before: String, after: String) throws {
        let text = CallTexts.outboundINVITE().replacing("Max-Forwards: 70", with: "Max-Forwards: " + before)
        #expect(proxy.receive(text, on: .inside).map { $0.header(.maxForwards) } == [after])
    }

    @Test func `Max-Forwards 0 is 483, absent is 70, nonsense is 400`() throws {
        let text = CallTexts.outboundINVITE()
        func sent(_ line: String) -> [Sent] {
            ProxyHarness().receive(text.replacing("Max-Forwards: 70\n", with: line), on: .inside)
        }
        #expect(sent("Max-Forwards: 0\n").map(\.status) == [483])
        #expect(sent("").map { $0.header(.maxForwards) } == ["70"])
        #expect(sent("Max-Forwards: many\n").map(\.status) == [400])
        #expect(sent("Max-Forwards: 256\n").map(\.status) == [400])
        var call = try proxy.callOut()
        #expect(proxy.receive(call.pbx.request("BYE", maxForwards: 0), on: .inside).map(\.status) == [483])
        #expect(proxy.receive(call.itsp.request("BYE", maxForwards: 0), on: .outside).map(\.status) == [483])
        #expect(proxy.receive(call.itsp.request("ACK", cSeq: 1, maxForwards: 0), on: .outside).isEmpty)
    }

    @Test func `Proxy-Require of what we don't know is 420, and named`() {
        let text = CallTexts.outboundINVITE(extra: "Proxy-Require: foo, bar\nProxy-Require: baz")
        let sent = proxy.receive(text, on: .inside)
        #expect(sent.map(\.status) == [420] && sent[0].text.contains("\r\nUnsupported: foo, bar, baz\r\n"))
        // Not for an ACK, which gets no answer.
        #expect(proxy.receive(text.replacing("INVITE", with: "ACK"), on: .inside).isEmpty)
    }

    @Test func `what we sent and comes back unchanged is a loop, 482; changed it is a spiral`() throws {
        let proxy = ProxyHarness(trunks: [TrunkSettings(name: "gw", domain: "203.0.113.10")])
        let text = CallTexts.inboundINVITE(uri: "sip:8005551212@203.0.113.1:5060")
        let sent = try #require(proxy.receive(text, on: .outside).first)
        // An inside proxy sends it back to where it was addressed, then out again to us.
        let spiral = sent.text.replacing("INVITE \(sent.requestURI)", with: "INVITE sip:x@203.0.113.20:5060")
        let via = "Via: SIP/2.0/UDP 192.168.0.2:5060;rport;branch=z9hG4bKinner\r\n"
        let again = proxy.receive(
            spiral.replacing("\r\nVia: SIP/2.0/UDP 192.168.0.1", with: "\r\n" + via + "Via: SIP/2.0/UDP 192.168.0.1"),
            on: .inside)
        #expect(again.map(\.requestURI) == ["sip:x@203.0.113.20:5060"])
        // Somebody outside sends the same request to us once more: the Via of ours shows it.
        let back = text.replacing("Via: ", with: "Via: \(sent.values(.via)[0])\nVia: ")
            .replacing("z9hG4bKitsp1", with: "z9hG4bKitsp2")
        let looped = "Via: SIP/2.0/UDP 203.0.113.10:5060;branch=z9hG4bKouter\n"
        #expect(
            proxy.receive(back.replacing("SIP/2.0\nVia", with: "SIP/2.0\n\(looped)Via"), on: .outside).map(\.status)
                == [482])
        #expect(proxy.receive(back, on: .outside).map(\.status) == [482])
    }

    // MARK: Vias

    @Test(arguments: [
        (
            via: "192.168.0.2:5060;rport;branch=z9hG4bKa",
            seen: "192.168.0.2:5060;rport=5062;branch=z9hG4bKa;received=192.168.0.2", reply: "192.168.0.2:5062"
        ),
        (via: "192.168.0.2:5060;branch=z9hG4bKa", seen: "192.168.0.2:5060;branch=z9hG4bKa", reply: "192.168.0.2:5060"),
        (via: "192.168.0.2;branch=z9hG4bKa", seen: "192.168.0.2;branch=z9hG4bKa", reply: "192.168.0.2:5060"),
        (
            via: "pbx.local:5090;branch=z9hG4bKa", seen: "pbx.local:5090;branch=z9hG4bKa;received=192.168.0.2",
            reply: "192.168.0.2:5090"
        ),
        (
            via: "10.0.0.1:5090;branch=z9hG4bKa", seen: "10.0.0.1:5090;branch=z9hG4bKa;received=192.168.0.2",
            reply: "192.168.0.2:5090"
        ),
        (
            via: "192.168.0.2:5060;received=8.8.8.8;branch=z9hG4bKa;rport=99",
            seen: "192.168.0.2:5060;branch=z9hG4bKa;rport=5062;received=192.168.0.2", reply: "192.168.0.2:5062"
        ),
    ])
    func `received, rport and where the answer goes (RFC 3581 §4)`(row: (via: String, seen: String, reply: String))
        throws
    {
        let text = CallTexts.outboundINVITE().replacing("192.168.0.2:5060;rport;branch=z9hG4bKpbx1", with: row.via)
        let invite = try #require(
            proxy.receive(text, on: .inside, from: ProxyHarness.address("192.168.0.2:5062")).first)
        #expect(invite.values(.via).count == 1)
        let back = proxy.receive(CallTexts.response(180, "Ringing", to: invite, tag: "b"), on: .outside)
        #expect(back.map(\.to) == [ProxyHarness.address(row.reply)])
        #expect(back[0].values(.via) == ["SIP/2.0/UDP " + row.seen])
    }

    @Test(arguments: [", ", ",", " ,\r\n "])
    func `several Via values on one line come back as they were`(comma: String) throws {
        let lower =
            "SIP/2.0/UDP 192.168.0.2:5060;rport;branch=z9hG4bKpbx1\(comma)SIP/2.0/UDP 10.1.1.1;branch=z9hG4bKlow"
        let text = CallTexts.outboundINVITE()
            .replacing("SIP/2.0/UDP 192.168.0.2:5060;rport;branch=z9hG4bKpbx1", with: lower)
        let invite = try #require(proxy.receive(text, on: .inside).first)
        #expect(invite.values(.via).count == 1)
        let back = try #require(proxy.receive(joinedReply(to: invite, comma), on: .outside).first)
        #expect(
            back.values(.via) == [
                "SIP/2.0/UDP 192.168.0.2:5060;rport=5060;branch=z9hG4bKpbx1;received=192.168.0.2",
                "SIP/2.0/UDP 10.1.1.1;branch=z9hG4bKlow",
            ])
    }

    @Test(arguments: [", ", ",", " ,\r\n "])
    func `where nothing is hidden the Vias leave, and come back though the ITSP joins them`(comma: String) throws {
        let trunk = TrunkSettings(name: "open", domain: "203.0.113.10", hiding: HidingSettings(isOn: false))
        let proxy = ProxyHarness(trunks: [trunk])
        proxy.scansOutside = false
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        #expect(invite.values(.via).count == 2 && invite.values(.recordRoute).count == 2)
        #expect(invite.header(.from) == ProxyHarness.pbxIdentity)
        let back = try #require(proxy.receive(joinedReply(to: invite, comma), on: .outside).first)
        #expect(back.values(.via) == Array(invite.values(.via).dropFirst()))
    }

    /// A response in which the ITSP has all Vias in one line.
    private func joinedReply(to invite: Sent, _ comma: String) -> String {
        let vias = invite.values(.via).joined(separator: comma)
        return CallTexts.request(
            "SIP/2.0 180 Ringing",
            """
            Via: \(vias)
            From: \(invite.header(.from))
            To: \(invite.header(.to));tag=b
            Call-ID: \(invite.header(.callID))
            CSeq: 1 INVITE
            """, nil)
    }

    @Test func `header fields that are none of our business pass untouched and in order`() throws {
        let extra = """
            X-Custom:   spaced   value
            P-Asserted-Identity: "A" <sip:1000@example.org>
            aUtHoRiZaTiOn: Digest username="x"
            Allow: INVITE, ACK
            X-Custom: again
            """
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(extra: extra), on: .inside).first)
        #expect(invite.text.contains(text(of: extra) + "\r\n"))
    }

    private func text(of lines: String) -> String { String(decoding: wire(lines), as: UTF8.self) }
}
