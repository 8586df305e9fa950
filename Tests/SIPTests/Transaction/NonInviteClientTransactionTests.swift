import NetworkTypes
import SIP
import Testing

@Suite("Non-INVITE client transaction")
struct NonInviteClientTransactionTests {
    typealias State = NonInviteClientTransaction.State

    static func machine(_ state: State, isReliable: Bool = false) -> NonInviteClientTransaction {
        var machine = NonInviteClientTransaction(isReliable: isReliable, at: .zero)
        switch state {
        case .trying: break
        case .proceeding: _ = machine.receiveResponse(status: 100, at: .zero)
        case .completed: _ = machine.receiveResponse(status: 200, at: .zero)
        case .terminated: _ = machine.transportError()
        }
        return machine
    }

    @Test("retransmits on UDP at doubling intervals up to T2, and gives up at 64*T1")
    func timersEAndF() {
        var machine = NonInviteClientTransaction(isReliable: false, at: .zero)
        let steps = schedule(deadline: { machine.deadline }, fire: { machine.handleTimeout(at: $0) })
        #expect(steps.map(\.seconds) == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5, 32])
        #expect(steps.map(\.action) == Array(repeating: .retransmitRequest, count: 10) + [.timedOut])
    }

    @Test("retransmits at intervals of T2 after a provisional response, whose arrival does not restart timer E")
    func timerEInProceeding() {
        var machine = NonInviteClientTransaction(isReliable: false, at: .zero)
        _ = machine.handleTimeout(at: at(0.5))
        _ = machine.receiveResponse(status: 100, at: at(1))
        let steps = schedule(deadline: { machine.deadline }, fire: { machine.handleTimeout(at: $0) })
        #expect(steps.map(\.seconds) == [1.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5, 32])
        #expect(steps.map(\.action) == Array(repeating: .retransmitRequest, count: 8) + [.timedOut])
    }

    @Test("never retransmits on a reliable transport", arguments: [false, true])
    func timerFOnly(hasProvisional: Bool) {
        var machine = NonInviteClientTransaction(isReliable: true, at: .zero)
        if hasProvisional { _ = machine.receiveResponse(status: 100, at: at(5)) }
        let steps = schedule(deadline: { machine.deadline }, fire: { machine.handleTimeout(at: $0) })
        #expect(steps.map(\.seconds) == [32])
        #expect(steps.map(\.action) == [.timedOut])
    }

    @Test("stays in Completed for timer K", arguments: [(false, 15.0), (true, 10.0)])
    func timerK(isReliable: Bool, end: Double) {
        var machine = NonInviteClientTransaction(isReliable: isReliable, at: .zero)
        _ = machine.receiveResponse(status: 200, at: at(10))
        #expect(machine.receiveResponse(status: 200, at: at(10)) == .ignore)
        #expect(machine.deadline == at(end))
        #expect(machine.handleTimeout(at: at(end)) == .terminated)
    }

    @Test("delivers a single final response")
    func singleFinalResponse() {
        var machine = NonInviteClientTransaction(isReliable: false, at: .zero)
        let actions = [100, 200, 200, 404].map { machine.receiveResponse(status: $0, at: at(1)) }
        #expect(actions == [.forward, .forward, .ignore, .ignore])
    }

    @Test("survives intervals that make no sense")
    func extremeTimers() {
        let timers = TransactionTimers(t1: .zero, t2: .seconds(-5), t4: .seconds(Int64.max), trying: .zero)
        var machine = NonInviteClientTransaction(isReliable: false, timers: timers, at: .distantFuture)
        #expect(machine.deadline == .distantFuture)
        _ = machine.receiveResponse(status: 200, at: .distantFuture)
        #expect(machine.deadline == .distantFuture)
        machine = NonInviteClientTransaction(isReliable: false, timers: timers, at: .zero)
        let steps = schedule(deadline: { machine.deadline }, fire: { machine.handleTimeout(at: $0) })
        #expect(steps.count == 64)
        #expect(steps.last?.seconds == 0.064)
    }
}
