import NetworkTypes
import SIP
import Testing

@Suite("Non-INVITE server transaction")
struct NonInviteServerTransactionTests {
    typealias State = NonInviteServerTransaction.State

    enum Start: CaseIterable { case trying, proceeding, completed, abandoned, terminated }
    enum Event: CaseIterable {
        case retransmission, bad, trying, ringing, ok, failure, timeout408, giveUp, early, late
    }

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

    static func apply(_ event: Event, to machine: inout NonInviteServerTransaction) -> String {
        switch event {
        case .retransmission: return "\(machine.receiveRetransmission())"
        case .bad:
            let actions = [-1, 0, 99, 700, .max].map { machine.sendResponse(status: $0, at: .zero) }
            return Set(actions).count == 1 ? "\(actions[0])" : "mixed"
        case .trying: return "\(machine.sendResponse(status: 100, at: at(3)))"
        case .ringing: return "\(machine.sendResponse(status: 180, at: at(5)))"
        case .ok: return "\(machine.sendResponse(status: 200, at: at(5)))"
        case .failure: return "\(machine.sendResponse(status: 699, at: at(5)))"
        case .timeout408: return "\(machine.sendResponse(status: 408, at: at(5)))"
        case .giveUp:
            machine.giveUp(at: at(5))
            return ""
        case .early: return "\(machine.handleTimeout(at: at(3.499)))"
        case .late: return "\(machine.handleTimeout(at: at(40)))"
        }
    }

    static let table: [(Start, Event, String, State)] = [
        (.trying, .retransmission, "none", .trying),
        (.trying, .bad, "ignore", .trying),
        (.trying, .trying, "ignore", .trying),
        (.trying, .ringing, "ignore", .trying),
        (.trying, .ok, "send", .completed),
        (.trying, .failure, "send", .completed),
        (.trying, .timeout408, "ignore", .completed),
        (.trying, .giveUp, "", .completed),
        (.trying, .early, "none", .trying),
        (.trying, .late, "sendTrying", .proceeding),

        (.proceeding, .retransmission, "retransmitResponse", .proceeding),
        (.proceeding, .bad, "ignore", .proceeding),
        (.proceeding, .trying, "send", .proceeding),
        (.proceeding, .ringing, "ignore", .proceeding),
        (.proceeding, .ok, "send", .completed),
        (.proceeding, .failure, "send", .completed),
        (.proceeding, .timeout408, "ignore", .completed),
        (.proceeding, .giveUp, "", .completed),
        (.proceeding, .early, "none", .proceeding),
        (.proceeding, .late, "none", .proceeding),

        (.completed, .retransmission, "retransmitResponse", .completed),
        (.completed, .bad, "ignore", .completed),
        (.completed, .trying, "ignore", .completed),
        (.completed, .ringing, "ignore", .completed),
        (.completed, .ok, "ignore", .completed),
        (.completed, .failure, "ignore", .completed),
        (.completed, .timeout408, "ignore", .completed),
        (.completed, .giveUp, "", .completed),
        (.completed, .early, "none", .completed),
        (.completed, .late, "terminated", .terminated),

        (.abandoned, .retransmission, "none", .completed),
        (.abandoned, .bad, "ignore", .completed),
        (.abandoned, .trying, "ignore", .completed),
        (.abandoned, .ringing, "ignore", .completed),
        (.abandoned, .ok, "ignore", .completed),
        (.abandoned, .failure, "ignore", .completed),
        (.abandoned, .timeout408, "ignore", .completed),
        (.abandoned, .giveUp, "", .completed),
        (.abandoned, .early, "none", .completed),
        (.abandoned, .late, "terminated", .terminated),

        (.terminated, .retransmission, "none", .terminated),
        (.terminated, .bad, "ignore", .terminated),
        (.terminated, .trying, "ignore", .terminated),
        (.terminated, .ringing, "ignore", .terminated),
        (.terminated, .ok, "ignore", .terminated),
        (.terminated, .failure, "ignore", .terminated),
        (.terminated, .timeout408, "ignore", .terminated),
        (.terminated, .giveUp, "", .terminated),
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
