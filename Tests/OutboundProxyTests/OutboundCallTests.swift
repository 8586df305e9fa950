import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// A PBX calls an ITSP through the proxy (RFC 3261 §16, findings 1 and 2).
@Suite struct OutboundCallTests {
    @Test func `an INVITE leaves with our Via, two Record-Routes, our Contact and our media address`() throws {
        let proxy = ProxyHarness()
        let sent = proxy.receive(CallTexts.outboundINVITE(), on: .inside)
        let invite = try #require(sent.first)
        #expect(sent.count == 1)
        #expect(invite.to == ProxyHarness.itsp)
        #expect(invite.start == "INVITE sip:tone@203.0.113.10 SIP/2.0")
        #expect(invite.values(.via).count == 1)
        #expect(invite.values(.via)[0].hasPrefix("SIP/2.0/UDP 203.0.113.1:5060;rport;branch=z9hG4bK"))
        #expect(invite.values(.recordRoute).count == 1)
        #expect(invite.values(.recordRoute)[0].hasPrefix("<sip:203.0.113.1:5060;lr;sp="))
        #expect(invite.values(.route).isEmpty)
        #expect(invite.header(.maxForwards) == "69")
        #expect(invite.uri(.contact).hasPrefix("sip:asterisk@203.0.113.1:5060;sp="))
        #expect(invite.body.contains("c=IN IP4 203.0.113.1"))
        #expect(invite.header(.contentLength) == "\(invite.body.utf8.count)")
        #expect(proxy.leaks.isEmpty)
    }

    @Test func `a whole call: 100 after 200 ms, 180, 200, ACK, BYE from the PBX`() throws {
        let proxy = ProxyHarness()
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        let trying = proxy.advance(.milliseconds(200))
        #expect(trying.map(\.status) == [100])
        #expect(trying.first?.to == ProxyHarness.pbx)
        let ringing = proxy.receive(
            CallTexts.response(180, "Ringing", to: invite, tag: "b", contact: "<sip:tone@203.0.113.11:5060>"),
            on: .outside)
        #expect(ringing.map(\.status) == [180])
        #expect(
            ringing[0].values(.via) == [
                "SIP/2.0/UDP 192.168.0.2:5060;rport=5060;branch=z9hG4bKpbx1;received=192.168.0.2"
            ])
        #expect(ringing[0].uri(.contact) == "sip:tone@203.0.113.11:5060")
        let ok = try #require(
            proxy.receive(
                CallTexts.response(
                    200, "OK", to: invite, tag: "b", contact: "<sip:tone@203.0.113.11:5060>", body: CallTexts.sdpOutside
                ),
                on: .outside
            ).first)
        #expect(ok.status == 200 && ok.side == .inside)
        #expect(ok.body.contains("c=IN IP4 192.168.0.1"))
        #expect(proxy.core.callSummaries.map(\.state) == [.answered])
        let routes = Array(ok.values(.recordRoute).reversed())
        let ack = proxy.receive(
            CallTexts.inDialog(
                "ACK", uri: "sip:tone@203.0.113.11:5060", routes: routes,
                from: "\"1000\" <sip:1000@192.168.0.2>;tag=pbx",
                to: "<sip:tone@203.0.113.10>;tag=b", callID: "call-1", cSeq: 1, branch: "z9hG4bKack",
                via: "192.168.0.2:5060"), on: .inside)
        #expect(ack.map(\.start) == ["ACK sip:tone@203.0.113.11:5060 SIP/2.0"])
        #expect(ack[0].to == ProxyHarness.address("203.0.113.11:5060"))
        #expect(ack[0].values(.route).isEmpty)
        let bye = proxy.receive(
            CallTexts.inDialog(
                "BYE", uri: "sip:tone@203.0.113.11:5060", routes: routes,
                from: "\"1000\" <sip:1000@192.168.0.2>;tag=pbx",
                to: "<sip:tone@203.0.113.10>;tag=b", callID: "call-1", cSeq: 2, branch: "z9hG4bKbye",
                via: "192.168.0.2:5060"), on: .inside)
        #expect(bye.map(\.method) == [.bye])
        #expect(!proxy.media.open.isEmpty)
        let end = proxy.receive(CallTexts.response(200, "OK", to: bye[0]), on: .outside)
        #expect(end.map(\.status) == [200])
        #expect(proxy.media.open.isEmpty)
        #expect(proxy.core.callCount == 0)
        proxy.advance(.seconds(40))
        #expect(proxy.core.transactionCount == 0)
        #expect(proxy.leaks.isEmpty)
    }

    @Test func `a challenge goes back untouched and the ACK is ours`() throws {
        let proxy = ProxyHarness()
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        let challenge = "Proxy-Authenticate: Digest realm=\"203.0.113.10\", nonce=\"abc\""
        let sent = proxy.receive(
            CallTexts.response(407, "Proxy Authentication Required", to: invite, tag: "x", extra: challenge),
            on: .outside)
        #expect(sent.map(\.side) == [.outside, .inside])
        #expect(sent[0].start == "ACK sip:tone@203.0.113.10 SIP/2.0")
        #expect(sent[0].header(.to).hasSuffix(";tag=x"))
        #expect(sent[0].values(.via) == [invite.values(.via)[0]])
        #expect(sent[1].status == 407)
        #expect(sent[1].text.contains(challenge + "\r\n"))
        #expect(proxy.core.callCount == 0)
        #expect(proxy.media.open.isEmpty)
        let retry = proxy.receive(
            CallTexts.outboundINVITE(branch: "z9hG4bKpbx2", cSeq: 2, extra: "Proxy-Authorization: Digest x"),
            on: .inside)
        #expect(retry.map(\.method) == [.invite])
        // The contact is the same bytes as before: tokens are deterministic.
        #expect(retry[0].uri(.contact) == invite.uri(.contact))
    }

    @Test func `CANCEL waits for a provisional response, then goes out; 487 comes back and frees the media`() throws {
        let proxy = ProxyHarness()
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        let cancel = CallTexts.request(
            "CANCEL sip:tone@203.0.113.10 SIP/2.0",
            """
            Via: SIP/2.0/UDP 192.168.0.2:5060;rport;branch=z9hG4bKpbx1
            From: "1000" <sip:1000@192.168.0.2>;tag=pbx
            To: <sip:tone@203.0.113.10>
            Call-ID: call-1
            CSeq: 1 CANCEL
            Reason: Q.850;cause=16
            Max-Forwards: 70
            """, nil)
        let early = proxy.receive(cancel, on: .inside)
        #expect(early.map(\.status) == [200])
        let sent = proxy.receive(CallTexts.response(180, "Ringing", to: invite, tag: "b"), on: .outside)
        #expect(sent.filter { $0.side == .outside }.map(\.method) == [.cancel])
        let out = try #require(sent.first { $0.side == .outside })
        #expect(out.values(.via) == [invite.values(.via)[0]])
        #expect(out.header(.reason) == "Q.850;cause=16")
        #expect(proxy.receive(CallTexts.response(200, "OK", to: out), on: .outside).isEmpty)
        let end = proxy.receive(CallTexts.response(487, "Request Terminated", to: invite, tag: "b"), on: .outside)
        #expect(end.map(\.start) == ["ACK sip:tone@203.0.113.10 SIP/2.0", "SIP/2.0 487 Request Terminated"])
        #expect(proxy.media.open.isEmpty && proxy.core.callCount == 0)
    }

    @Test func `nobody answers: seven INVITEs, then 408 after 32 s, and nothing is left`() {
        let proxy = ProxyHarness()
        proxy.receive(CallTexts.outboundINVITE(), on: .inside)
        let sent = proxy.advance(.seconds(33))
        #expect(sent.filter { $0.side == .outside && $0.method == .invite }.count == 6)
        #expect(sent.last { $0.side == .inside }?.status == 408 || sent.contains { $0.status == 408 })
        #expect(proxy.media.open.isEmpty && proxy.core.callCount == 0)
        proxy.advance(.seconds(70))
        #expect(proxy.core.transactionCount == 0)
    }

    @Test func `a qualify OPTIONS with our Route twice loses both (finding 1)`() throws {
        let proxy = ProxyHarness()
        let options = CallTexts.request(
            "OPTIONS sip:203.0.113.10 SIP/2.0",
            """
            Via: SIP/2.0/UDP 192.168.0.2:5060;rport;branch=z9hG4bKo
            Route: <sip:192.168.0.1;lr>
            Route: <sip:192.168.0.1;lr>
            From: <sip:1000@192.168.0.2>;tag=o
            To: <sip:203.0.113.10>
            Contact: <sip:1000@192.168.0.2:5060>
            Call-ID: o1
            CSeq: 1 OPTIONS
            Max-Forwards: 70
            """, nil)
        let sent = try #require(proxy.receive(options, on: .inside).first)
        #expect(sent.values(.route).isEmpty)
        #expect(sent.to == ProxyHarness.itsp)
        let back = proxy.receive(CallTexts.response(200, "OK", to: sent, tag: "k"), on: .outside)
        #expect(back.map(\.status) == [200])
        // The ITSP is known now: its call for nobody in particular goes to the PBX.
        #expect(proxy.core.trunkSummaries.map(\.domain) == ["203.0.113.10"])
    }

    @Test func `a 503 from the ITSP goes up as 500`() throws {
        let proxy = ProxyHarness()
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        let sent = proxy.receive(CallTexts.response(503, "Busy Here Somewhere", to: invite, tag: "x"), on: .outside)
        #expect(sent.last?.start == "SIP/2.0 500 Server Internal Error")
    }

    @Test func `an INVITE that comes again is not forwarded again`() {
        let proxy = ProxyHarness()
        #expect(proxy.receive(CallTexts.outboundINVITE(), on: .inside).count == 1)
        #expect(proxy.receive(CallTexts.outboundINVITE(), on: .inside).isEmpty)
        proxy.advance(.milliseconds(200))
        #expect(proxy.receive(CallTexts.outboundINVITE(), on: .inside).map(\.status) == [100])
    }

    @Test func `a source that is not inside may not call out (security 26)`() {
        let proxy = ProxyHarness()
        let sent = proxy.receive(CallTexts.outboundINVITE(), on: .inside, from: ProxyHarness.address("10.9.9.9:5060"))
        #expect(sent.isEmpty)
        #expect(proxy.core.counters.droppedSpoofed == 1)
    }
}
