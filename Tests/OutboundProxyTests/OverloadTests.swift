import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// New requests are refused before what is going on is late (security 30).
@Suite struct OverloadTests {
    @Test(arguments: [0.25, 0.5, 0.9])
    func `the share that is refused is the pressure`(pressure: Double) {
        let proxy = ProxyHarness()
        proxy.core.setPressure(pressure)
        var refused: [Sent] = []
        for number in 0..<400 {
            let text = CallTexts.outboundINVITE(branch: "z9hG4bKs\(number)", callID: "s-\(number)")
            refused += proxy.receive(text, on: .inside).filter { $0.status == 503 }
        }
        #expect(abs(refused.count - Int(400 * pressure)) <= 1)
        // Nobody comes back at the same time.
        #expect(Set(refused.map { $0.header(.retryAfter) }).count >= 15)
        #expect(proxy.core.counters.shed == UInt64(refused.count))
    }

    @Test func `what belongs to a call, comes again or answers is never refused`() throws {
        let proxy = ProxyHarness()
        var call = try proxy.callOut()
        let invite = CallTexts.outboundINVITE(branch: "z9hG4bKup", callID: "up")
        let sent = try #require(proxy.receive(invite, on: .inside).first)
        proxy.core.setPressure(1)
        for method in ["INFO", "UPDATE", "INVITE", "BYE"] {
            let extra = method == "INFO" ? "Info-Package: x" : ""
            #expect(proxy.receive(call.pbx.request(method, extra: extra), on: .inside).first?.isRequest == true)
        }
        #expect(proxy.receive(invite, on: .inside).isEmpty)
        #expect(proxy.receive(CallTexts.response(200, "OK", to: sent, tag: "x"), on: .outside).map(\.status) == [200])
        #expect(proxy.receive(CallTexts.register(), on: .inside).map(\.status) == [503])
        proxy.core.setPressure(0)
        #expect(proxy.receive(CallTexts.register(branch: "z9hG4bKr2", cSeq: 2), on: .inside).first?.method == .register)
    }

    /// A queue that is served at a fixed pace, with the gauge's pressure on what comes in.
    private func run(offered: Double, capacity: Double, windows: Int) -> (delay: Double, pressure: Double) {
        var gauge = LoadGauge()
        var queue = 0.0
        for _ in 0..<windows {
            let window = LoadGauge.window.seconds
            let work = queue + offered * (1 - gauge.pressure) * window
            let done = min(work, capacity * window)
            queue = work - done
            gauge.note(busy: done / (capacity * window), lag: .milliseconds(Int64(queue / capacity * 1000)))
        }
        return (queue / capacity, gauge.pressure)
    }

    @Test(arguments: [1.2, 1.5, 2, 5])
    func `under a load beyond capacity the delay stays small`(factor: Double) {
        let state = run(offered: 1000 * factor, capacity: 1000, windows: 600)
        #expect(state.delay < 0.5)
        #expect(abs(state.pressure - (1 - 1 / factor)) < 0.2)
    }

    @Test func `below capacity nothing is refused`() {
        #expect(run(offered: 850, capacity: 1000, windows: 600).pressure == 0)
    }

    @Test func `one late moment is nothing, and after an overload all is taken again within seconds`() {
        var gauge = LoadGauge()
        for _ in 0..<3 { gauge.note(busy: 1, lag: .milliseconds(400)) }
        gauge.note(busy: 0.4, lag: .zero)
        #expect(gauge.pressure == 0)
        for _ in 0..<100 { gauge.note(busy: 1, lag: .milliseconds(400)) }
        #expect(gauge.pressure == 1)
        for _ in 0..<80 { gauge.note(busy: 0.3, lag: .zero) }
        #expect(gauge.pressure == 0)
    }
}
