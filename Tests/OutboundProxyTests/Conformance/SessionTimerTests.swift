import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// RFC 4028 through the middle: nothing is changed, and a call whose session nobody refreshes is ended.
@Suite struct SessionTimerTests {
    let proxy = ProxyHarness()

    /// An answered call whose 200 says how long it lasts.
    private func call(_ line: String) throws -> TestCall {
        let text = CallTexts.outboundINVITE(extra: "Supported: timer\nSession-Expires: 1800;refresher=uac\nMin-SE: 90")
        let invite = try #require(proxy.receive(text, on: .inside).first)
        #expect(invite.text.contains("Session-Expires: 1800;refresher=uac\r\nMin-SE: 90\r\n"))
        let reply = CallTexts.response(
            200, "OK", to: invite, tag: "itsp", contact: ProxyHarness.itspContact, body: CallTexts.sdpOutside,
            extra: line)
        let ok = try #require(proxy.receive(reply, on: .outside).first { $0.status == 200 })
        #expect(line.isEmpty || ok.text.contains("\r\n\(line)\r\n"))
        var call = TestCall(
            pbx: Dialog(
                side: .inside, source: ProxyHarness.pbx, local: ok.header(.from), remote: ok.header(.to),
                callID: "call-1", target: ok.uri(.contact), routes: Array(ok.values(.recordRoute).reversed()), cSeq: 1,
                contact: ProxyHarness.pbxContact),
            itsp: Dialog(
                side: .outside, source: ProxyHarness.itsp, local: ok.header(.to), remote: invite.header(.from),
                callID: "call-1", target: invite.uri(.contact), routes: invite.values(.recordRoute), cSeq: 100,
                contact: ProxyHarness.itspContact), invite: invite, ok: ok)
        proxy.receive(call.pbx.request("ACK", cSeq: 1), on: .inside)
        return call
    }

    private func refresh(_ call: inout TestCall, _ method: String, _ line: String) throws {
        let request = try #require(proxy.receive(call.pbx.request(method), on: .inside).first)
        proxy.answer(200, to: request, contact: ProxyHarness.itspContact, extra: line)
        if method == "INVITE" { proxy.receive(call.pbx.request("ACK", cSeq: call.pbx.cSeq), on: .inside) }
    }

    @Test(arguments: ["Session-Expires: 90;refresher=uac", "x: 90", "SESSION-EXPIRES : 90 ; refresher=uas"])
    func `nobody refreshes: BYE both ways once the interval and the refresher's own margin are over`(line: String)
        throws
    {
        _ = try call(line)
        #expect(proxy.advance(.seconds(119)).filter { $0.method == .bye }.isEmpty && proxy.core.callCount == 1)
        let sent = proxy.advance(.seconds(2)).filter { $0.method == .bye }
        #expect(Set(sent.map(\.side)) == [.inside, .outside])
        #expect(sent.allSatisfy { $0.header(.reason).contains("not refreshed") })
        #expect(proxy.core.callCount == 0 && proxy.media.open.isEmpty)
    }

    @Test(arguments: ["INVITE", "UPDATE"])
    func `each 2xx of a refresh begins the interval anew`(method: String) throws {
        var call = try call("Session-Expires: 90;refresher=uac")
        for _ in 0..<4 {
            #expect(proxy.advance(.seconds(80)).filter { $0.method == .bye }.isEmpty)
            try refresh(&call, method, "Session-Expires: 90;refresher=uac")
        }
        #expect(proxy.core.callCount == 1)
        #expect(proxy.advance(.seconds(121)).contains { $0.method == .bye })
    }

    @Test func `a refusal refreshes nothing, and a 2xx without Session-Expires ends the timer`() throws {
        var call = try call("Session-Expires: 90")
        proxy.advance(.seconds(80))
        let request = try #require(proxy.receive(call.pbx.request("UPDATE"), on: .inside).first)
        proxy.answer(491, to: request)
        try refresh(&call, "UPDATE", "")
        #expect(proxy.advance(.seconds(3600)).filter { $0.method == .bye }.isEmpty && proxy.core.callCount == 1)
    }

    @Test(arguments: ["", "Session-Expires: soon", "Session-Expires: 99999999999999999999"])
    func `no timer, or none that can be read: the call goes on`(line: String) throws {
        _ = try call(line)
        #expect(proxy.advance(.seconds(7200)).filter { $0.method == .bye }.isEmpty && proxy.core.callCount == 1)
    }

    @Test func `smaller intervals than the RFC allows are taken as the smallest`() throws {
        _ = try call("Session-Expires: 1")
        #expect(proxy.advance(.seconds(119)).filter { $0.method == .bye }.isEmpty && proxy.core.callCount == 1)
    }
}
