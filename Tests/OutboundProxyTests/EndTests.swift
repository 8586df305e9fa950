import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// The process ends, and every call with it.
@Suite struct EndTests {
    private let proxy = ProxyHarness()

    private func ended(_ other: ProxyHarness? = nil) -> [CallSummary] {
        let proxy = other ?? proxy
        proxy.core.endCalls(at: proxy.now)
        #expect(proxy.drain().isEmpty, "nobody is told")
        defer { proxy.events = [] }
        return proxy.events.compactMap { if case .callEnded(let call) = $0 { call } else { nil } }
    }

    @Test func `an answered call ends with its media, once, and without a BYE`() throws {
        _ = try proxy.callOut()
        proxy.advance(.seconds(90))
        let call = try #require(ended().first)
        #expect(call.verdict == "the process ended while the call was up" && call.ender == .proxy)
        #expect(call.state == .ended && call.status == nil && call.endedAt == proxy.now)
        #expect(call.answeredAt.map { proxy.now - $0 } == .seconds(90))
        #expect(proxy.media.open.isEmpty && proxy.core.callCount == 0)
        #expect(ended().isEmpty)
    }

    @Test func `a call that rings ends, and what comes of it later is no second end`() throws {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        proxy.receive(CallTexts.response(180, "Ringing", to: invite, tag: "x"), on: .outside)
        let call = try #require(ended().first)
        #expect(call.verdict == "the process ended while the call was being set up" && call.ender == .proxy)
        #expect(call.rangAt != nil && call.answeredAt == nil)
        #expect(proxy.media.open.isEmpty)
        proxy.receive(CallTexts.response(486, "Busy Here", to: invite, tag: "x"), on: .outside)
        #expect(ended().isEmpty)
    }

    @Test func `a call whose target is still looked for ends, and gives its place back`() throws {
        let budget = LockedBudget(trunks: [("itsp", .init(calls: 3))])
        let proxy = ProxyHarness(trunks: [TrunkSettings(name: "itsp", domain: "itsp.example")]) {
            $0.admission = budget
        }
        proxy.receive(CallTexts.outboundINVITE(uri: "sip:tone@itsp.example"), on: .inside)
        #expect(proxy.resolving == ["itsp.example"] && budget.calls(at: proxy.now) == 1)
        let call = try #require(ended(proxy).first)
        #expect(call.callID == "call-1" && call.trunk == "itsp" && call.origin == .inside)
        #expect(call.verdict == "the process ended while the call was being set up")
        #expect(call.insidePeer == ProxyHarness.pbx && call.outsidePeer == nil && call.endedAt == proxy.now)
        #expect(budget.calls(at: proxy.now) == 0)
    }

    @Test func `calls that have ended and other requests under way are none of it`() throws {
        var call = try proxy.callOut()
        let bye = try #require(proxy.receive(call.pbx.request("BYE"), on: .inside).first)
        proxy.receive(CallTexts.response(200, "OK", to: bye), on: .outside)
        proxy.receive(CallTexts.register(), on: .inside)
        proxy.events = []
        #expect(ended().isEmpty)
    }
}
