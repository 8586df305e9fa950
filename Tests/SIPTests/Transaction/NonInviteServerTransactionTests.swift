import NetworkTypes
import SIP
import Testing

@Suite("Non-INVITE server transaction")
struct NonInviteServerTransactionTests {
    typealias State = NonInviteServerTransaction.State

    enum Start: CaseIterable { case trying, proceeding, completed, abandoned, terminated }

    /// A machine in each state; `abandoned` is Completed without a response.
    static func machine(_ start: Start, isReliable: Bool = false) -> NonInviteServerTransaction {
        var machine = NonInviteServerTransaction(isReliable: isReliable, at: .zero)
        switch start {
        case .trying: break
        case .proceeding: _ = machine.handleTimeout(at: at(3.5))
        case .completed: _ = machine.sendResponse(status: 200, at: .zero)
        case .abandoned: machine.giveUp(at: .zero)
        case .terminated:
            _ = machine.sendResponse(status: 200, at: .zero)
            _ = machine.handleTimeout(at: at(32))
        }
        return machine
    }

    @Test(
        "RFC 4320: asks for 100 when the client's timer E has reached T2, on any transport", arguments: [false, true])
    func trying(isReliable: Bool) {
        var machine = NonInviteServerTransaction(isReliable: isReliable, at: at(10))
        let steps = schedule(deadline: { machine.deadline }, fire: { machine.handleTimeout(at: $0) })
        #expect(steps.map(\.seconds) == [13.5])
        #expect(steps.map(\.action) == [.sendTrying])
    }

    @Test(
        "RFC 4320: takes the time of that 100 from T1 and T2",
        arguments: [(500, 4000, 3.5), (500, 500, 0.5), (250, 4000, 3.75), (100, 300, 0.3), (1000, 3900, 3.0)])
    func tryingTime(t1: Int, t2: Int, expected: Double) {
        let timers = TransactionTimers(t1: .milliseconds(t1), t2: .milliseconds(t2))
        let machine = NonInviteServerTransaction(isReliable: false, timers: timers, at: .zero)
        #expect(machine.deadline == at(expected))
    }

    @Test("RFC 4320: lets an early 100 out on reliable transports only", arguments: [(true, true), (false, false)])
    func earlyTrying(isReliable: Bool, isSent: Bool) {
        var machine = NonInviteServerTransaction(isReliable: isReliable, at: .zero)
        #expect(machine.sendResponse(status: 100, at: at(3.4)) == (isSent ? .send : .ignore))
        #expect(machine.state == (isSent ? .proceeding : .trying))
        #expect(machine.sendResponse(status: 100, at: at(3.5)) == .send)
    }

    @Test("RFC 4320: sends no 408, and absorbs the retransmissions of a request that was given up")
    func noRequestTimeout() {
        var machine = NonInviteServerTransaction(isReliable: false, at: .zero)
        #expect(machine.sendResponse(status: 408, at: at(32)) == .ignore)
        #expect(machine.receiveRetransmission() == .none)
        #expect(machine.sendResponse(status: 200, at: at(33)) == .ignore)
        #expect(machine.deadline == at(64))
        #expect(machine.handleTimeout(at: at(64)) == .terminated)
    }

    @Test("stays in Completed for timer J", arguments: [(false, 33.0), (true, 1.0)])
    func timerJ(isReliable: Bool, end: Double) {
        var machine = NonInviteServerTransaction(isReliable: isReliable, at: .zero)
        _ = machine.sendResponse(status: 200, at: at(1))
        #expect(machine.receiveRetransmission() == .retransmitResponse)
        #expect(machine.deadline == at(end))
        #expect(machine.handleTimeout(at: at(end)) == .terminated)
    }
}
