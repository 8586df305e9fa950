import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Calls that we end: BYE both ways in the name of the other party (design §6).
@Suite struct HangUpTests {
    let proxy = ProxyHarness()

    private func byes() -> (inside: Sent?, outside: Sent?) {
        let sent = proxy.drain()
        #expect(sent.count == 2 && sent.allSatisfy { $0.method == .bye })
        return (sent.first { $0.side == .inside }, sent.first { $0.side == .outside })
    }

    @Test func `candidates that come one by one cross to neither side (RFC 8840): 415, and the call goes on`() throws {
        var call = try proxy.callOut()
        func info(_ text: String) -> String {
            text.replacing("application/sdp", with: "application/trickle-ice-sdpfrag")
        }
        let candidates = "a=ice-ufrag:abcd\nm=audio 9 RTP/AVP 0\na=candidate:1 1 UDP 1 192.168.0.2 4000 typ host\n"
        let fromITSP = info(call.itsp.request("INFO", body: candidates, extra: "Info-Package: trickle-ice"))
        #expect(proxy.receive(fromITSP, on: .outside).map(\.status) == [415])
        let fromPBX = info(call.pbx.request("INFO", body: candidates, extra: "Info-Package: trickle-ice"))
        #expect(proxy.receive(fromPBX, on: .inside).map(\.status) == [415])
        #expect(try #require(proxy.receive(call.itsp.request("INFO"), on: .outside).first).method == .info)
    }

    @Test func `media is silent: BYE both ways, with route sets, CSeq + 1 and Reason`() throws {
        var call = try proxy.callOut()
        // The PBX has used CSeq 1 to 3, the ITSP 101.
        for _ in 0..<2 {
            let update = try #require(proxy.receive(call.pbx.request("UPDATE"), on: .inside).first)
            proxy.receive(CallTexts.response(200, "OK", to: update), on: .outside)
        }
        let info = try #require(proxy.receive(call.itsp.request("INFO"), on: .outside).first)
        proxy.receive(CallTexts.response(200, "OK", to: info), on: .inside)
        proxy.core.mediaSilent(session: 1, at: proxy.now)
        let (inside, outside) = byes()
        let pbx = try #require(inside)
        #expect(pbx.requestURI == "sip:asterisk@192.168.0.2:5060" && pbx.to == ProxyHarness.pbx)
        #expect(pbx.header(.from) == call.itsp.local && pbx.header(.to) == call.pbx.local)
        #expect(pbx.header(.cSeq) == "102 BYE" && pbx.values(.route).isEmpty)
        let itsp = try #require(outside)
        #expect(itsp.requestURI == "sip:tone@203.0.113.11:5060" && itsp.to == ProxyHarness.itsp)
        #expect(itsp.header(.from) == call.itsp.remote && itsp.header(.to) == call.itsp.local)
        #expect(itsp.header(.cSeq) == "4 BYE" && itsp.values(.route) == ["<sip:203.0.113.10;lr>"])
        for bye in [pbx, itsp] {
            #expect(bye.header(.callID) == "call-1" && bye.header(.maxForwards) == "70")
            #expect(bye.header(.reason) == "SIP;text=\"no media from either side\"")
            #expect(bye.values(.via).count == 1)
        }
        #expect(proxy.media.open.isEmpty && proxy.core.callCount == 0)
        #expect(proxy.core.counters.callsEndedByUs == 1)
        guard case .callEnded(let summary)? = proxy.events.last else { throw Missing() }
        #expect(summary.verdict == "ended by us: no media from either side")
        proxy.core.mediaSilent(session: 1, at: proxy.now)
        #expect(proxy.drain().isEmpty)
    }

    @Test(arguments: [200, 481, 500, 407])
    func `any final response ends a BYE of ours, and goes no further`(status: Int) throws {
        _ = try proxy.callOut()
        proxy.core.mediaSilent(session: 1, at: proxy.now)
        let (inside, outside) = byes()
        for (bye, side) in [(inside, Side.inside), (outside, .outside)] {
            let text = CallTexts.response(status, "Fine", to: try #require(bye))
            #expect(proxy.receive(text, on: side).isEmpty)
            #expect(proxy.receive(text, on: side).isEmpty)
        }
        #expect(!proxy.advance(.seconds(2)).contains { $0.method == .bye })
        proxy.expectNothingLeft()
    }

    @Test func `an unanswered BYE comes again until timer F`() throws {
        _ = try proxy.callOut()
        proxy.core.mediaSilent(session: 1, at: proxy.now)
        _ = byes()
        #expect(proxy.advance(.seconds(40)).filter { $0.method == .bye }.count == 20)
        proxy.expectNothingLeft()
    }

    @Test func `their BYE crosses ours: it passes, and its answer too`() throws {
        var call = try proxy.callOut()
        proxy.core.mediaSilent(session: 1, at: proxy.now)
        _ = byes()
        let bye = try #require(proxy.receive(call.pbx.request("BYE"), on: .inside).first)
        #expect(bye.side == .outside)
        #expect(proxy.receive(CallTexts.response(481, "Gone", to: bye), on: .outside).map(\.status) == [481])
        let other = try #require(proxy.receive(call.itsp.request("BYE"), on: .outside).first)
        #expect(proxy.receive(CallTexts.response(200, "OK", to: other), on: .inside).map(\.status) == [200])
        proxy.expectNothingLeft()
    }

    @Test func `an inbound call: the ITSP's Record-Route and Contact`() throws {
        try proxy.register()
        let call = try proxy.callIn()
        proxy.core.mediaSilent(session: 1, at: proxy.now)
        let (inside, outside) = byes()
        #expect(outside?.requestURI == "sip:5551234@203.0.113.11:5060")
        #expect(outside?.values(.route) == ["<sip:203.0.113.10;lr>"] && outside?.to == ProxyHarness.itsp)
        #expect(outside?.header(.cSeq) == "1 BYE" && outside?.header(.from) == call.itsp.remote)
        #expect(inside?.requestURI == "sip:asterisk@192.168.0.2:5060" && inside?.header(.cSeq) == "2 BYE")
    }

    @Test func `a strict router first: its URI is the Request-URI`() throws {
        _ = try proxy.callOut(itspRoute: "<sip:203.0.113.10>")
        proxy.core.mediaSilent(session: 1, at: proxy.now)
        let outside = byes().outside
        #expect(outside?.requestURI == "sip:203.0.113.10" && outside?.to == ProxyHarness.itsp)
        #expect(outside?.values(.route) == ["<sip:tone@203.0.113.11:5060>"])
    }

    @Test(arguments: [
        "<sip:tone@192.168.0.50>", "<sip:tone@10.0.0.9>", "<sip:tone@sbc.example>", "<sip:tone@203.0.113.1>",
    ])
    func `an outside target that is no outside address: to where its messages come from`(contact: String) throws {
        // One of them names its own network, which is like ours.
        proxy.insidePrefixes = ["192.168.0.1", "192.168.0.2"]
        _ = try proxy.callOut(itspRoute: nil, itspContact: contact, acknowledges: false)
        proxy.core.mediaSilent(session: 1, at: proxy.now)
        #expect(byes().outside?.to == ProxyHarness.itsp)
    }

    @Test func `limits.call_duration ends a call, to the second`() throws {
        let proxy = ProxyHarness { $0.callDuration = .seconds(3600) }
        _ = try proxy.callOut()
        #expect(!proxy.advance(.seconds(3599)).contains { $0.method == .bye })
        let sent = proxy.advance(.seconds(1))
        #expect(sent.map(\.method) == [.bye, .bye])
        #expect(sent[0].header(.reason).contains("call_duration"))
        proxy.expectNothingLeft()
    }

    @Test func `silence before the answer ends nothing`() throws {
        proxy.receive(CallTexts.outboundINVITE(), on: .inside)
        proxy.core.mediaSilent(session: 1, at: proxy.now)
        #expect(proxy.drain().isEmpty && proxy.core.callCount == 1)
    }

    private struct Missing: Error {}
}
