import NetworkTypes
import SIP
import Testing

@Suite("Non-INVITE client transaction")
struct NonInviteClientTransactionTests {
    typealias State = NonInviteClientTransaction.State

    enum Event: CaseIterable { case bad, trying, ok, failure, transportError, early, late }

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

    static func apply(_ event: Event, to machine: inout NonInviteClientTransaction) -> String {
        switch event {
        case .bad:
            let actions = [-1, 0, 99, 700, .max].map { machine.receiveResponse(status: $0, at: .zero) }
            return Set(actions).count == 1 ? "\(actions[0])" : "mixed"
        case .trying: return "\(machine.receiveResponse(status: 100, at: .zero))"
        case .ok: return "\(machine.receiveResponse(status: 200, at: .zero))"
        case .failure: return "\(machine.receiveResponse(status: 699, at: .zero))"
        case .transportError: return "\(machine.transportError())"
        case .early: return "\(machine.handleTimeout(at: at(0.499)))"
        case .late: return "\(machine.handleTimeout(at: at(40)))"
        }
    }

    static let table: [(State, Event, String, State)] = [
        (.trying, .bad, "ignore", .trying),
        (.trying, .trying, "forward", .proceeding),
        (.trying, .ok, "forward", .completed),
        (.trying, .failure, "forward", .completed),
        (.trying, .transportError, "failed", .terminated),
        (.trying, .early, "none", .trying),
        (.trying, .late, "timedOut", .terminated),

        (.proceeding, .bad, "ignore", .proceeding),
        (.proceeding, .trying, "forward", .proceeding),
        (.proceeding, .ok, "forward", .completed),
        (.proceeding, .failure, "forward", .completed),
        (.proceeding, .transportError, "failed", .terminated),
        (.proceeding, .early, "none", .proceeding),
        (.proceeding, .late, "timedOut", .terminated),

        (.completed, .bad, "ignore", .completed),
        (.completed, .trying, "ignore", .completed),
        (.completed, .ok, "ignore", .completed),
        (.completed, .failure, "ignore", .completed),
        (.completed, .transportError, "none", .completed),
        (.completed, .early, "none", .completed),
        (.completed, .late, "terminated", .terminated),

        (.terminated, .bad, "ignore", .terminated),
        (.terminated, .trying, "ignore", .terminated),
        (.terminated, .ok, "ignore", .terminated),
        (.terminated, .failure, "ignore", .terminated),
        (.terminated, .transportError, "none", .terminated),
        (.terminated, .early, "none", .terminated),
        (.terminated, .late, "none", .terminated),
    ]

    @Test("answers every event in every state", arguments: table)
    func answers(start: State, event: Event, action: String, state: State) {
        var machine = Self.machine(start)
        #expect(machine.state == start)
        #expect(Self.apply(event, to: &machine) == action)
        #expect(machine.state == state)
        if state == .terminated { #expect(machine.deadline == nil) }
    }

    @Test("has a table with every pair once")
    func tableIsComplete() {
        let pairs = Set(Self.table.map { "\($0.0) \($0.1)" })
        #expect(pairs.count == Self.table.count)
        #expect(pairs.count == State.allCases.count * Event.allCases.count)
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
