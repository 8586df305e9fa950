import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

@Suite("What offers of SRTP are like, and what follows a refusal")
struct SecureOfferTests {
    private static let tls = ListenerID(4)

    /// A trunk over TLS.
    private func proxy(_ srtp: SRTPPolicy = .auto) -> ProxyHarness {
        var trunk = TrunkSettings(name: "itsp", domain: "203.0.113.10")
        trunk.srtp = srtp
        trunk.transport = .tls
        return ProxyHarness(trunks: [trunk]) {
            $0.listeners.append(
                Listener(
                    id: Self.tls, side: .outside, transport: .tls, local: ProxyHarness.address("203.0.113.1:5061")))
            $0.numberOfName = { _ in PeerNameID(1) }
        }
    }

    private func invite(_ proxy: ProxyHarness, callID: String = "call-1") throws -> Sent {
        let text = CallTexts.outboundINVITE(branch: "z9hG4bK\(callID)", callID: callID)
        return try #require(proxy.receive(text, on: .inside).first { $0.isRequest && $0.method == .invite })
    }

    /// What the ITSP answers to `request`, and what leaves because of it.
    @discardableResult
    private func answer(
        _ status: Int, _ reason: String, to request: Sent, _ proxy: ProxyHarness, tag: String = "r",
        body: String? = nil
    ) -> [Sent] {
        let text = CallTexts.response(
            status, reason, to: request, tag: tag, contact: ProxyHarness.itspContact, body: body)
        return proxy.receive(wire(text), on: .outside, from: Flow(listener: Self.tls, peer: request.to))
    }

    @Test(
        "auto asks for SRTP first over TLS, optional goes without",
        arguments: [
            (SRTPPolicy.auto, SRTPOffer.secure), (.optional, .opportunistic), (.off, .opportunistic),
            (.required, .opportunistic),
        ])
    func first(policy: SRTPPolicy, offer: SRTPOffer) throws {
        let proxy = proxy(policy)
        _ = try invite(proxy)
        #expect(proxy.media.receivers.map(\.srtpOffer) == [offer])
        #expect(proxy.media.receivers.map(\.srtp) == [policy])
    }

    @Test(
        "who refuses the one gets the other: at once over a stream, after its ACK",
        arguments: [SRTPPolicy.auto, .optional])
    func second(policy: SRTPPolicy) throws {
        let proxy = proxy(policy)
        let first = try invite(proxy)
        let sent = answer(488, "Not Acceptable Here", to: first, proxy)
        #expect(sent.map(\.method) == [.ack, .invite])
        #expect(sent.map(\.side) == [.outside, .outside])
        #expect(proxy.media.receivers.map(\.srtpOffer) == [policy.firstOffer, policy.firstOffer.other])
        #expect(proxy.media.events.contains(.rollback(1)))
        let again = try #require(sent.last)
        #expect(again.header(.callID) == first.header(.callID) && again.header(.cSeq) == first.header(.cSeq))
        #expect(again.values(.via)[0] != first.values(.via)[0])
        let answered = answer(200, "OK", to: again, proxy, body: CallTexts.sdpOutside)
        #expect(answered.map(\.status) == [200] && answered.map(\.side) == [.inside])
        #expect(proxy.core.callCount == 1)
    }

    @Test("what was refused is remembered, for that peer of that trunk and for an hour")
    func memory() throws {
        let proxy = proxy()
        let again = try #require(answer(488, "Not Acceptable Here", to: try invite(proxy), proxy).last)
        answer(200, "OK", to: again, proxy, body: CallTexts.sdpOutside)
        _ = try invite(proxy, callID: "call-2")
        #expect(proxy.media.receivers.map(\.srtpOffer) == [.secure, .opportunistic, .opportunistic])
        proxy.advance(.seconds(3700))
        _ = try invite(proxy, callID: "call-3")
        #expect(proxy.media.receivers.last?.srtpOffer == .secure)
    }

    @Test("who refuses both is believed: the caller is told, and nothing is remembered")
    func both() throws {
        let proxy = proxy()
        let again = try #require(answer(488, "Not Acceptable Here", to: try invite(proxy), proxy).last)
        let told = answer(488, "Not Acceptable Here", to: again, proxy)
        #expect(told.filter { $0.side == .inside }.map(\.status) == [488])
        #expect(told.filter { $0.isRequest }.map(\.method) == [.ack])
        #expect(proxy.core.callCount == 0)
        _ = try invite(proxy, callID: "call-2")
        #expect(proxy.media.receivers.last?.srtpOffer == .secure)
    }

    @Test("a hop behind the stream that still knows the first says 482, and is asked again when it has forgotten")
    func merged() throws {
        let proxy = proxy()
        let again = try #require(answer(488, "Not Acceptable Here", to: try invite(proxy), proxy).last)
        #expect(answer(482, "Merged Request", to: again, proxy).map(\.method) == [.ack])
        #expect(proxy.advance(.milliseconds(5400)).allSatisfy { !$0.isRequest })
        let third = try #require(proxy.advance(.milliseconds(200)).first { $0.isRequest && $0.method == .invite })
        #expect(proxy.media.receivers.map(\.srtpOffer) == [.secure, .opportunistic, .opportunistic])
        // Once, and not for ever.
        #expect(answer(482, "Merged Request", to: third, proxy).filter { $0.side == .inside }.map(\.status) == [482])
        #expect(proxy.core.callCount == 0)
    }

    @Test("a caller who hangs up while that is waited for has gone")
    func cancelled() throws {
        let proxy = proxy()
        let first = try invite(proxy)
        let again = try #require(answer(488, "Not Acceptable Here", to: first, proxy).last)
        answer(482, "Merged Request", to: again, proxy)
        let cancel = CallTexts.outboundINVITE(branch: "z9hG4bKcall-1", body: nil)
        let sent = proxy.receive(cancel.replacing("INVITE", with: "CANCEL"), on: .inside)
        #expect(sent.map(\.status) == [200, 487])
        #expect(proxy.advance(.seconds(10)).allSatisfy { $0.side == .inside })
        #expect(proxy.core.callCount == 0)
    }

    @Test(
        "other refusals, and offers that leave no choice, go up as they are",
        arguments: [
            (SRTPPolicy.auto, 486), (.auto, 606), (.required, 488), (.off, 488),
        ])
    func others(policy: SRTPPolicy, status: Int) throws {
        let proxy = proxy(policy)
        let told = answer(status, "No", to: try invite(proxy), proxy)
        #expect(told.filter { $0.side == .inside }.map(\.status) == [status])
        #expect(proxy.media.receivers.count == 1)
    }

    @Test("what a refusing hop says after its refusal is nobody's")
    func late() throws {
        let proxy = proxy()
        let first = try invite(proxy)
        let again = try #require(answer(488, "Not Acceptable Here", to: first, proxy).last)
        #expect(answer(200, "OK", to: first, proxy, tag: "late", body: CallTexts.sdpOutside).isEmpty)
        let ok = answer(200, "OK", to: again, proxy, body: CallTexts.sdpOutside)
        #expect(ok.map(\.status) == [200])
    }

    @Test("what is said to the second offer counts, and not the 488 before it", arguments: [486, 503, 480, 401])
    func verdict(status: Int) throws {
        let proxy = proxy()
        let again = try #require(answer(488, "Not Acceptable Here", to: try invite(proxy), proxy).last)
        let told = answer(status, "No", to: again, proxy).filter { $0.side == .inside }
        #expect(told.map(\.status) == [status == 503 ? 500 : status])
        #expect(proxy.core.callCount == 0)
        // It was not for the offer, unless the caller is only to try once more.
        _ = try invite(proxy, callID: "call-2")
        #expect(proxy.media.receivers.last?.srtpOffer == (status == 401 ? .opportunistic : .secure))
    }

    @Test("no answer to the second offer is a timeout, and a CANCEL of it ends with 487")
    func silence() throws {
        let silent = proxy()
        try #require(answer(488, "Not Acceptable Here", to: try invite(silent), silent).last?.method == .invite)
        let told = silent.advance(.seconds(40)).filter { $0.side == .inside && $0.status > 100 }
        #expect(Set(told.map(\.status)) == [408])
        let ringing = proxy()
        let again = try #require(answer(488, "Not Acceptable Here", to: try invite(ringing), ringing).last)
        answer(180, "Ringing", to: again, ringing)
        let cancel = CallTexts.outboundINVITE(branch: "z9hG4bKcall-1", body: nil)
        let sent = ringing.receive(cancel.replacing("INVITE", with: "CANCEL"), on: .inside)
        #expect(sent.map(\.status) == [200, 0] && sent[1].method == .cancel)
        #expect(
            answer(487, "Request Terminated", to: again, ringing).filter { $0.side == .inside }.map(\.status) == [487])
    }

    @Test("over UDP the second offer waits until the callee has forgotten the first")
    func datagrams() throws {
        let proxy = ProxyHarness(pbxs: [PBXSettings(host: "192.168.0.2", port: 5060)]) { $0.insideSRTP = .optional }
        proxy.core.apply(.learn(domain: "itsp.example", address: ProxyHarness.itsp.ip, until: .distantFuture))
        let first = try #require(
            proxy.receive(CallTexts.inboundINVITE(uri: "sip:8005551212@203.0.113.1"), on: .outside)
                .first { $0.method == .invite && $0.isRequest })
        let refusal = CallTexts.response(488, "Not Acceptable Here", to: first, tag: "r")
        #expect(proxy.receive(refusal, on: .inside).map(\.method) == [.ack])
        #expect(proxy.advance(.milliseconds(5400)).allSatisfy { !$0.isRequest })
        let again = try #require(proxy.advance(.milliseconds(200)).first { $0.isRequest && $0.method == .invite })
        #expect(again.to == first.to && proxy.media.receivers.map(\.srtpOffer) == [.opportunistic, .secure])
        let ok = CallTexts.response(
            200, "OK", to: again, tag: "b", contact: "sip:b@192.168.0.2", body: CallTexts.sdpInside)
        #expect(proxy.receive(ok, on: .inside).map(\.status) == [200])
    }
}
