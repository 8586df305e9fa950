import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// What a rush of calls leaves behind once its timers have run out: nothing.
@Suite struct MemoryTests {
    @Test func `after a rush the tables shrink, memory is offered back, and the core rests`() {
        let proxy = ProxyHarness()
        for number in 0..<2000 {
            let invite = proxy.receive(
                CallTexts.outboundINVITE(branch: "z9hG4bKr\(number)", callID: "rush-\(number)"), on: .inside)
            guard let sent = invite.first else { continue }
            proxy.receive(CallTexts.response(486, "Busy Here", to: sent, tag: "b"), on: .outside)
        }
        #expect(proxy.core.transactionCount == 4000)
        proxy.advance(.seconds(240))
        #expect(proxy.core.transactionCount == 0 && proxy.core.callCount == 0 && proxy.media.open.isEmpty)
        #expect(proxy.timesShrunk >= 4)
        #expect(proxy.core.nextDeadline == nil)
    }

    @Test func `a rush that fades away in steps is noticed too`() {
        let proxy = ProxyHarness()
        // Every 20 s half of the calls before: no sweep sees a sudden fall.
        var calls = 900
        while calls > 0 {
            for number in 0..<calls {
                let branch = "z9hG4bKf\(calls)-\(number)"
                let invite = proxy.receive(
                    CallTexts.outboundINVITE(branch: branch, callID: branch), on: .inside)
                guard let sent = invite.first else { continue }
                proxy.receive(CallTexts.response(486, "Busy Here", to: sent, tag: "b"), on: .outside)
            }
            proxy.advance(.seconds(20))
            calls /= 2
        }
        proxy.advance(.seconds(300))
        #expect(proxy.core.transactionCount == 0 && proxy.timesShrunk >= 4)
    }
}
