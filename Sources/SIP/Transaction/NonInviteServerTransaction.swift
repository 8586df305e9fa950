public import NetworkTypes

/// The non-INVITE server transaction (RFC 3261 §17.2.2 as corrected by RFC 4320 and RFC 6026 §8.8), without messages,
/// sockets or clock.
///
/// RFC 4320 keeps three things off the wire: provisional responses other than 100, an early 100 over UDP, and 408. A
/// request that nobody downstream answers is given up silently, and its retransmissions are still absorbed for a while.
public struct NonInviteServerTransaction: Sendable {
    public enum State: Hashable, Sendable, CaseIterable { case trying, proceeding, completed, terminated }

    private enum Phase {
        /// 100 Trying is due at `hundred` when there is no other response by then.
        case trying(hundred: Instant)
        case proceeding
        case completed(j: Instant, isAnswered: Bool)
        case terminated
    }

    private let isReliable: Bool
    private let timers: TransactionTimers
    private var phase: Phase

    /// The transaction of a request received at `now`.
    public init(isReliable: Bool, timers: TransactionTimers = .rfc3261, at now: Instant) {
        self.isReliable = isReliable
        self.timers = timers
        phase = .trying(hundred: now.after(timers.nonInviteTrying))
    }

    public var state: State {
        switch phase {
        case .trying: .trying
        case .proceeding: .proceeding
        case .completed: .completed
        case .terminated: .terminated
        }
    }

    /// When ``handleTimeout(at:)`` wants to be called; nil while the TU has the word.
    public var deadline: Instant? {
        switch phase {
        case .trying(let hundred): hundred
        case .completed(let j, _): j
        case .proceeding, .terminated: nil
        }
    }

    // MARK: Events

    /// The request has come once more.
    public func receiveRetransmission() -> ServerRequestAction {
        switch phase {
        case .proceeding, .completed(_, isAnswered: true): .retransmitResponse
        case .trying, .completed, .terminated: .none
        }
    }

    /// The TU has a response for the client. A 408 gives up instead; numbers outside 100–699 are ignored.
    public mutating func sendResponse(status: Int, at now: Instant) -> ServerResponseAction {
        switch (phase, status) {
        case (.trying(let hundred), 100):
            guard isReliable || hundred <= now else { return .ignore }
            phase = .proceeding
        case (.proceeding, 100): break
        case (.trying, 408), (.proceeding, 408):
            giveUp(at: now)
            return .ignore
        case (.trying, 200..<700), (.proceeding, 200..<700): complete(isAnswered: true, at: now)
        default: return .ignore
        }
        return .send
    }

    /// The TU will never have a final response: none is sent (RFC 4320 §4.2).
    public mutating func giveUp(at now: Instant) {
        switch phase {
        case .trying, .proceeding: complete(isAnswered: false, at: now)
        case .completed, .terminated: break
        }
    }

    /// The time is `now`: at most one timer fires.
    public mutating func handleTimeout(at now: Instant) -> ServerTimeoutAction {
        guard let deadline, deadline <= now else { return .none }
        switch phase {
        case .trying:
            phase = .proceeding
            return .sendTrying
        case .completed:
            phase = .terminated
            return .terminated
        case .proceeding, .terminated: return .none
        }
    }

    private mutating func complete(isAnswered: Bool, at now: Instant) {
        phase = .completed(j: isReliable ? now : now.after(timers.timeout), isAnswered: isAnswered)
    }
}
