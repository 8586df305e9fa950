public import NetworkTypes

/// The INVITE server transaction (RFC 3261 §17.2.1 as corrected by RFC 6026 §8.5–8.7), without messages, sockets or
/// clock.
///
/// The owner passes the INVITE to the TU when it makes one of these, and keeps the last response that was sent. A
/// transport error changes no state (RFC 6026 §8.8), so it is no event here: whoever failed to send tells the TU.
public struct InviteServerTransaction: Sendable {
    public enum State: Hashable, Sendable, CaseIterable { case proceeding, completed, confirmed, accepted, terminated }

    /// What to do with an ACK that matches the transaction.
    public enum ACKAction: Hashable, Sendable {
        /// Drop it: it acknowledges a 3xx–6xx response of this hop, or nothing.
        case absorb
        /// Pass it to the TU: it acknowledges a 2xx.
        case forward
    }

    private enum Phase {
        /// Until a response has been sent, 100 Trying is due at `trying`.
        case proceeding(trying: Instant?)
        case completed(g: RetransmissionTimer?, h: Instant)
        case confirmed(i: Instant)
        case accepted(l: Instant)
        case terminated
    }

    private let isReliable: Bool
    private let timers: TransactionTimers
    private var phase: Phase

    /// The transaction of an INVITE received at `now`.
    public init(isReliable: Bool, timers: TransactionTimers = .rfc3261, at now: Instant) {
        self.isReliable = isReliable
        self.timers = timers
        phase = .proceeding(trying: now.after(timers.trying))
    }

    public var state: State {
        switch phase {
        case .proceeding: .proceeding
        case .completed: .completed
        case .confirmed: .confirmed
        case .accepted: .accepted
        case .terminated: .terminated
        }
    }

    /// When ``handleTimeout(at:)`` wants to be called; nil while the TU has the word.
    public var deadline: Instant? {
        switch phase {
        case .proceeding(let trying): trying
        case .completed(let g, let h): g.map { min($0.deadline, h) } ?? h
        case .confirmed(let i): i
        case .accepted(let l): l
        case .terminated: nil
        }
    }

    // MARK: Events

    /// The INVITE has come once more. A 2xx is never repeated here: the UAS does that (RFC 6026 §8.7).
    public func receiveRetransmission() -> ServerRequestAction {
        switch phase {
        case .proceeding(nil), .completed: .retransmitResponse
        case .proceeding, .confirmed, .accepted, .terminated: .none
        }
    }

    /// The TU has a response for the client. Numbers outside 100–699 are ignored.
    public mutating func sendResponse(status: Int, at now: Instant) -> ServerResponseAction {
        switch (phase, status) {
        case (.proceeding, 100..<200):
            phase = .proceeding(trying: nil)
        case (.proceeding, 200..<300):
            phase = .accepted(l: now.after(timers.timeout))
        case (.proceeding, 300..<700):
            let g = isReliable ? nil : RetransmissionTimer(first: timers.t1, at: now)
            phase = .completed(g: g, h: now.after(timers.timeout))
        case (.accepted, 200..<300): break
        default: return .ignore
        }
        return .send
    }

    /// An ACK has come whose branch is the INVITE's.
    public mutating func receiveACK(at now: Instant) -> ACKAction {
        switch phase {
        case .accepted: return .forward
        case .completed:
            phase = .confirmed(i: isReliable ? now : now.after(timers.t4))
            return .absorb
        case .proceeding, .confirmed, .terminated: return .absorb
        }
    }

    /// The time is `now`: at most one timer fires, and timer H before timer G.
    public mutating func handleTimeout(at now: Instant) -> ServerTimeoutAction {
        guard let deadline, deadline <= now else { return .none }
        switch phase {
        case .proceeding:
            phase = .proceeding(trying: nil)
            return .sendTrying
        case .completed(var g?, let h) where now < h:
            g.reset(limit: timers.t2, at: now)
            phase = .completed(g: g, h: h)
            return .retransmitResponse
        case .completed:
            phase = .terminated
            return .timedOut
        case .confirmed, .accepted:
            phase = .terminated
            return .terminated
        case .terminated: return .none
        }
    }
}
