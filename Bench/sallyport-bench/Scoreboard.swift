import NetworkTypes

/// What became of the calls of a run; both user agents report to it.
final class Scoreboard {
    private(set) var attempted = 0
    private(set) var answered = 0
    /// Calls answered and not yet ended, as the caller sees it.
    private(set) var up = 0
    private(set) var outcomes: [CallPlan.Outcome: Int] = [:]
    /// From INVITE to its 200, at the caller.
    private(set) var setUpTimes = LatencyHistogram()
    var retransmissions = 0
    /// Datagrams that belong to no call, or are no SIP.
    var strays = 0

    private var failedCalls: Set<UInt32> = []
    private var reasons: [String: FailureReason] = [:]

    /// One reason why calls failed.
    struct FailureReason: Codable {
        let reason: String
        var calls: Int
        /// The first call it happened to.
        let example: UInt32
    }

    var failed: Int { failedCalls.count }

    /// The commonest reasons first.
    var failures: [FailureReason] {
        reasons.values.sorted { ($0.calls, $1.example) > ($1.calls, $0.example) }
    }

    func begin() { attempted += 1 }

    func answer(after nanoseconds: Int64) {
        answered += 1
        up += 1
        setUpTimes.record(nanoseconds)
    }

    func hangUp() { up -= 1 }

    func end(_ call: UInt32, _ outcome: CallPlan.Outcome) { outcomes[outcome, default: 0] += 1 }

    /// A call that did not go as planned, or a message in it that a real user agent would trip over. Reasons are kept
    /// apart, but a call fails only once.
    func fail(_ call: UInt32, _ reason: String) {
        failedCalls.insert(call)
        reasons[reason, default: FailureReason(reason: reason, calls: 0, example: call)].calls += 1
    }
}
