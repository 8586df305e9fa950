import NetworkTypes
import SIP
import Testing

@Suite("INVITE server transaction")
struct InviteServerTransactionTests {
    typealias State = InviteServerTransaction.State

    enum Start: CaseIterable { case new, proceeding, completed, confirmed, accepted, terminated }

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
