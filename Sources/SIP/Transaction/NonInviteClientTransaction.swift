public import NetworkTypes

/// The non-INVITE client transaction (RFC 3261 §17.1.2), without messages, sockets or clock.
///
/// The owner sends the request when it makes one of these. After ``ClientTimeoutAction/timedOut`` the TU sends no
/// response upstream (RFC 4320 §4.2): see ``NonInviteServerTransaction/giveUp(at:)``.
public struct NonInviteClientTransaction: Sendable {
    public enum State: Hashable, Sendable, CaseIterable { case trying, proceeding, completed, terminated }

    /// What to do with a response.
    public enum ResponseAction: Hashable, Sendable {
        /// A retransmission: drop it.
        case ignore
        /// Pass it to the TU.
        case forward
    }

    private enum Phase {
        case trying(e: RetransmissionTimer?, f: Instant)
        case proceeding(e: RetransmissionTimer?, f: Instant)
        case completed(k: Instant)
        case terminated
    }

    private let isReliable: Bool
    private let timers: TransactionTimers
    private var phase: Phase

    /// The transaction of a request sent at `now`; timer F fires at `end` where that is earlier, since whoever waits for
    /// the answer has sent the request before (RFC 3263 §4.3).
    public init(
        isReliable: Bool, timers: TransactionTimers = .rfc3261, at now: Instant, until end: Instant = .distantFuture
    ) {
        self.isReliable = isReliable
        self.timers = timers
        let e = isReliable ? nil : RetransmissionTimer(first: timers.t1, at: now)
        phase = .trying(e: e, f: min(now.after(timers.timeout), end))
    }

    public var state: State {
        switch phase {
        case .trying: .trying
        case .proceeding: .proceeding
        case .completed: .completed
        case .terminated: .terminated
        }
    }

    /// When ``handleTimeout(at:)`` wants to be called.
    public var deadline: Instant? {
        switch phase {
        case .trying(let e, let f), .proceeding(let e, let f): e.map { min($0.deadline, f) } ?? f
        case .completed(let k): k
        case .terminated: nil
        }
    }

    // MARK: Events

    /// A response to the request has come. Numbers outside 100–699 are ignored.
    public mutating func receiveResponse(status: Int, at now: Instant) -> ResponseAction {
        switch (phase, status) {
        case (.trying(let e, let f), 100..<200):
            phase = .proceeding(e: e, f: f)
            return .forward
        case (.proceeding, 100..<200): return .forward
        case (.trying, 200..<700), (.proceeding, 200..<700):
            phase = .completed(k: isReliable ? now : now.after(timers.t4))
            return .forward
        default: return .ignore
        }
    }

    /// The transport could not send the request, the first time or again.
    public mutating func transportError() -> ClientTransportErrorAction {
        switch phase {
        case .trying, .proceeding:
            phase = .terminated
            return .failed
        case .completed, .terminated: return .none
        }
    }

    /// The time is `now`: at most one timer fires, and timer F before timer E.
    public mutating func handleTimeout(at now: Instant) -> ClientTimeoutAction {
        guard let deadline, deadline <= now else { return .none }
        switch phase {
        case .trying(var e?, let f) where now < f:
            e.reset(limit: timers.t2, at: now)
            phase = .trying(e: e, f: f)
            return .retransmitRequest
        case .proceeding(.some, let f) where now < f:
            phase = .proceeding(e: RetransmissionTimer(first: timers.t2, at: now), f: f)
            return .retransmitRequest
        case .trying, .proceeding:
            phase = .terminated
            return .timedOut
        case .completed:
            phase = .terminated
            return .terminated
        case .terminated: return .none
        }
    }
}
