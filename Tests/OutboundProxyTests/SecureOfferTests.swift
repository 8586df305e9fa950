import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

@Suite("What offers of SRTP are like, and what follows a refusal")
struct SecureOfferTests {
    private static let tls = ListenerID(4)

    /// A trunk over TLS, or the inside over UDP.
    private func proxy(_ srtp: SRTPPolicy = .auto, transport: TransportProtocol = .tls) -> ProxyHarness {
        var trunk = TrunkSettings(name: "itsp", domain: "203.0.113.10")
        trunk.srtp = srtp
        trunk.transport = transport
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
        #expect(answer(482, "Merged Request", to: third, proxy).filter { $0.side == .inside }.map(\.status).count == 1)
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

    @Test("a 2xx to the offer that was refused before, from a hop that forked, is hung up")
    func late() throws {
        let proxy = proxy()
        let first = try invite(proxy)
        let again = try #require(answer(488, "Not Acceptable Here", to: first, proxy).last)
        let late = answer(200, "OK", to: first, proxy, tag: "late", body: CallTexts.sdpOutside)
        #expect(late.allSatisfy { $0.side == .outside })
        let ok = answer(200, "OK", to: again, proxy, body: CallTexts.sdpOutside)
        #expect(ok.map(\.status) == [200])
    }
}
