public import NetworkTypes

/// How many calls there may be: a second for the whole process, and for each trunk at once, a second and minutes a day
/// (design §10: `limits`, `trunks`; against toll fraud).
///
/// One for all shards, asked once for each new call and told once of its answer and its end.
public struct CallBudget: Sendable {
    /// What is configured for one trunk; nil: no limit.
    public struct Limits: Hashable, Sendable {
        /// Calls at once, in both directions.
        public var calls: Int?
        /// Calls a second that we place there.
        public var callsPerSecond: Int?
        /// Answered minutes of calls that we place there, on one day (UTC).
        public var minutesPerDay: Int?

        public init(calls: Int? = nil, callsPerSecond: Int? = nil, minutesPerDay: Int? = nil) {
            self.calls = calls
            self.callsPerSecond = callsPerSecond
            self.minutesPerDay = minutesPerDay
        }

        public var isEmpty: Bool { self == Limits() }
    }

    /// What a trunk has used, for pages and the next start.
    public struct Usage: Hashable, Sendable {
        public let trunk: String
        /// Calls now.
        public let calls: Int
        /// Days since 1970, and the seconds of that day so far.
        public let day: Int64
        public let seconds: Int64
    }

    private let callsPerSecond: Int?
    private var all: TokenBucket?
    private var trunks: [TrunkBudget]
    private let places: [String: Int]
    private var clock: UTCClock

    /// - Parameters:
    ///   - callsPerSecond: for all calls together; nil: no limit.
    ///   - unixTime: the seconds since 1970 at `now`.
    public init(callsPerSecond: Int?, trunks: [(name: String, limits: Limits)], unixTime: Int64, at now: Instant) {
        self.callsPerSecond = callsPerSecond
        all = callsPerSecond.map { TokenBucket(perSecond: $0) }
        let limited = trunks.filter { !$0.limits.isEmpty }
        self.trunks = limited.map { TrunkBudget(name: $0.name, limits: $0.limits) }
        places = Dictionary(limited.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        clock = UTCClock(unixTime: unixTime, at: now)
    }

    /// Whether nothing is limited.
    public var isEmpty: Bool { all == nil && trunks.isEmpty }

    /// The system's clock may be set while we run.
    public mutating func setClock(unixTime: Int64, at now: Instant) { clock = UTCClock(unixTime: unixTime, at: now) }

    // MARK: Calls

    /// A new call wants in. Whoever gets a place gives it back with ``end(_:isChallenged:at:)``.
    public mutating func admit(trunk: String, isOutbound: Bool, at now: Instant) -> Result<CallPlace, CallRefusal> {
        let index = places[trunk]
        if let index, let refusal = trunks[index].refusal(isOutbound: isOutbound, clock, at: now) {
            return .failure(refusal)
        }
        if all?.take(at: now) == false { return .failure(CallRefusal(cause: .rate, limit: callsPerSecond ?? 0)) }
        if let index { trunks[index].begin(isOutbound: isOutbound, at: now) }
        return .success(CallPlace(trunk: index, isOutbound: isOutbound))
    }

    /// The call has been answered.
    public mutating func answer(_ place: inout CallPlace, at now: Instant) {
        guard place.answeredAt == nil else { return }
        place.answeredAt = now
        if let index = place.trunk { trunks[index].answer(isOutbound: place.isOutbound, clock, at: now) }
    }

    /// The call is over. One that was only asked for credentials did not count: it comes again with them.
    public mutating func end(_ place: CallPlace, isChallenged: Bool = false, at now: Instant) {
        if isChallenged { all?.giveBack() }
        if let index = place.trunk { trunks[index].end(place, isChallenged: isChallenged, clock, at: now) }
    }

    // MARK: Pages and the next start

    public mutating func usage(at now: Instant) -> [Usage] {
        trunks.indices.map { trunks[$0].usage(clock, at: now) }
    }

    /// What was used before the start. That of another day does not count.
    public mutating func restore(trunk: String, day: Int64, seconds: Int64, at now: Instant) {
        guard let index = places[trunk], day == clock.day(at: now) else { return }
        trunks[index].restore(seconds: seconds, clock, at: now)
    }
}

/// A call that is counted. It belongs to one call, and is given back once.
public struct CallPlace: Hashable, Sendable {
    let trunk: Int?
    let isOutbound: Bool
    var answeredAt: Instant?
}

/// Why a call is too many, in words an administrator understands.
public struct CallRefusal: Error, Hashable, Sendable {
    public enum Cause: String, Hashable, Sendable {
        case rate = "calls_per_second"
        case trunkCalls = "max_calls"
        case trunkRate = "calls_per_second of a trunk"
        case trunkMinutes = "minutes_per_day"
    }

    public let cause: Cause
    public let limit: Int
    public var trunk = ""

    public var reason: String {
        switch cause {
        case .rate: "More Than \(limit) Calls A Second"
        case .trunkCalls: "Trunk \(trunk) Has \(limit) Calls"
        case .trunkRate: "Trunk \(trunk) Gets More Than \(limit) Calls A Second"
        case .trunkMinutes: "Trunk \(trunk) Has Used Its \(limit) Minutes Of Today"
        }
    }
}

/// The day of the year at an instant.
struct UTCClock: Sendable {
    /// Seconds from the instants' origin to 1970, negative when that lies before.
    private let offset: Int64
    static let day: Int64 = 86_400

    init(unixTime: Int64, at now: Instant) { offset = unixTime &- now.nanoseconds / 1_000_000_000 }

    func day(at now: Instant) -> Int64 { unixTime(at: now) / Self.day }

    /// When the day began.
    func midnight(at now: Instant) -> Instant {
        let seconds = day(at: now) &* Self.day &- offset
        let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return Instant(nanoseconds: overflow ? now.nanoseconds : nanoseconds)
    }

    private func unixTime(at now: Instant) -> Int64 { max(0, now.nanoseconds / 1_000_000_000 &+ offset) }
}
