import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// A dialog that this process never saw, after a restart or on another node: its tokens route it (design §4), and only
/// for those who have them (security 25).
@Suite struct RestartTests {
    /// A call that `old` made, and the proxy that takes over with the same key.
    private func takenOver(inbound: Bool = false) throws -> (ProxyHarness, TestCall) {
        let old = ProxyHarness()
        if inbound { try old.register() }
        return (ProxyHarness(), inbound ? try old.callIn() : try old.callOut())
    }

    @Test(arguments: [true, false], [Side.inside, .outside])
    func `BYE from either side`(inbound: Bool, side: Side) throws {
        var (proxy, call) = try takenOver(inbound: inbound)
        let text = side == .inside ? call.pbx.request("BYE") : call.itsp.request("BYE")
        let bye = try #require(proxy.receive(text, on: side).first)
        #expect(bye.side == side.opposite)
        #expect(bye.requestURI == (side == .inside ? call.pbx.target : "sip:asterisk@192.168.0.2:5060"))
        #expect(bye.to == (side == .inside ? ProxyHarness.itsp : ProxyHarness.pbx))
        #expect(proxy.receive(CallTexts.response(200, "OK", to: bye), on: side.opposite).map(\.status) == [200])
        proxy.expectNothingLeft()
    }

    @Test(arguments: ["INVITE", "UPDATE"]) func `an offer that is refused brings no call back`(method: String) throws {
        var (proxy, call) = try takenOver()
        let offer = try #require(
            proxy.receive(call.pbx.request(method, body: CallTexts.sdpInside), on: .inside).first)
        proxy.receive(CallTexts.response(481, "Call Does Not Exist", to: offer), on: .outside)
        #expect(proxy.core.callCount == 0 && proxy.media.open.isEmpty)
        proxy.expectNothingLeft()
    }

    @Test(arguments: ["INVITE", "UPDATE"], [Side.inside, .outside])
    func `an offer is anchored anew, and the call ends with its media`(method: String, side: Side) throws {
        var (proxy, call) = try takenOver()
        let text =
            side == .inside
            ? call.pbx.request(method, body: CallTexts.sdpInside)
            : call.itsp.request(method, body: CallTexts.sdpOutside)
        let offer = try #require(proxy.receive(text, on: side).first)
        #expect(offer.body.contains("c=IN IP4 \(side == .inside ? "203.0.113.1" : "192.168.0.1")"))
        let ok = try #require(
            proxy.receive(
                CallTexts.response(
                    200, "OK", to: offer, contact: side == .inside ? call.itsp.contact : call.pbx.contact,
                    body: side == .inside ? CallTexts.sdpOutside : CallTexts.sdpInside), on: side.opposite
            ).first)
        #expect(ok.body.contains("c=IN IP4 \(side == .inside ? "192.168.0.1" : "203.0.113.1")"))
        #expect(proxy.core.callSummaries.map(\.state) == [.answered])
        #expect(proxy.media.events.contains(.confirm(1, fork: 0)))
        let end = side == .inside ? call.itsp.request("BYE") : call.pbx.request("BYE")
        let bye = try #require(proxy.receive(end, on: side.opposite).first)
        proxy.receive(CallTexts.response(200, "OK", to: bye), on: side)
        proxy.expectNothingLeft()
    }

    @Test func `an offer that is refused leaves nothing behind`() throws {
        var (proxy, call) = try takenOver()
        let offer = try #require(
            proxy.receive(call.pbx.request("INVITE", body: CallTexts.sdpInside), on: .inside).first)
        proxy.receive(CallTexts.response(488, "Not Acceptable Here", to: offer), on: .outside)
        proxy.expectNothingLeft()
    }

    @Test func `the call that came back can be ended by us, both ways`() throws {
        var (proxy, call) = try takenOver()
        let offer = try #require(
            proxy.receive(call.pbx.request("INVITE", body: CallTexts.sdpInside), on: .inside).first)
        proxy.receive(
            CallTexts.response(200, "OK", to: offer, contact: call.itsp.contact, body: CallTexts.sdpOutside),
            on: .outside)
        proxy.core.mediaSilent(session: 1, at: proxy.now)
        let byes = proxy.drain()
        #expect(byes.map(\.requestURI) == ["sip:asterisk@192.168.0.2:5060", "sip:tone@203.0.113.11:5060"])
        #expect(byes.map(\.to) == [ProxyHarness.pbx, ProxyHarness.itsp])
        #expect(byes[1].values(.route) == ["<sip:203.0.113.10;lr>"])
    }

    @Test func `the call that an ITSP's proxy brought back is ended by the same way`() throws {
        var (proxy, call) = try takenOver()
        let offer = try #require(
            proxy.receive(call.itsp.request("INVITE", body: CallTexts.sdpOutside), on: .outside).first)
        proxy.receive(
            CallTexts.response(200, "OK", to: offer, contact: call.pbx.contact, body: CallTexts.sdpInside),
            on: .inside)
        proxy.core.mediaSilent(session: 1, at: proxy.now)
        let bye = try #require(proxy.drain().first { $0.side == .outside })
        #expect(bye.requestURI == "sip:tone@203.0.113.11:5060" && bye.to == ProxyHarness.itsp)
    }

    @Test func `an ITSP that takes the parameters from the Request-URI: our Route's token leads to the PBX`() throws {
        var (proxy, call) = try takenOver()
        call.itsp.target = "sip:asterisk@203.0.113.1:5060"
        let bye = try #require(proxy.receive(call.itsp.request("BYE"), on: .outside).first)
        #expect(bye.requestURI == "sip:asterisk@192.168.0.2:5060" && bye.to == ProxyHarness.pbx)
    }

    @Test func `an ITSP that takes the parameters from the Route: the Contact's token leads to the PBX`() throws {
        var (proxy, call) = try takenOver()
        call.itsp.routes = ["<sip:203.0.113.1:5060;lr>", "<sip:192.168.0.1:5060;lr>"]
        let bye = try #require(proxy.receive(call.itsp.request("BYE"), on: .outside).first)
        #expect(bye.requestURI == "sip:asterisk@192.168.0.2:5060" && bye.values(.route).isEmpty)
    }

    @Test func `an ITSP that takes them from both: the dialog is known by its tags, while we live`() throws {
        let proxy = ProxyHarness()
        var call = try proxy.callOut()
        call.itsp.target = "sip:asterisk@203.0.113.1:5060"
        call.itsp.routes = ["<sip:203.0.113.1:5060;lr>", "<sip:192.168.0.1:5060;lr>"]
        #expect(proxy.receive(call.itsp.request("BYE"), on: .outside, from: ProxyHarness.stranger).isEmpty)
        let bye = try #require(proxy.receive(call.itsp.request("BYE"), on: .outside).first)
        #expect(bye.requestURI == "sip:asterisk@192.168.0.2:5060")
        // After a restart there is nothing left to go by.
        let other = ProxyHarness()
        #expect(other.receive(call.itsp.request("BYE"), on: .outside).isEmpty)
    }

    @Test func `a Request-URI that isn't ours goes to where our Route's token leads, and nowhere else`() throws {
        var (proxy, call) = try takenOver()
        for uri in ["sip:asterisk@pbx.internal.example", "sip:victim@198.51.100.99", "sip:x@192.168.0.77:5060"] {
            call.itsp.target = uri
            let bye = try #require(proxy.receive(call.itsp.request("BYE"), on: .outside).first)
            #expect(bye.requestURI == uri && bye.to == ProxyHarness.pbx && bye.side == .inside)
        }
    }

    // MARK: Thieves

    @Test func `a stolen token with another Call-ID is worth nothing (security 25)`() throws {
        let proxy = ProxyHarness()
        var call = try proxy.callOut()
        call.itsp.callID = "another"
        for source in [ProxyHarness.stranger, ProxyHarness.itsp] {
            let sent = proxy.receive(call.itsp.request("BYE"), on: .outside, from: source)
            #expect(!sent.contains { $0.side == .inside })
        }
        #expect(proxy.core.callCount == 1 && proxy.media.open.count == 1)
    }

    @Test func `a dialog token without a To tag admits nothing (security 25)`() throws {
        let proxy = ProxyHarness()
        let call = try proxy.callOut()
        let text = CallTexts.inboundINVITE(uri: call.itsp.target, branch: "z9hG4bKthief", callID: "call-1")
        #expect(proxy.receive(text, on: .outside, from: ProxyHarness.stranger).isEmpty)
    }

    @Test func `a BYE with wrong tags leaves the media alone, whatever the PBX says (security 25)`() throws {
        let proxy = ProxyHarness()
        var call = try proxy.callOut()
        let (local, remote) = (call.itsp.local, call.itsp.remote)
        for (from, to) in [
            (local + "x", remote), (local, remote + "x"), (remote, local), ("<sip:a@b>;tag=1", "<sip:c@d>;tag=2"),
        ] {
            (call.itsp.local, call.itsp.remote) = (from, to)
            let text = call.itsp.request("BYE")
            for status in [481, 200] {
                let branch = text.replacing("branch=z9hG4bK", with: "branch=z9hG4bK\(status)\(from.utf8.count)")
                for bye in proxy.receive(branch, on: .outside) where bye.side == .inside {
                    proxy.receive(CallTexts.response(status, "Hm", to: bye), on: .inside)
                }
            }
            #expect(proxy.core.callCount == 1 && proxy.media.open.count == 1, "\(from) \(to)")
        }
    }

    @Test func `a BYE of a stranger who knows the tags but no token is dropped (security 25)`() throws {
        let proxy = ProxyHarness()
        var call = try proxy.callOut()
        call.itsp.target = "sip:asterisk@203.0.113.1:5060"
        call.itsp.routes = []
        #expect(proxy.receive(call.itsp.request("BYE"), on: .outside, from: ProxyHarness.stranger).isEmpty)
        // Nor does another trunk of ours count as a hop of this call.
        try proxy.register(registrar: "198.51.100.66")
        #expect(
            proxy.receive(call.itsp.request("BYE"), on: .outside, from: ProxyHarness.stranger).map(\.status) == [481])
        #expect(proxy.core.callCount == 1 && proxy.media.open.count == 1)
    }
}
