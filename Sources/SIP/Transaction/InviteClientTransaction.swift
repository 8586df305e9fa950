public import NetworkTypes

/// The INVITE client transaction (RFC 3261 §17.1.1 as corrected by RFC 6026 §8.4), without messages, sockets or clock.
///
/// The owner sends the INVITE when it makes one of these, then reports what happens and does what it is told. One thing
/// is added to figure 5: a CANCEL is held back until a provisional response has come, and once it is sent the
/// transaction waits 64*T1 for the final response and no longer (§9.1).
public struct InviteClientTransaction: Sendable {
    public enum State: Hashable, Sendable, CaseIterable { case calling, proceeding, completed, accepted, terminated }

    /// What to do with a response.
    public enum ResponseAction: Hashable, Sendable {
        /// A retransmission of nothing we want: drop it.
        case ignore
        /// Pass it to the TU. A 2xx is acknowledged by the UAC, never here.
        case forward
        /// Pass it to the TU, and send the CANCEL that waited for it.
        case forwardAndCANCEL
        /// Pass it to the TU, build the ACK (§17.1.1.3), send and keep it.
        case forwardAndACK
        /// Send the ACK once more; the TU has this response already.
        case retransmitACK
    }

    /// What to do about a wish to cancel.
    public enum CancelAction: Hashable, Sendable {
        /// There is nothing to cancel any more, or the CANCEL was sent before.
        case none
        /// No response has come yet: the CANCEL follows the first provisional one.
        case wait
        /// Send the CANCEL now, as a transaction of its own.
        case send
    }

    private enum Phase {
        case calling(a: RetransmissionTimer?, b: Instant, isCancelling: Bool)
        case proceeding(cancelled: Instant?)
        case completed(d: Instant)
        case accepted(m: Instant)
        case terminated
    }

    private let isReliable: Bool
    private let timers: TransactionTimers
    private var phase: Phase

    /// The transaction of an INVITE sent at `now`.
    public init(isReliable: Bool, timers: TransactionTimers = .rfc3261, at now: Instant) {
        self.isReliable = isReliable
        self.timers = timers
        let a = isReliable ? nil : RetransmissionTimer(first: timers.t1, at: now)
        phase = .calling(a: a, b: now.after(timers.timeout), isCancelling: false)
    }

    public var state: State {
        switch phase {
        case .calling: .calling
        case .proceeding: .proceeding
        case .completed: .completed
        case .accepted: .accepted
        case .terminated: .terminated
        }
    }

    /// When ``handleTimeout(at:)`` wants to be called; nil while only the TU's timer C runs.
    public var deadline: Instant? {
        switch phase {
        case .calling(let a, let b, _): a.map { min($0.deadline, b) } ?? b
        case .proceeding(let cancelled): cancelled
        case .completed(let d): d
        case .accepted(let m): m
        case .terminated: nil
        }
    }

    // MARK: Events

    /// A response to the INVITE has come. Numbers outside 100–699 are ignored.
    public mutating func receiveResponse(status: Int, at now: Instant) -> ResponseAction {
        switch status {
        case 100..<200: receiveProvisional(at: now)
        case 200..<300: receiveSuccess(at: now)
        case 300..<700: receiveFailure(at: now)
        default: .ignore
        }
    }

    /// The TU wants the INVITE cancelled.
    public mutating func cancel(at now: Instant) -> CancelAction {
        switch phase {
        case .calling(let a, let b, _):
            phase = .calling(a: a, b: b, isCancelling: true)
            return .wait
        case .proceeding(nil):
            phase = .proceeding(cancelled: now.after(timers.timeout))
            return .send
        case .proceeding, .completed, .accepted, .terminated: return .none
        }
    }

    /// The transport could not send the INVITE or the ACK. Once a provisional response has come the INVITE is known to
    /// have arrived, and nothing more is sent in that state.
    public mutating func transportError() -> ClientTransportErrorAction {
        switch phase {
        case .calling:
            phase = .terminated
            return .failed
        case .completed:
            phase = .terminated
            return .terminated
        case .proceeding, .accepted, .terminated: return .none
        }
    }

    /// The time is `now`: at most one timer fires, and timer B before timer A.
    public mutating func handleTimeout(at now: Instant) -> ClientTimeoutAction {
        guard let deadline, deadline <= now else { return .none }
        switch phase {
        case .calling(var a?, let b, let isCancelling) where now < b:
            a.reset(at: now)
            phase = .calling(a: a, b: b, isCancelling: isCancelling)
            return .retransmitRequest
        case .calling, .proceeding:
            phase = .terminated
            return .timedOut
        case .completed, .accepted:
            phase = .terminated
            return .terminated
        case .terminated: return .none
        }
    }

    // MARK: Responses by class

    private mutating func receiveProvisional(at now: Instant) -> ResponseAction {
        switch phase {
        case .calling(_, _, isCancelling: true):
            phase = .proceeding(cancelled: now.after(timers.timeout))
            return .forwardAndCANCEL
        case .calling:
            phase = .proceeding(cancelled: nil)
            return .forward
        case .proceeding: return .forward
        case .completed, .accepted, .terminated: return .ignore
        }
    }

    private mutating func receiveSuccess(at now: Instant) -> ResponseAction {
        switch phase {
        case .calling, .proceeding:
            phase = .accepted(m: now.after(timers.timeout))
            return .forward
        case .accepted: return .forward
        case .completed, .terminated: return .ignore
        }
    }

    private mutating func receiveFailure(at now: Instant) -> ResponseAction {
        switch phase {
        case .calling, .proceeding:
            phase = .completed(d: isReliable ? now : now.after(timers.d))
            return .forwardAndACK
        case .completed: return .retransmitACK
        case .accepted, .terminated: return .ignore
        }
    }
}
