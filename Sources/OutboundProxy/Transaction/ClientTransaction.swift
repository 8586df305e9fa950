import NetworkTypes
import SIP

/// One request that we sent and whose response we await: a branch of a response context, or a CANCEL or BYE of ours.
final class ClientTransaction {
    enum Machine {
        case invite(InviteClientTransaction)
        case nonInvite(NonInviteClientTransaction)
    }

    /// Who is told of the response.
    enum Purpose {
        /// The request it was forwarded for.
        case branch(of: ServerTransaction)
        /// Nobody: a CANCEL of ours, or the BYE for an answer that came too late.
        case nobody
        /// The call that we end.
        case bye(Call)
        /// We ask a trunk's target whether it is alive.
        case qualify(Qualification)
    }

    let key: TransactionKey
    let flow: Flow
    let method: Method
    let purpose: Purpose
    var machine: Machine
    /// What was sent: for retransmissions, ACK and CANCEL.
    var request: [UInt8]
    /// The ACK for a non-2xx response, to send again when that comes again.
    var ack: [UInt8]?
    /// Timer C (RFC 3261 §16.6 step 11), for an INVITE branch.
    var timerC: Instant?
    let sentAt: Instant
    /// When its target is doubted, and then left, if it has said nothing and there is another to try.
    var silence: Instant?
    /// The Max-Breadth that it was sent with (RFC 5393 §5.3), where its request has several targets.
    var breadth: UInt8 = 0
    /// Whether it has asked its target for its load (RFC 7339).
    var asksForLoad = false
    /// Which of the offers of its request it was sent with.
    var offerChanges: UInt8 = 0
    /// The branch has its final response, or never will.
    var isDone = false
    /// Any response has come.
    var isAnswered = false
    /// It was silent for too long and another target was tried: what still comes is late.
    var isAbandoned = false
    /// Its 2xx to the INVITE was the first.
    var isWinner = false
    /// Its 2xx came after another target's, and has got its BYE.
    var isHungUp = false
    /// Where it stands in the ``FlowIndex``.
    var flowEntry: FlowIndex.Entry?
    var flowPosition = 0
    var scheduled = Instant.distantFuture

    init(
        key: TransactionKey, flow: Flow, method: Method, purpose: Purpose, request: [UInt8], isReliable: Bool,
        timers: TransactionTimers, now: Instant, end: Instant = .distantFuture
    ) {
        self.key = key
        self.flow = flow
        self.method = method
        self.purpose = purpose
        self.request = request
        sentAt = now
        machine =
            method == .invite
            ? .invite(InviteClientTransaction(isReliable: isReliable, timers: timers, at: now))
            : .nonInvite(NonInviteClientTransaction(isReliable: isReliable, timers: timers, at: now, until: end))
    }

    var deadline: Instant? {
        let own =
            switch machine {
            case .invite(let machine): machine.deadline
            case .nonInvite(let machine): machine.deadline
            }
        guard let other = silence ?? timerC else { return own }
        return own.map { min($0, other) } ?? other
    }

    var isTerminated: Bool {
        switch machine {
        case .invite(let machine): machine.state == .terminated
        case .nonInvite(let machine): machine.state == .terminated
        }
    }

    /// What to do with a response: the INVITE machine's actions serve for both.
    func receiveResponse(status: Int, at now: Instant) -> InviteClientTransaction.ResponseAction {
        switch machine {
        case .invite(var machine):
            defer { self.machine = .invite(machine) }
            return machine.receiveResponse(status: status, at: now)
        case .nonInvite(var machine):
            defer { self.machine = .nonInvite(machine) }
            return machine.receiveResponse(status: status, at: now) == .forward ? .forward : .ignore
        }
    }

    func handleTimeout(at now: Instant) -> ClientTimeoutAction {
        switch machine {
        case .invite(var machine):
            defer { self.machine = .invite(machine) }
            return machine.handleTimeout(at: now)
        case .nonInvite(var machine):
            defer { self.machine = .nonInvite(machine) }
            return machine.handleTimeout(at: now)
        }
    }

    func transportError() -> ClientTransportErrorAction {
        switch machine {
        case .invite(var machine):
            defer { self.machine = .invite(machine) }
            return machine.transportError()
        case .nonInvite(var machine):
            defer { self.machine = .nonInvite(machine) }
            return machine.transportError()
        }
    }

    /// Asks the INVITE machine whether a CANCEL may go now.
    func cancel(at now: Instant) -> Bool {
        guard case .invite(var machine) = machine else { return false }
        defer { self.machine = .invite(machine) }
        return machine.cancel(at: now) == .send
    }
}
