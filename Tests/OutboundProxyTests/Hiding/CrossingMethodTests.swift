import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// What crosses a trunk beside calls, both ways, with hiding on: REFER with Replaces, unsolicited NOTIFY (MWI), MESSAGE,
/// INFO, PUBLISH, SUBSCRIBE.
@Suite struct CrossingMethodTests {
    static let summary = """
        Messages-Waiting: yes
        Message-Account: sip:1000@192.168.0.2:5060
        Voice-Message: 2/0 (0/0)

        """

    private func request(
        _ method: String, _ side: Side, callID: String, uri: String, extra: String = "", body: String = "",
        type: String = "text/plain"
    ) -> String {
        let source = side == .inside ? "192.168.0.2:5060" : "203.0.113.10:5060"
        let own = side == .inside ? "192.168.0.2" : "203.0.113.10"
        let octets = wire(body).count
        let lines = """
            \(method) \(uri) SIP/2.0
            Via: SIP/2.0/UDP \(source);rport;branch=z9hG4bK\(method)\(side)
            \(side == .inside ? "Route: <sip:192.168.0.1;lr>\n" : "")Max-Forwards: 70
            From: <sip:1000@\(own)>;tag=\(side)
            To: <\(uri)>
            Contact: <sip:1000@\(source)>
            Call-ID: \(callID)
            CSeq: 1 \(method)
            \(extra)\(extra.isEmpty ? "" : "\n")\(body.isEmpty ? "" : "Content-Type: \(type)\n")Content-Length: \(octets)


            """
        return lines + body
    }

    static let methods: [(String, String, String)] = [
        ("MESSAGE", "", "hello"), ("INFO", "", "Signal=5"), ("PUBLISH", "Event: presence", "open"),
        ("SUBSCRIBE", "Event: message-summary", ""), ("NOTIFY", "Event: message-summary", "Messages-Waiting: no"),
        ("REFER", "Refer-To: <sip:2000@203.0.113.20>", ""), ("OPTIONS", "", ""), ("X-ODD", "", ""),
    ]

    @Test(arguments: methods, [Side.inside, .outside])
    func `a request outside of a dialog, and its answer`(method: (String, String, String), side: Side) throws {
        let proxy = ProxyHarness()
        let uri = try side == .inside ? "sip:tone@203.0.113.10" : proxy.register().request.uri(.contact)
        let callID = side == .inside ? ProxyHarness.tellingCallID : "their-own"
        let text = request(method.0, side, callID: callID, uri: uri, extra: method.1, body: method.2)
        let sent = try #require(proxy.receive(text, on: side).first)
        #expect(sent.side == side.opposite && sent.body == method.2)
        #expect(sent.header(.callID).hasPrefix("sp-c") == (side == .inside))
        #expect(sent.values(.via).count == (side == .inside ? 1 : 2))
        #expect(sent.header(.from).contains("192.168.0.2") == false)
        let contact = side == .inside ? "<sip:tone@203.0.113.11>" : ProxyHarness.pbxContact
        let reply = CallTexts.response(202, "Accepted", to: sent, tag: "t", contact: contact)
        let answer = try #require(proxy.receive(reply, on: side.opposite).first)
        #expect(answer.side == side && answer.header(.callID) == callID)
        #expect(answer.header(.from) == "<sip:1000@\(side == .inside ? "192.168.0.2" : "203.0.113.10")>;tag=\(side)")
        #expect(answer.values(.via).count == 1)
        proxy.expectNothingLeft()
    }

    @Test func `an unsolicited NOTIFY of the PBX: its summary names no inside host`() throws {
        let proxy = ProxyHarness()
        let text = request(
            "NOTIFY", .inside, callID: "mwi", uri: "sip:tone@203.0.113.10", extra: "Event: message-summary",
            body: Self.summary, type: "application/simple-message-summary")
        let sent = try #require(proxy.receive(text, on: .inside).first)
        #expect(sent.body.contains("Message-Account: sip:1000@203.0.113.1:5060\r\nVoice-Message: 2/0 (0/0)"))
        #expect(sent.header(.contentLength) == "\(sent.body.utf8.count)")
    }

    @Test func `what people write to each other is not touched`() throws {
        let proxy = ProxyHarness()
        proxy.scansOutside = false
        let text = request("MESSAGE", .inside, callID: "m", uri: "sip:tone@203.0.113.10", body: "I am at 192.168.0.2")
        #expect(proxy.receive(text, on: .inside).first?.body == "I am at 192.168.0.2")
    }

    @Test(arguments: [true, false])
    func `a subscription that began inside: NOTIFY comes back, and the refresh goes out`(isRestarted: Bool) throws {
        let first = ProxyHarness()
        let inner = ProxyHarness.tellingCallID
        let text = request(
            "SUBSCRIBE", .inside, callID: inner, uri: "sip:tone@203.0.113.10", extra: "Event: message-summary")
        let out = try #require(first.receive(text, on: .inside).first)
        let ok = try #require(
            first.receive(
                CallTexts.response(200, "OK", to: out, tag: "n", contact: "<sip:tone@203.0.113.11>"), on: .outside
            ).first)
        var notifier = Dialog(
            side: .outside, source: ProxyHarness.itsp, local: out.header(.to) + ";tag=n", remote: out.header(.from),
            callID: out.header(.callID), target: out.uri(.contact), routes: out.values(.recordRoute), cSeq: 1,
            contact: ProxyHarness.itspContact)
        var pbx = Dialog(
            side: .inside, source: ProxyHarness.pbx, local: ok.header(.from), remote: ok.header(.to), callID: inner,
            target: ok.uri(.contact), routes: ok.values(.recordRoute).reversed(), cSeq: 1,
            contact: "<sip:1000@192.168.0.2:5060>")
        let proxy = isRestarted ? ProxyHarness() : first
        let notify = try #require(proxy.receive(notifier.request("NOTIFY"), on: .outside).first)
        #expect(notify.requestURI == "sip:1000@192.168.0.2:5060" && notify.header(.callID) == inner)
        #expect(notify.header(.to) == ok.header(.from) && notify.to == ProxyHarness.pbx)
        let answer = try #require(proxy.receive(CallTexts.response(200, "OK", to: notify), on: .inside).first)
        #expect(answer.header(.callID) == out.header(.callID) && answer.header(.to) == out.header(.from))
        let refresh = try #require(proxy.receive(pbx.request("SUBSCRIBE"), on: .inside).first)
        #expect(refresh.header(.callID) == out.header(.callID) && refresh.header(.from) == out.header(.from))
    }

    @Test(arguments: [true, false])
    func `a subscription that began outside: NOTIFY goes out with the subscriber's words`(isRestarted: Bool) throws {
        let first = ProxyHarness.hiding(HidingSettings(callIDs: .all))
        let uri = try first.register().request.uri(.contact)
        let text = request("SUBSCRIBE", .outside, callID: "their-own", uri: uri, extra: "Event: presence")
        let into = try #require(first.receive(text, on: .outside).first)
        let ok = try #require(
            first.receive(
                CallTexts.response(200, "OK", to: into, tag: "n", contact: "<sip:s@192.168.0.2:5060>"), on: .inside
            ).first)
        var pbx = Dialog(
            side: .inside, source: ProxyHarness.pbx, local: into.header(.to) + ";tag=n", remote: into.header(.from),
            callID: "their-own", target: into.uri(.contact), routes: into.values(.recordRoute), cSeq: 1,
            contact: "<sip:s@192.168.0.2:5060>")
        var itsp = Dialog(
            side: .outside, source: ProxyHarness.itsp, local: ok.header(.from), remote: ok.header(.to),
            callID: "their-own", target: ok.uri(.contact), routes: ok.values(.recordRoute).reversed(), cSeq: 1,
            contact: ProxyHarness.itspContact)
        let proxy = isRestarted ? ProxyHarness.hiding(HidingSettings(callIDs: .all)) : first
        let notify = try #require(proxy.receive(pbx.request("NOTIFY"), on: .inside).first)
        #expect(notify.header(.callID) == "their-own" && notify.header(.to) == ok.header(.from))
        #expect(notify.header(.from) == ok.header(.to))
        #expect(proxy.receive(CallTexts.response(200, "OK", to: notify), on: .outside).map(\.status) == [200])
        let refresh = try #require(proxy.receive(itsp.request("SUBSCRIBE"), on: .outside).first)
        #expect(refresh.side == .inside && refresh.header(.callID) == "their-own")
    }

    @Test func `a blind transfer of either side: REFER, 202 and the NOTIFYs of what came of it`() throws {
        let proxy = ProxyHarness()
        var call = try proxy.callOut(callID: ProxyHarness.tellingCallID)
        let target = "Refer-To: <sip:3000@192.168.0.2>\nReferred-By: <sip:1000@192.168.0.2>"
        let refer = try #require(proxy.receive(call.pbx.request("REFER", extra: target), on: .inside).first)
        #expect(refer.header(.referTo) == "<sip:3000@203.0.113.1:5060>")
        #expect(refer.header(.referredBy) == "<sip:1000@203.0.113.1>")
        #expect(proxy.receive(CallTexts.response(202, "Accepted", to: refer), on: .outside).map(\.status) == [202])
        let notify = try #require(
            proxy.receive(call.itsp.request("NOTIFY", extra: "Event: refer"), on: .outside).first)
        #expect(notify.to == ProxyHarness.pbx && notify.header(.callID) == ProxyHarness.tellingCallID)
        let back = try #require(
            proxy.receive(call.itsp.request("REFER", extra: "Refer-To: <sip:9@203.0.113.20>"), on: .outside).first)
        #expect(proxy.receive(CallTexts.response(202, "Accepted", to: back), on: .inside).map(\.status) == [202])
        let told = try #require(proxy.receive(call.pbx.request("NOTIFY", extra: "Event: refer"), on: .inside).first)
        #expect(told.header(.callID) == call.itsp.callID && told.header(.from) == call.itsp.remote)
    }
}
