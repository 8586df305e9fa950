import NetworkTypes
import SIP
import Testing

@Suite("INVITE client transaction")
struct InviteClientTransactionTests {
    typealias State = InviteClientTransaction.State

    enum Start: CaseIterable { case calling, cancelling, proceeding, cancelled, completed, accepted, terminated }

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
