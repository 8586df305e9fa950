import NetworkTypes

/// What one trunk may have and has used.
struct TrunkBudget: Sendable {
    let name: String
    let limits: CallBudget.Limits
    private var calls = 0
    private var rate: TokenBucket?
    /// The day that the seconds are of.
    private var day: Int64 = 0
    /// The nanoseconds of calls that are over, on that day.
    private var used: Int64 = 0
    /// The answered outbound calls, and the sum of the times from which they count on that day: with these their
    /// minutes are known without a list of them.
    private var running: Int64 = 0
    private var origin = Instant.zero
    private var starts: Int64 = 0

    init(name: String, limits: CallBudget.Limits) {
        self.name = name
        self.limits = limits
        rate = limits.callsPerSecond.map { TokenBucket(perSecond: $0) }
    }

    /// Why one more call is too many; nil when it is not.
    mutating func refusal(isOutbound: Bool, _ clock: UTCClock, at now: Instant) -> CallRefusal? {
        if let most = limits.calls, calls >= most {
            return CallRefusal(cause: .trunkCalls, limit: most, trunk: name)
        }
        guard isOutbound else { return nil }
        if let most = limits.minutesPerDay, seconds(clock, at: now) >= Int64(most) * 60 {
            return CallRefusal(cause: .trunkMinutes, limit: most, trunk: name)
        }
        if let most = limits.callsPerSecond, rate?.hasToken(at: now) == false {
            return CallRefusal(cause: .trunkRate, limit: most, trunk: name)
        }
        return nil
    }

    mutating func begin(isOutbound: Bool, at now: Instant) {
        calls += 1
        if isOutbound { _ = rate?.take(at: now) }
    }

    mutating func answer(isOutbound: Bool, _ clock: UTCClock, at now: Instant) {
        guard isOutbound else { return }
        turn(clock, at: now)
        running += 1
        starts += offset(of: now)
    }

    mutating func end(_ place: CallPlace, isChallenged: Bool, _ clock: UTCClock, at now: Instant) {
        calls = max(0, calls - 1)
        guard place.isOutbound else { return }
        if isChallenged { rate?.giveBack() }
        guard let answeredAt = place.answeredAt else { return }
        turn(clock, at: now)
        let start = max(answeredAt, origin)
        running -= 1
        starts -= offset(of: start)
        used += max(0, (now - start).nanoseconds)
    }

    mutating func usage(_ clock: UTCClock, at now: Instant) -> CallBudget.Usage {
        let seconds = seconds(clock, at: now)
        return CallBudget.Usage(trunk: name, calls: calls, day: day, seconds: seconds)
    }

    mutating func restore(seconds: Int64, _ clock: UTCClock, at now: Instant) {
        turn(clock, at: now)
        used += max(0, min(seconds, 1 << 30)) * 1_000_000_000
    }

    /// The seconds of the day so far, running calls included.
    private mutating func seconds(_ clock: UTCClock, at now: Instant) -> Int64 {
        turn(clock, at: now)
        return (used + running * offset(of: now) - starts) / 1_000_000_000
    }

    /// Another day begins: what runs counts from midnight.
    private mutating func turn(_ clock: UTCClock, at now: Instant) {
        let today = clock.day(at: now)
        guard today != day else { return }
        day = today
        (used, starts) = (0, 0)
        origin = clock.midnight(at: now)
    }

    /// Counted from midnight, so that the sum of many stays small.
    private func offset(of now: Instant) -> Int64 { (now - origin).nanoseconds }
}
