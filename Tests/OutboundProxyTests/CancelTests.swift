import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// CANCEL in every state of the INVITE, and its races (RFC 3261 §9, §16.10, §17.1.1, RFC 6026).
@Suite struct CancelTests {
    let proxy = ProxyHarness()

    private static let cancel = CallTexts.outboundINVITE(body: nil).replacing("INVITE", with: "CANCEL")

    @Test func `before any response: 200 at once, the CANCEL follows the first provisional one`() throws {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        #expect(proxy.receive(Self.cancel, on: .inside).map(\.status) == [200])
        #expect(proxy.receive(Self.cancel, on: .inside).map(\.status) == [200])
        // A 100 is provisional too.
        let sent = proxy.receive(CallTexts.response(100, "Trying", to: invite), on: .outside)
        #expect(sent.map(\.method) == [.cancel] && sent[0].to == ProxyHarness.itsp)
        #expect(sent[0].requestURI == invite.requestURI && sent[0].header(.cSeq) == "1 CANCEL")
        #expect(sent[0].header(.from) == invite.header(.from) && sent[0].header(.callID) == "call-1")
        finish(invite)
    }

    @Test func `while it rings: the CANCEL goes out at once, and again until it is answered`() throws {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        proxy.receive(CallTexts.response(180, "Ringing", to: invite, tag: "b"), on: .outside)
        let sent = proxy.receive(Self.cancel, on: .inside)
        #expect(sent.map(\.status) == [200, 0])
        #expect(proxy.receive(Self.cancel, on: .inside).map(\.status) == [200])
        let repeated = proxy.advance(.seconds(2))
        #expect(repeated.filter { $0.method == .cancel }.count == 2)
        proxy.receive(CallTexts.response(200, "OK", to: sent[1]), on: .outside)
        #expect(!proxy.advance(.seconds(10)).contains { $0.method == .cancel })
        finish(invite)
    }

    @Test func `while the name is being resolved: 487, and nothing ever goes out`() throws {
        let text = CallTexts.outboundINVITE(uri: "sip:tone@itsp.example")
        #expect(proxy.receive(text, on: .inside).isEmpty && proxy.resolving == ["itsp.example"])
        let cancel = text.replacing("INVITE", with: "CANCEL")
        let sent = proxy.receive(cancel, on: .inside)
        #expect(sent.map(\.status) == [200, 487])
        #expect(proxy.resolve("itsp.example", ["203.0.113.10"]).isEmpty)
        #expect(proxy.receive(acknowledgement(of: sent[1]), on: .inside).isEmpty)
        proxy.expectNothingLeft()
    }

    @Test func `the 200 crosses the CANCEL: it goes up, ACK and BYE follow`() throws {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        proxy.receive(CallTexts.response(180, "Ringing", to: invite, tag: "b"), on: .outside)
        let cancel = try #require(proxy.receive(Self.cancel, on: .inside).last)
        let ok = proxy.receive(
            CallTexts.response(
                200, "OK", to: invite, tag: "b", contact: ProxyHarness.itspContact, body: CallTexts.sdpOutside),
            on: .outside)
        #expect(ok.map(\.status) == [200] && ok[0].side == .inside)
        #expect(proxy.receive(CallTexts.response(481, "Gone", to: cancel), on: .outside).isEmpty)
        #expect(proxy.core.callCount == 1 && proxy.media.open.count == 1)
        var pbx = Dialog(
            side: .inside, source: ProxyHarness.pbx, local: ok[0].header(.from), remote: ok[0].header(.to),
            callID: "call-1", target: ok[0].uri(.contact), routes: Array(ok[0].values(.recordRoute).reversed()),
            cSeq: 1, contact: ProxyHarness.pbxContact)
        #expect(proxy.receive(pbx.request("ACK", cSeq: 1), on: .inside).map(\.method) == [.ack])
        let bye = try #require(proxy.receive(pbx.request("BYE"), on: .inside).first)
        proxy.receive(CallTexts.response(200, "OK", to: bye), on: .outside)
        proxy.expectNothingLeft()
    }

    @Test func `after the final response: 200, and nothing happens`() throws {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        proxy.receive(CallTexts.response(486, "Busy", to: invite, tag: "b"), on: .outside)
        #expect(proxy.receive(Self.cancel, on: .inside).map(\.status) == [200])
        proxy.expectNothingLeft()
    }

    @Test func `the callee never answers the CANCEL: 487 after 64*T1 (§9.1)`() throws {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        proxy.receive(CallTexts.response(180, "Ringing", to: invite, tag: "b"), on: .outside)
        proxy.receive(Self.cancel, on: .inside)
        let sent = proxy.advance(.seconds(33))
        #expect(sent.first { $0.status >= 300 }?.status == 487)
        #expect(proxy.media.open.isEmpty && proxy.core.callCount == 0)
        // A 200 that comes after all is nobody's (RFC 6026 §7.2).
        #expect(proxy.receive(CallTexts.response(200, "OK", to: invite, tag: "b"), on: .outside).isEmpty)
        proxy.expectNothingLeft()
    }

    @Test func `a CANCEL for nothing: 481 inside, silence outside`() throws {
        #expect(proxy.receive(Self.cancel, on: .inside).map(\.status) == [481])
        #expect(proxy.receive(Self.cancel, on: .outside, from: ProxyHarness.stranger).isEmpty)
        #expect(
            proxy.receive(Self.cancel, on: .inside, from: ProxyHarness.address("192.168.0.66:5060")).map(\.status) == [
                481
            ])
    }

    @Test func `a CANCEL from another address cancels nothing`() throws {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        proxy.receive(CallTexts.response(180, "Ringing", to: invite, tag: "b"), on: .outside)
        let sent = proxy.receive(Self.cancel, on: .inside, from: ProxyHarness.address("192.168.0.66:5060"))
        #expect(sent.map(\.status) == [481])
        #expect(proxy.core.callCount == 1)
    }

    @Test(arguments: [ProxyHarness.itsp, ProxyHarness.stranger])
    func `an inbound call is cancelled by who made it, known or not`(source: SocketAddress) throws {
        let uri = try proxy.register().request.uri(.contact)
        let text = CallTexts.inboundINVITE(uri: uri)
        let invite = try #require(proxy.receive(text, on: .outside, from: source).first)
        proxy.receive(CallTexts.response(180, "Ringing", to: invite, tag: "p"), on: .inside)
        let cancel = CallTexts.inboundINVITE(uri: uri, body: nil).replacing("INVITE", with: "CANCEL")
        let sent = proxy.receive(cancel, on: .outside, from: source)
        #expect(sent.map(\.side) == [.outside, .inside] && sent[0].status == 200 && sent[1].method == .cancel)
        #expect(sent[1].requestURI == "sip:s@192.168.0.2:5060;line=vtqvcuo")
        let end = proxy.receive(CallTexts.response(487, "Terminated", to: invite, tag: "p"), on: .inside)
        #expect(end.map(\.side) == [.inside, .outside])
        proxy.expectNothingLeft()
    }

    @Test func `a re-INVITE is cancelled: its offer is rolled back, the call goes on`() throws {
        var call = try proxy.callOut()
        let text = call.pbx.request("INVITE", body: CallTexts.sdpInside)
        let invite = try #require(proxy.receive(text, on: .inside).first)
        proxy.receive(CallTexts.response(180, "Ringing", to: invite), on: .outside)
        let cancel = proxy.receive(text.replacing("INVITE", with: "CANCEL"), on: .inside)
        #expect(cancel.map(\.status) == [200, 0] && cancel[1].method == .cancel)
        proxy.receive(CallTexts.response(487, "Terminated", to: invite), on: .outside)
        #expect(proxy.media.events.last == .rollback(1))
        #expect(proxy.core.callCount == 1 && proxy.media.open.count == 1)
    }

    /// The INVITE ends with 487, which nobody acknowledges until timer H.
    private func finish(_ invite: Sent) {
        let end = proxy.receive(CallTexts.response(487, "Request Terminated", to: invite, tag: "b"), on: .outside)
        #expect(end.map(\.side) == [.outside, .inside] && end.last?.status == 487)
        #expect(proxy.receive(acknowledgement(of: end[1]), on: .inside).isEmpty)
        #expect(!proxy.advance(.seconds(10)).contains { $0.status == 487 })
        proxy.expectNothingLeft()
    }

    private func acknowledgement(of response: Sent) -> String {
        CallTexts.outboundINVITE(body: nil).replacing("INVITE", with: "ACK")
            .replacing("To: <sip:tone@203.0.113.10>", with: "To: " + response.header(.to))
    }
}
