import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// What a proxy must leave to the ends, and what it must say itself (RFC 3261 §16, 3262, 3327, 3608, 4320, 5393).
@Suite struct PassThroughTests {
    let proxy = ProxyHarness()

    @Test func `Service-Route and Path of a registrar come back as they are (RFC 3608, RFC 3327)`() throws {
        let request = try #require(proxy.receive(CallTexts.register(), on: .inside).first)
        let lines = """
            Service-Route: <sip:home1.itsp.example;lr>,  <sip:home2.itsp.example;lr>
            Service-Route: <sip:home3.itsp.example;lr>
            Path: <sip:edge.itsp.example;lr>
            """
        let ok = CallTexts.response(
            200, "OK", to: request, tag: "reg", extra: "Contact: \(request.header(.contact));expires=60\n" + lines)
        let back = try #require(proxy.receive(ok, on: .outside).first)
        for line in lines.split(separator: "\n") { #expect(back.text.contains("\r\n\(line)\r\n")) }
    }

    @Test func `a request along a Service-Route goes where that leads`() throws {
        let route = "Route: <sip:192.168.0.1;lr>, <sip:203.0.113.40;lr>, <sip:203.0.113.41;lr>\n"
        let sent = try #require(proxy.receive(CallTexts.outboundINVITE(route: route), on: .inside).first)
        #expect(sent.to == ProxyHarness.address("203.0.113.40:5060"))
        #expect(sent.values(.route) == ["<sip:203.0.113.40;lr>", "<sip:203.0.113.41;lr>"])
    }

    @Test func `reliable provisional responses and PRACK cross with RSeq, RAck and Require (RFC 3262)`() throws {
        let invite = try #require(
            proxy.receive(CallTexts.outboundINVITE(extra: "Supported: 100rel"), on: .inside).first)
        let extra = "Require: 100rel\nRSeq: 988789"
        let ringing = CallTexts.response(
            183, "Progress", to: invite, tag: "itsp", contact: ProxyHarness.itspContact, body: CallTexts.sdpOutside,
            extra: extra)
        let back = try #require(proxy.receive(ringing, on: .outside).first)
        #expect(back.text.contains("\r\nRequire: 100rel\r\nRSeq: 988789\r\n"))
        var pbx = Dialog(
            side: .inside, source: ProxyHarness.pbx, local: back.header(.from), remote: back.header(.to),
            callID: "call-1", target: back.uri(.contact), routes: Array(back.values(.recordRoute).reversed()), cSeq: 1,
            contact: ProxyHarness.pbxContact)
        let prack = try #require(
            proxy.receive(pbx.request("PRACK", extra: "RAck: 988789 1 INVITE"), on: .inside).first)
        #expect(prack.side == .outside && prack.header(.rAck) == "988789 1 INVITE")
        #expect(proxy.answer(200, to: prack).inside.statuses == [200])
        // An UPDATE of either end within the early dialog (RFC 3311).
        let update = try #require(proxy.receive(pbx.request("UPDATE", body: CallTexts.sdpInside), on: .inside).first)
        #expect(update.side == .outside && update.method == .update)
    }

    @Test func `one request by two ways is two: what is merged is the UAS's to say (§8.2.2.2, §16)`() throws {
        let text = CallTexts.outboundINVITE()
        let other = text.replacing("z9hG4bKpbx1", with: "z9hG4bKother")
        #expect(proxy.receive(text, on: .inside).map(\.method) == [.invite])
        #expect(proxy.receive(other, on: .inside).map(\.method) == [.invite])
    }

    @Test func `100 has no Contact, no To tag, and the Timestamp with the time it took (§8.2.6.1)`() throws {
        proxy.receive(CallTexts.outboundINVITE(extra: "Timestamp: 54"), on: .inside)
        let trying = try #require(proxy.advance(.milliseconds(200)).inside.first)
        #expect(trying.status == 100 && trying.header(.timestamp) == "54 0.200")
        #expect(trying.message?.toTag == nil && trying.header(.contact).isEmpty)
        // 3.5 s for anything but INVITE (RFC 4320 §4.1).
        let other = ProxyHarness()
        other.receive(CallTexts.register().replacing("Max-Forwards", with: "Timestamp: 1.5\nMax-Forwards"), on: .inside)
        let late = other.advance(.seconds(4)).inside
        #expect(late.statuses == [100] && late[0].header(.timestamp) == "1.5 3.500")
    }

    @Test func `OPTIONS with Max-Forwards 0 is ours to answer where it is for us, else 483 (§16.3 step 3, §11)`() {
        let ours = CallTexts.outboundINVITE(body: nil, uri: "sip:192.168.0.1").replacing("INVITE", with: "OPTIONS")
            .replacing("Max-Forwards: 70", with: "Max-Forwards: 0")
        #expect(proxy.receive(ours, on: .inside).statuses == [200])
        let theirs = ours.replacing("sip:192.168.0.1 ", with: "sip:203.0.113.10 ")
        #expect(proxy.receive(theirs, on: .inside).statuses == [483])
    }

    @Test func `Require is the UAS's, Proxy-Require ours`() throws {
        let text = CallTexts.outboundINVITE(extra: "Require: nobodyKnowsThis")
        let sent = try #require(proxy.receive(text, on: .inside).first)
        #expect(sent.method == .invite && sent.header(.require) == "nobodyKnowsThis")
    }

    @Test func `a method that nobody knows crosses both ways, with its answer (§16.3)`() throws {
        var call = try proxy.callOut()
        let out = try #require(proxy.receive(call.pbx.request("NEWMETHOD"), on: .inside).first)
        #expect(out.side == .outside && out.start.hasPrefix("NEWMETHOD "))
        #expect(proxy.receive(CallTexts.response(501, "No", to: out), on: .outside).statuses == [501])
        let back = try #require(proxy.receive(call.itsp.request("OTHERMETHOD"), on: .outside).first)
        #expect(back.side == .inside && back.start.hasPrefix("OTHERMETHOD "))
    }

    @Test func `a method that nobody knows may begin a dialog: our route is recorded (§16.6 step 4)`() throws {
        let text = CallTexts.outboundINVITE(body: nil).replacing("INVITE", with: "NEWMETHOD")
        let sent = try #require(proxy.receive(text, on: .inside).first)
        #expect(sent.values(.recordRoute).count == 1)
        let message = text.replacing("NEWMETHOD", with: "MESSAGE").replacing("z9hG4bKpbx1", with: "z9hG4bKpbx2")
        #expect(proxy.receive(message, on: .inside).map { $0.values(.recordRoute).count } == [0])
    }

    @Test func `ACK and CANCEL of a hop have the Routes of their INVITE (§17.1.1.3, §9.1)`() throws {
        let route = "Route: <sip:192.168.0.1;lr>, <sip:203.0.113.40;lr>, <sip:203.0.113.41;lr>\n"
        let text = CallTexts.outboundINVITE(route: route)
        let invite = try #require(proxy.receive(text, on: .inside).first)
        proxy.answer(180, to: invite)
        let cancel = try #require(
            proxy.receive(
                CallTexts.outboundINVITE(body: nil, route: route).replacing("INVITE", with: "CANCEL"), on: .inside
            )
            .outside.first)
        let ack = try #require(proxy.answer(487, to: invite).outside.first)
        for request in [cancel, ack] {
            #expect(request.values(.route) == invite.values(.route) && request.requestURI == invite.requestURI)
            #expect(request.to == invite.to && request.values(.via) == [invite.values(.via)[0]])
        }
        #expect(cancel.method == .cancel && ack.method == .ack)
    }

    @Test func `a provisional response other than 100 to a non-INVITE request stops here (RFC 4320 §4.1)`() throws {
        let request = try #require(proxy.receive(CallTexts.register(), on: .inside).first)
        #expect(proxy.receive(CallTexts.response(183, "No", to: request, tag: "a"), on: .outside).isEmpty)
        #expect(proxy.receive(CallTexts.response(200, "OK", to: request, tag: "a"), on: .outside).statuses == [200])
    }

    @Test func `a response with a topmost Via of another host is dropped (§16.7 step 3, §18.1.2)`() throws {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        let response = CallTexts.response(200, "OK", to: invite, tag: "a")
        let foreign = response.replacing("203.0.113.1:5060;rport", with: "203.0.113.77:5060;rport")
        #expect(proxy.receive(foreign, on: .outside).isEmpty)
        #expect(proxy.receive(response, on: .outside).statuses == [200])
    }

    @Test func `branches differ for every request, and CANCEL and ACK have their INVITE's (§8.1.1.7, §17.1.1.3)`()
        throws
    {
        let first = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        let second = try #require(
            proxy.receive(CallTexts.outboundINVITE(branch: "z9hG4bKx", callID: "other"), on: .inside).first)
        #expect(first.values(.via)[0] != second.values(.via)[0])
        #expect(first.values(.via)[0].contains(";branch=z9hG4bK"))
        let ack = try #require(proxy.answer(486, to: first).outside.first)
        #expect(ack.values(.via) == [first.values(.via)[0]] && ack.header(.cSeq) == "1 ACK")
        #expect(ack.header(.from) == first.header(.from) && ack.header(.to) == first.header(.to) + ";tag=itsp")
    }
}
