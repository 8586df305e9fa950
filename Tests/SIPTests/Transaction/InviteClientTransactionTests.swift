import NetworkTypes
import SIP
import Testing

@Suite("INVITE client transaction")
struct InviteClientTransactionTests {
    typealias State = InviteClientTransaction.State

    enum Start: CaseIterable { case calling, cancelling, proceeding, cancelled, completed, accepted, terminated }
    enum Event: CaseIterable {
        case bad, ringing, ok, redirect, decline, cancel, transportError, early, late
    }

    /// A machine in each state; `cancelling` and `cancelled` are Calling and Proceeding with a CANCEL wanted or sent.
    static func machine(_ start: Start, isReliable: Bool = false) -> InviteClientTransaction {
        var machine = InviteClientTransaction(isReliable: isReliable, at: .zero)
        switch start {
        case .calling: break
        case .cancelling: _ = machine.cancel(at: .zero)
        case .proceeding: _ = machine.receiveResponse(status: 100, at: .zero)
        case .cancelled:
            _ = machine.receiveResponse(status: 100, at: .zero)
            _ = machine.cancel(at: .zero)
        case .completed: _ = machine.receiveResponse(status: 486, at: .zero)
        case .accepted: _ = machine.receiveResponse(status: 200, at: .zero)
        case .terminated: _ = machine.transportError()
        }
        return machine
    }

    /// What a machine answers to an event, in words, and the state it is in afterwards.
    static func apply(_ event: Event, to machine: inout InviteClientTransaction) -> String {
        switch event {
        case .bad:
            let actions = [-1, 0, 99, 700, .max].map { machine.receiveResponse(status: $0, at: .zero) }
            return Set(actions).count == 1 ? "\(actions[0])" : "mixed"
        case .ringing: return "\(machine.receiveResponse(status: 180, at: .zero))"
        case .ok: return "\(machine.receiveResponse(status: 200, at: .zero))"
        case .redirect: return "\(machine.receiveResponse(status: 300, at: .zero))"
        case .decline: return "\(machine.receiveResponse(status: 699, at: .zero))"
        case .cancel: return "\(machine.cancel(at: .zero))"
        case .transportError: return "\(machine.transportError())"
        case .early: return "\(machine.handleTimeout(at: at(0.499)))"
        case .late: return "\(machine.handleTimeout(at: at(40)))"
        }
    }

    static let table: [(Start, Event, String, State)] = [
        (.calling, .bad, "ignore", .calling),
        (.calling, .ringing, "forward", .proceeding),
        (.calling, .ok, "forward", .accepted),
        (.calling, .redirect, "forwardAndACK", .completed),
        (.calling, .decline, "forwardAndACK", .completed),
        (.calling, .cancel, "wait", .calling),
        (.calling, .transportError, "failed", .terminated),
        (.calling, .early, "none", .calling),
        (.calling, .late, "timedOut", .terminated),

        (.cancelling, .bad, "ignore", .calling),
        (.cancelling, .ringing, "forwardAndCANCEL", .proceeding),
        (.cancelling, .ok, "forward", .accepted),
        (.cancelling, .redirect, "forwardAndACK", .completed),
        (.cancelling, .decline, "forwardAndACK", .completed),
        (.cancelling, .cancel, "wait", .calling),
        (.cancelling, .transportError, "failed", .terminated),
        (.cancelling, .early, "none", .calling),
        (.cancelling, .late, "timedOut", .terminated),

        (.proceeding, .bad, "ignore", .proceeding),
        (.proceeding, .ringing, "forward", .proceeding),
        (.proceeding, .ok, "forward", .accepted),
        (.proceeding, .redirect, "forwardAndACK", .completed),
        (.proceeding, .decline, "forwardAndACK", .completed),
        (.proceeding, .cancel, "send", .proceeding),
        (.proceeding, .transportError, "none", .proceeding),
        (.proceeding, .early, "none", .proceeding),
        (.proceeding, .late, "none", .proceeding),

        (.cancelled, .bad, "ignore", .proceeding),
        (.cancelled, .ringing, "forward", .proceeding),
        (.cancelled, .ok, "forward", .accepted),
        (.cancelled, .redirect, "forwardAndACK", .completed),
        (.cancelled, .decline, "forwardAndACK", .completed),
        (.cancelled, .cancel, "none", .proceeding),
        (.cancelled, .transportError, "none", .proceeding),
        (.cancelled, .early, "none", .proceeding),
        (.cancelled, .late, "timedOut", .terminated),

        (.completed, .bad, "ignore", .completed),
        (.completed, .ringing, "ignore", .completed),
        (.completed, .ok, "ignore", .completed),
        (.completed, .redirect, "retransmitACK", .completed),
        (.completed, .decline, "retransmitACK", .completed),
        (.completed, .cancel, "none", .completed),
        (.completed, .transportError, "terminated", .terminated),
        (.completed, .early, "none", .completed),
        (.completed, .late, "terminated", .terminated),

        (.accepted, .bad, "ignore", .accepted),
        (.accepted, .ringing, "ignore", .accepted),
        (.accepted, .ok, "forward", .accepted),
        (.accepted, .redirect, "ignore", .accepted),
        (.accepted, .decline, "ignore", .accepted),
        (.accepted, .cancel, "none", .accepted),
        (.accepted, .transportError, "none", .accepted),
        (.accepted, .early, "none", .accepted),
        (.accepted, .late, "terminated", .terminated),

        (.terminated, .bad, "ignore", .terminated),
        (.terminated, .ringing, "ignore", .terminated),
        (.terminated, .ok, "ignore", .terminated),
        (.terminated, .redirect, "ignore", .terminated),
        (.terminated, .decline, "ignore", .terminated),
        (.terminated, .cancel, "none", .terminated),
        (.terminated, .transportError, "none", .terminated),
        (.terminated, .early, "none", .terminated),
        (.terminated, .late, "none", .terminated),
    ]

    @Test("answers every event in every state", arguments: table)
    func answers(start: Start, event: Event, action: String, state: State) {
        var machine = Self.machine(start)
        #expect(Self.apply(event, to: &machine) == action)
        #expect(machine.state == state)
        if state == .terminated { #expect(machine.deadline == nil) }
    }

    @Test("has a table with every pair once")
    func tableIsComplete() {
        let pairs = Set(Self.table.map { "\($0.0) \($0.1)" })
        #expect(pairs.count == Self.table.count)
        #expect(pairs.count == Start.allCases.count * Event.allCases.count)
    }

    @Test("retransmits on UDP at doubling intervals without a cap, and gives up at 64*T1")
    func timersAAndB() {
        var machine = InviteClientTransaction(isReliable: false, at: .zero)
        let steps = schedule(deadline: { machine.deadline }, fire: { machine.handleTimeout(at: $0) })
        #expect(steps.map(\.seconds) == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 32])
        #expect(steps.map(\.action) == Array(repeating: .retransmitRequest, count: 6) + [.timedOut])
    }

    @Test("never retransmits on a reliable transport, and gives up at 64*T1")
    func timerBOnly() {
        var machine = InviteClientTransaction(isReliable: true, at: .zero)
        let steps = schedule(deadline: { machine.deadline }, fire: { machine.handleTimeout(at: $0) })
        #expect(steps.map(\.seconds) == [32])
        #expect(steps.map(\.action) == [.timedOut])
    }

    @Test("fires a timer at its deadline and not a nanosecond earlier")
    func exactDeadlines() {
        var machine = InviteClientTransaction(isReliable: true, at: .zero)
        let b = at(32)
        #expect(machine.handleTimeout(at: Instant(nanoseconds: b.nanoseconds - 1)) == .none)
        #expect(machine.handleTimeout(at: b) == .timedOut)
    }

    @Test("sends one retransmission after a pause, not the missed ones")
    func noBurst() {
        var machine = InviteClientTransaction(isReliable: false, at: .zero)
        #expect(machine.handleTimeout(at: at(10)) == .retransmitRequest)
        #expect(machine.handleTimeout(at: at(10)) == .none)
        #expect(machine.deadline == at(11))
    }

    @Test("keeps timer A running while a CANCEL waits")
    func cancellingRetransmits() {
        var machine = Self.machine(.cancelling)
        #expect(machine.handleTimeout(at: at(0.5)) == .retransmitRequest)
        #expect(machine.receiveResponse(status: 100, at: at(1)) == .forwardAndCANCEL)
        #expect(machine.receiveResponse(status: 180, at: at(2)) == .forward)
        #expect(machine.deadline == at(33))
    }

    @Test("waits 64*T1 for the final response to a cancelled INVITE")
    func cancelledTimeout() {
        var machine = Self.machine(.proceeding)
        #expect(machine.deadline == nil)
        #expect(machine.cancel(at: at(100)) == .send)
        #expect(machine.handleTimeout(at: at(131.9)) == .none)
        #expect(machine.handleTimeout(at: at(132)) == .timedOut)
    }

    @Test("stays in Completed for timer D", arguments: [(false, 42.0), (true, 10.0)])
    func timerD(isReliable: Bool, end: Double) {
        var machine = InviteClientTransaction(isReliable: isReliable, at: .zero)
        _ = machine.receiveResponse(status: 503, at: at(10))
        #expect(machine.deadline == at(end))
        #expect(machine.handleTimeout(at: at(end)) == .terminated)
    }

    @Test("acknowledges every retransmitted failure until timer D, without restarting it")
    func retransmittedFailures() {
        var machine = Self.machine(.completed)
        for second in 1...31 {
            #expect(machine.receiveResponse(status: 486, at: at(Double(second))) == .retransmitACK)
        }
        #expect(machine.deadline == at(32))
    }

    @Test("RFC 6026: forwards every 2xx for timer M, from whatever fork, on any transport", arguments: [false, true])
    func timerM(isReliable: Bool) {
        var machine = InviteClientTransaction(isReliable: isReliable, at: .zero)
        _ = machine.receiveResponse(status: 180, at: at(1))
        for second in [2.0, 2.5, 3.5, 33.9] {
            #expect(machine.receiveResponse(status: 200, at: at(second)) == .forward)
        }
        #expect(machine.deadline == at(34))
        #expect(machine.handleTimeout(at: at(34)) == .terminated)
        #expect(machine.receiveResponse(status: 200, at: at(34.1)) == .ignore)
    }

    @Test("takes timer D as 32 s at least, however small T1 is")
    func timerDFloor() {
        let timers = TransactionTimers(t1: .milliseconds(100))
        var machine = InviteClientTransaction(isReliable: false, timers: timers, at: .zero)
        #expect(machine.deadline == at(0.1))
        _ = machine.receiveResponse(status: 404, at: .zero)
        #expect(machine.deadline == at(32))
    }
}
