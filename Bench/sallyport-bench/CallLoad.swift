import NetworkTypes

/// A run of calls: places them at their rate, holds and ends them, and measures the proxy meanwhile.
final class CallLoad {
    struct Plan {
        var calls: Int
        var rate: Double
        var mix: CallMix
        /// Set when all calls are to be up at once for this long; otherwise each call has its own length.
        var together: Duration?
        /// How long the proxy is left alone before its memory is looked at for the last time.
        var settling: Duration = .zero
    }

    let loop: LoadLoop
    private let plan: Plan
    private let observe: () -> ProcessUsage?
    private let progress: ProgressLine
    private var placed = 0
    private var startedAt = Instant.zero
    private(set) var measurements = Measurements()

    /// What the proxy had used at the turning points of the run.
    struct Measurements {
        var before: ProcessUsage?
        var most: ProcessUsage?
        var after: ProcessUsage?
        var mostUp = 0
        var steadyCPUSeconds: Double?
        var steadyPackets: UInt64 = 0
        var seconds = 0.0
        /// What the generator itself used.
        var ownCPUSeconds = 0.0
    }

    init(loop: LoadLoop, plan: Plan, progress: ProgressLine, observe: @escaping () -> ProcessUsage?) {
        self.loop = loop
        self.plan = plan
        self.progress = progress
        self.observe = observe
    }

    /// Makes all calls; returns when the last one is over.
    func run() throws(SystemError) {
        measurements.before = observe()
        let ownCPU = ProcessUsage.ownCPUSeconds
        startedAt = .now
        while placed < plan.calls { try turn() }
        if let hold = plan.together { try holdTogether(for: hold) }
        try waitForEnd()
        measurements.seconds = (Instant.now - startedAt).seconds
        measurements.ownCPUSeconds = ProcessUsage.ownCPUSeconds - ownCPU
        loop.run(for: CallSettings.drain)
        loop.answerer.failOpenCalls()
        loop.run(for: plan.settling)
        measurements.after = observe()
    }

    private func turn() throws(SystemError) {
        let now = Instant.now
        while placed < plan.calls, dueAt(placed) <= now {
            placed += 1
            try loop.caller.place(UInt32(placed), plan.mix.plan(for: UInt32(placed - 1)), at: now)
        }
        if progress.isDue(at: now) { report(at: now) }
        loop.turn(until: min(placed < plan.calls ? dueAt(placed) : .distantFuture, progress.nextDeadline))
    }

    private func dueAt(_ call: Int) -> Instant { startedAt + .nanoseconds(Int64(Double(call) * 1e9 / plan.rate)) }

    private func report(at now: Instant) {
        if loop.scoreboard.up > measurements.mostUp {
            (measurements.mostUp, measurements.most) = (loop.scoreboard.up, observe())
        }
        progress.write(loop.scoreboard, loop.media.totals(), at: now)
    }

    // MARK: All calls at once

    private func holdTogether(for hold: Duration) throws(SystemError) {
        while loop.caller.open > loop.scoreboard.up { try turn() }
        try run(for: .seconds(1))
        let (usage, sent) = (observe(), loop.media.totals().sent)
        (measurements.mostUp, measurements.most) = (loop.scoreboard.up, usage)
        try run(for: hold)
        if let usage, let later = observe() { measurements.steadyCPUSeconds = later.cpuSeconds - usage.cpuSeconds }
        measurements.steadyPackets = loop.media.totals().sent - sent
        loop.media.stopSending()
        try run(for: CallSettings.drain)
        let interval = Duration.nanoseconds(Int64(1e9 / plan.rate))
        loop.caller.hangUpAll(from: .now, interval: interval)
        loop.answerer.hangUpAll(from: .now, interval: interval)
    }

    private func run(for duration: Duration) throws(SystemError) {
        let end = Instant.now + duration
        while Instant.now < end { try turn() }
    }

    private func waitForEnd() throws(SystemError) {
        while loop.caller.open > 0 { try turn() }
        // An answerer whose caller died gives up its 200, then its BYE: twice 32 seconds.
        let expectsDeadCallers = plan.mix == .abandoned || plan.mix == .all
        let patience = Instant.now + (expectsDeadCallers ? Retransmission.limit * 2 + .seconds(5) : .seconds(10))
        while loop.answerer.open > 0, Instant.now < patience { try turn() }
    }
}
