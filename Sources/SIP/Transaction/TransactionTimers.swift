import NetworkTypes

/// The intervals that drive the four transaction machines (RFC 3261 §17 and table 4, RFC 6026 §8.11).
///
/// Kept as 64-bit nanoseconds: every transaction carries a copy, and a `Duration` is twice as wide.
public struct TransactionTimers: Hashable, Sendable {
    /// RFC 3261's values: T1 = 500 ms, T2 = 4 s, T4 = 5 s, and 100 Trying within 200 ms.
    public static let rfc3261 = TransactionTimers()

    let t1: Int64
    let t2: Int64
    let t4: Int64
    let trying: Int64

    /// How long an INVITE that was refused over UDP lives on where it was refused, seen from here: timer I from when our
    /// ACK is there (RFC 3261 §17.2.1).
    public var absorption: Duration { .nanoseconds(t4 + t1) }

    /// Timers of another network. Each interval is taken as at least 0 and at most an hour, T1 as at least 1 ms, T2 as
    /// at least T1.
    ///
    /// - Parameters:
    ///   - t1: The estimate of the round-trip time.
    ///   - t2: The longest interval between retransmissions of a non-INVITE request or an INVITE response.
    ///   - t4: How long a message may stay in the network.
    ///   - trying: How long an INVITE waits for a response of its own before it gets 100 Trying (§17.2.1).
    public init(
        t1: Duration = .milliseconds(500), t2: Duration = .seconds(4), t4: Duration = .seconds(5),
        trying: Duration = .milliseconds(200)
    ) {
        self.t1 = max(Self.limited(t1), 1_000_000)
        self.t2 = max(Self.limited(t2), self.t1)
        self.t4 = Self.limited(t4)
        self.trying = Self.limited(trying)
    }

    /// ``timeout`` as a duration.
    public var transactionTimeout: Duration { .nanoseconds(timeout) }

    /// 64*T1: timers B, F, H, J, L and M, and the wait for a final response after CANCEL (§9.1).
    var timeout: Int64 { 64 * t1 }

    /// Timer D: 64*T1 but at least 32 s, since the T1 of the server is not known (RFC 6026 §8.4).
    var d: Int64 { max(timeout, 32_000_000_000) }

    /// When a non-INVITE request without any response gets 100: the time after which the client resets its timer E to
    /// T2 (RFC 4320 §4.1), 3.5 s by default.
    var nonInviteTrying: Int64 {
        var (sum, interval) = (t1, t1)
        while interval * 2 < t2 {
            interval *= 2
            sum += interval
        }
        return sum
    }

    private static func limited(_ duration: Duration) -> Int64 {
        min(max(duration.nanoseconds, 0), 3_600_000_000_000)
    }
}

extension Instant {
    /// The instant `interval` nanoseconds later; saturates.
    func after(_ interval: Int64) -> Instant {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(interval)
        return overflow ? .distantFuture : Instant(nanoseconds: sum)
    }
}

/// A timer that fires again and again with growing intervals: A, E and G.
struct RetransmissionTimer: Hashable, Sendable {
    private(set) var deadline: Instant
    private var interval: Int64

    init(first interval: Int64, at now: Instant) {
        self.interval = interval
        deadline = now.after(interval)
    }

    /// Starts the next interval: twice the last one, at most `limit`. Counted from now, not from the missed deadline,
    /// so that a loop that was busy does not send a burst.
    mutating func reset(limit: Int64 = .max, at now: Instant) {
        let (double, overflow) = interval.multipliedReportingOverflow(by: 2)
        interval = min(overflow ? .max : double, limit)
        deadline = now.after(interval)
    }
}
