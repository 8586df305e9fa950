import NetworkTypes
import SIP
import Testing

@Suite("INVITE server transaction")
struct InviteServerTransactionTests {
    typealias State = InviteServerTransaction.State

    enum Start: CaseIterable { case new, proceeding, completed, confirmed, accepted, terminated }
    enum Event: CaseIterable { case retransmission, bad, ringing, ok, redirect, decline, ack, early, late }

    /// A machine in each state; `new` is Proceeding without any response yet.
    static func machine(_ start: Start, isReliable: Bool = false) -> InviteServerTransaction {
        var machine = InviteServerTransaction(isReliable: isReliable, at: .zero)
        switch start {
        case .new: break
        case .proceeding: _ = machine.sendResponse(status: 180, at: .zero)
        case .completed: _ = machine.sendResponse(status: 486, at: .zero)
        case .confirmed:
            _ = machine.sendResponse(status: 486, at: .zero)
            _ = machine.receiveACK(at: .zero)
        case .accepted: _ = machine.sendResponse(status: 200, at: .zero)
        case .terminated:
            _ = machine.sendResponse(status: 200, at: .zero)
            _ = machine.handleTimeout(at: at(32))
        }
        return machine
    }

    static func apply(_ event: Event, to machine: inout InviteServerTransaction) -> String {
        switch event {
        case .retransmission: return "\(machine.receiveRetransmission())"
        case .bad:
            let actions = [-1, 0, 99, 700, .max].map { machine.sendResponse(status: $0, at: .zero) }
            return Set(actions).count == 1 ? "\(actions[0])" : "mixed"
        case .ringing: return "\(machine.sendResponse(status: 199, at: .zero))"
        case .ok: return "\(machine.sendResponse(status: 200, at: .zero))"
        case .redirect: return "\(machine.sendResponse(status: 300, at: .zero))"
        case .decline: return "\(machine.sendResponse(status: 699, at: .zero))"
        case .ack: return "\(machine.receiveACK(at: .zero))"
        case .early: return "\(machine.handleTimeout(at: at(0.199)))"
        case .late: return "\(machine.handleTimeout(at: at(40)))"
        }
    }

    static let table: [(Start, Event, String, State)] = [
        (.new, .retransmission, "none", .proceeding),
        (.new, .bad, "ignore", .proceeding),
        (.new, .ringing, "send", .proceeding),
        (.new, .ok, "send", .accepted),
        (.new, .redirect, "send", .completed),
        (.new, .decline, "send", .completed),
        (.new, .ack, "absorb", .proceeding),
        (.new, .early, "none", .proceeding),
        (.new, .late, "sendTrying", .proceeding),

        (.proceeding, .retransmission, "retransmitResponse", .proceeding),
        (.proceeding, .bad, "ignore", .proceeding),
        (.proceeding, .ringing, "send", .proceeding),
        (.proceeding, .ok, "send", .accepted),
        (.proceeding, .redirect, "send", .completed),
        (.proceeding, .decline, "send", .completed),
        (.proceeding, .ack, "absorb", .proceeding),
        (.proceeding, .early, "none", .proceeding),
        (.proceeding, .late, "none", .proceeding),

        (.completed, .retransmission, "retransmitResponse", .completed),
        (.completed, .bad, "ignore", .completed),
        (.completed, .ringing, "ignore", .completed),
        (.completed, .ok, "ignore", .completed),
        (.completed, .redirect, "ignore", .completed),
        (.completed, .decline, "ignore", .completed),
        (.completed, .ack, "absorb", .confirmed),
        (.completed, .early, "none", .completed),
        (.completed, .late, "timedOut", .terminated),

        (.confirmed, .retransmission, "none", .confirmed),
        (.confirmed, .bad, "ignore", .confirmed),
        (.confirmed, .ringing, "ignore", .confirmed),
        (.confirmed, .ok, "ignore", .confirmed),
        (.confirmed, .redirect, "ignore", .confirmed),
        (.confirmed, .decline, "ignore", .confirmed),
        (.confirmed, .ack, "absorb", .confirmed),
        (.confirmed, .early, "none", .confirmed),
        (.confirmed, .late, "terminated", .terminated),

        (.accepted, .retransmission, "none", .accepted),
        (.accepted, .bad, "ignore", .accepted),
        (.accepted, .ringing, "ignore", .accepted),
        (.accepted, .ok, "send", .accepted),
        (.accepted, .redirect, "ignore", .accepted),
        (.accepted, .decline, "ignore", .accepted),
        (.accepted, .ack, "forward", .accepted),
        (.accepted, .early, "none", .accepted),
        (.accepted, .late, "terminated", .terminated),

        (.terminated, .retransmission, "none", .terminated),
        (.terminated, .bad, "ignore", .terminated),
        (.terminated, .ringing, "ignore", .terminated),
        (.terminated, .ok, "ignore", .terminated),
        (.terminated, .redirect, "ignore", .terminated),
        (.terminated, .decline, "ignore", .terminated),
        (.terminated, .ack, "absorb", .terminated),
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

    @Test("asks for 100 Trying after 200 ms without a response, once", arguments: [false, true])
    func trying(isReliable: Bool) {
        var machine = InviteServerTransaction(isReliable: isReliable, at: at(7))
        let steps = schedule(deadline: { machine.deadline }, fire: { machine.handleTimeout(at: $0) })
        #expect(steps.map(\.seconds) == [7.2])
        #expect(steps.map(\.action) == [.sendTrying])
        #expect(machine.receiveRetransmission() == .retransmitResponse)
    }

    @Test("asks for no 100 Trying when the TU was quicker")
    func noTrying() {
        var machine = InviteServerTransaction(isReliable: false, at: .zero)
        #expect(machine.sendResponse(status: 100, at: at(0.1)) == .send)
        #expect(machine.deadline == nil)
        #expect(machine.handleTimeout(at: at(0.2)) == .none)
    }

    @Test("retransmits a failure on UDP at doubling intervals up to T2, and gives up at 64*T1")
    func timersGAndH() {
        var machine = InviteServerTransaction(isReliable: false, at: .zero)
        _ = machine.sendResponse(status: 404, at: .zero)
        let steps = schedule(deadline: { machine.deadline }, fire: { machine.handleTimeout(at: $0) })
        #expect(steps.map(\.seconds) == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5, 32])
        #expect(steps.map(\.action) == Array(repeating: .retransmitResponse, count: 10) + [.timedOut])
    }

    @Test("never retransmits a failure on a reliable transport, but waits for the ACK")
    func timerHOnly() {
        var machine = InviteServerTransaction(isReliable: true, at: .zero)
        _ = machine.sendResponse(status: 404, at: at(3))
        let steps = schedule(deadline: { machine.deadline }, fire: { machine.handleTimeout(at: $0) })
        #expect(steps.map(\.seconds) == [35])
        #expect(steps.map(\.action) == [.timedOut])
    }

    @Test("answers a retransmitted INVITE at once in Completed, without touching timer G")
    func retransmissionInCompleted() {
        let machine = Self.machine(.completed)
        #expect(machine.receiveRetransmission() == .retransmitResponse)
        #expect(machine.deadline == at(0.5))
    }

    @Test("absorbs ACKs for timer I", arguments: [(false, 7.0), (true, 2.0)])
    func timerI(isReliable: Bool, end: Double) {
        var machine = InviteServerTransaction(isReliable: isReliable, at: .zero)
        _ = machine.sendResponse(status: 486, at: at(1))
        #expect(machine.receiveACK(at: at(2)) == .absorb)
        #expect(machine.receiveACK(at: at(2)) == .absorb)
        #expect(machine.deadline == at(end))
        #expect(machine.handleTimeout(at: at(end)) == .terminated)
    }

    @Test("RFC 6026: absorbs INVITEs and passes on every 2xx for timer L, on any transport", arguments: [false, true])
    func timerL(isReliable: Bool) {
        var machine = InviteServerTransaction(isReliable: isReliable, at: .zero)
        _ = machine.sendResponse(status: 200, at: at(5))
        for second in [5.5, 6.5, 8.5, 36.9] {
            #expect(machine.receiveRetransmission() == .none)
            #expect(machine.sendResponse(status: 200, at: at(second)) == .send)
            #expect(machine.receiveACK(at: at(second)) == .forward)
        }
        #expect(machine.deadline == at(37))
        #expect(machine.handleTimeout(at: at(37)) == .terminated)
        #expect(machine.sendResponse(status: 200, at: at(37)) == .ignore)
    }
}
