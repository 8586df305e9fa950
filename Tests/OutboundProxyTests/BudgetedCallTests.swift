import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// A call has a place in its trunk's budget from the INVITE on and gives it back exactly once, however it ends.
@Suite struct BudgetedCallTests {
    private let budget: LockedBudget
    private let proxy: ProxyHarness

    init() {
        let budget = LockedBudget(trunks: [("itsp", .init(calls: 3, minutesPerDay: 10))])
        self.budget = budget
        proxy = ProxyHarness(trunks: [TrunkSettings(name: "itsp", domain: "203.0.113.10")]) { $0.admission = budget }
    }

    private var calls: Int { budget.calls(at: proxy.now) }

    private func invite(_ number: Int = 1, uri: String = "sip:tone@203.0.113.10") -> [Sent] {
        proxy.receive(
            CallTexts.outboundINVITE(branch: "z9hG4bKb\(number)", callID: "b-\(number)", uri: uri), on: .inside)
    }

    private func expectNone(_ sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(calls == 0, sourceLocation: sourceLocation)
        proxy.advance(.seconds(300))
        #expect(calls == 0 && proxy.core.transactionCount == 0, sourceLocation: sourceLocation)
    }

    @Test(arguments: [486, 503, 600, 302, 404])
    func `refused by the ITSP`(status: Int) throws {
        let sent = try #require(invite().first)
        #expect(calls == 1)
        proxy.receive(CallTexts.response(status, "No", to: sent, tag: "x"), on: .outside)
        expectNone()
    }

    @Test(arguments: [401, 407])
    func `asked for credentials, and again with them`(status: Int) throws {
        for number in 1...5 {
            let sent = try #require(invite(number).first)
            #expect(calls == 1)
            proxy.receive(CallTexts.response(status, "Who", to: sent, tag: "x"), on: .outside)
            #expect(calls == 0)
        }
        expectNone()
    }

    @Test func `cancelled`() throws {
        let sent = try #require(invite().first)
        proxy.receive(CallTexts.response(180, "Ringing", to: sent, tag: "x"), on: .outside)
        let cancel = CallTexts.outboundINVITE(branch: "z9hG4bKb1", callID: "b-1", body: nil)
            .replacing("INVITE", with: "CANCEL")
        #expect(proxy.receive(cancel, on: .inside).contains { $0.method == .cancel })
        #expect(calls == 1)
        proxy.receive(CallTexts.response(487, "Request Terminated", to: sent, tag: "x"), on: .outside)
        expectNone()
    }

    @Test func `nobody answers`() {
        _ = invite()
        #expect(calls == 1)
        proxy.advance(.seconds(40))
        expectNone()
    }

    @Test func `the ITSP can't be reached`() throws {
        let sent = try #require(invite().first)
        proxy.core.transportFailed(Flow(listener: ListenerID(1), peer: sent.to), at: proxy.now)
        #expect(proxy.drain().map(\.status) == [503])
        expectNone()
    }

    @Test func `its name does not resolve`() {
        let proxy = ProxyHarness(trunks: [TrunkSettings(name: "itsp", domain: "itsp.example")]) {
            $0.admission = budget
        }
        proxy.receive(CallTexts.outboundINVITE(uri: "sip:a@itsp.example"), on: .inside)
        #expect(budget.calls(at: proxy.now) == 1)
        #expect(proxy.resolve("itsp.example", []).map(\.status) == [503])
        #expect(budget.calls(at: proxy.now) == 0)
    }

    @Test func `media is refused`() {
        proxy.media.failure = MediaFailure(status: 488, reason: "No")
        #expect(invite().map(\.status) == [488])
        expectNone()
    }

    @Test(arguments: [true, false])
    func `answered and hung up`(isFromInside: Bool) throws {
        var call = try proxy.callOut()
        proxy.advance(.seconds(90))
        #expect(calls == 1 && budget.usage(at: proxy.now).first?.seconds == 90)
        let bye = isFromInside ? call.pbx.request("BYE") : call.itsp.request("BYE")
        let sent = try #require(proxy.receive(bye, on: isFromInside ? .inside : .outside).first)
        proxy.receive(CallTexts.response(200, "OK", to: sent), on: isFromInside ? .outside : .inside)
        #expect(budget.usage(at: proxy.now).first?.seconds == 90)
        expectNone()
        #expect(budget.usage(at: proxy.now).first?.seconds == 90)
    }

    @Test func `ended by us`() throws {
        _ = try proxy.callOut()
        proxy.core.mediaSilent(session: 1, at: proxy.now)
        _ = proxy.drain()
        expectNone()
    }

    @Test func `a re-INVITE takes no place`() throws {
        var call = try proxy.callOut()
        let again = try #require(
            proxy.receive(call.pbx.request("INVITE", body: CallTexts.sdpInside), on: .inside).first)
        #expect(calls == 1)
        proxy.receive(CallTexts.response(488, "No", to: again), on: .outside)
        #expect(calls == 1)
    }

    @Test func `an INVITE that comes again takes one place`() {
        _ = invite()
        _ = invite()
        #expect(calls == 1)
    }

    @Test func `beyond the limit our side gets 503 with the reason and when to come again, and the ITSP 486`() throws {
        for number in 1...3 { #expect(invite(number).map(\.method) == [.invite]) }
        let refused = try #require(invite(4).first)
        #expect(refused.start == "SIP/2.0 503 Trunk itsp Has 3 Calls")
        let pause = try #require(Int(refused.header(.retryAfter)))
        #expect((5...30).contains(pause))
        let inbound = proxy.receive(CallTexts.inboundINVITE(uri: "sip:1000@203.0.113.1:5060"), on: .outside)
        #expect(inbound.map(\.status) == [486])
        #expect(calls == 3)
        #expect(proxy.core.refusals.counts["max_calls"] == 2)
        let told = proxy.events.compactMap { if case .refused(let request) = $0 { request } else { nil } }
        #expect(told.map(\.trunk) == ["itsp", "itsp"] && told.map(\.side) == [.inside, .outside])
    }

    @Test func `a refused INVITE that comes again gets the same answer, even if there is room by then`() throws {
        let first = try #require(invite(1).first)
        for number in 2...3 { _ = invite(number) }
        let refused = try #require(invite(4).first)
        proxy.receive(CallTexts.response(486, "Busy", to: first, tag: "x"), on: .outside)
        let again = try #require(invite(4).first)
        #expect(again.status == 503 && again.header(.to) == refused.header(.to) && calls == 2)
        // With another branch it is a new attempt.
        #expect(invite(5).map(\.method) == [.invite])
        proxy.advance(.seconds(40))
        #expect(invite(4).map(\.method) == [.invite])
    }

    @Test func `inbound calls give their places back, too`() throws {
        for number in 1...10 {
            let text = CallTexts.inboundINVITE(
                uri: "sip:1000@203.0.113.1:5060", branch: "z9hG4bKi\(number)", callID: "i-\(number)")
            let sent = try #require(proxy.receive(text, on: .outside).first { $0.method == .invite })
            #expect(calls == 1)
            proxy.receive(CallTexts.response(486, "Busy", to: sent, tag: "x"), on: .inside)
            #expect(calls == 0)
        }
        _ = try proxy.callIn()
        #expect(calls == 1 && budget.usage(at: proxy.now).first?.seconds == 0)
    }

    @Test func `a call lost to failover counts once`() throws {
        let proxy = ProxyHarness(trunks: [TrunkSettings(name: "itsp", domain: "itsp.example")]) {
            $0.admission = budget
        }
        proxy.receive(CallTexts.outboundINVITE(uri: "sip:a@itsp.example"), on: .inside)
        let first = try #require(proxy.resolve("itsp.example", ["203.0.113.20", "203.0.113.21"]).first)
        let second = proxy.receive(CallTexts.response(503, "No", to: first, tag: "x"), on: .outside, from: first.to)
            .first { $0.method == .invite }
        #expect(budget.calls(at: proxy.now) == 1)
        let next = try #require(second)
        proxy.receive(CallTexts.response(486, "Busy", to: next, tag: "y"), on: .outside, from: next.to)
        #expect(budget.calls(at: proxy.now) == 0)
    }
}
