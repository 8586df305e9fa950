import NetworkTypes
import SIP
import Testing

// Every state and every event of the four transaction machines (RFC 3261 §17 as corrected by RFC 6026 and RFC 4320).
//
// The clock: a request is sent or comes at 0, what makes the state happens at 10 s, a CANCEL at 20 s. So each timer has a
// time at which it alone can have run out: 15.5 s the retransmissions, 32 s what began at 0, 42 s what began at 10,
// 52 s the wait after CANCEL. An event named by a timer is the clock striking then.

private let second = at(10)

@Suite("INVITE client transaction, every state and event")
struct InviteClientTable {
    /// `cancelling` and `cancelled` are Calling and Proceeding with a CANCEL wanted or sent (§9.1). An ACK or CANCEL never
    /// comes to a client; a CANCEL is the TU's wish.
    static let table = StateTable(
        """
        state      | 1xx                          | 2xx                | 3xx                       | 4xx                       | 6xx                       | other  | CANCEL            | transport error         | early | timer A                               | timer B                 | timer D, M              | CANCEL's wait
        calling    | forward → proceeding         | forward → accepted | forwardAndACK → completed | forwardAndACK → completed | forwardAndACK → completed | ignore | wait → cancelling | failed → terminated     | none  | retransmitRequest / none              | timedOut → terminated   | (timedOut → terminated) | (timedOut → terminated)
        cancelling | forwardAndCANCEL → cancelled | forward → accepted | forwardAndACK → completed | forwardAndACK → completed | forwardAndACK → completed | ignore | wait              | failed → terminated     | none  | retransmitRequest / none              | timedOut → terminated   | (timedOut → terminated) | (timedOut → terminated)
        proceeding | forward                      | forward → accepted | forwardAndACK → completed | forwardAndACK → completed | forwardAndACK → completed | ignore | send → cancelled  | none                    | none  | none                                  | none                    | (none)                  | (none)
        cancelled  | forward                      | forward → accepted | forwardAndACK → completed | forwardAndACK → completed | forwardAndACK → completed | ignore | none              | none                    | none  | (none)                                | none                    | (none)                  | timedOut → terminated
        completed  | ignore                       | ignore             | retransmitACK             | retransmitACK             | retransmitACK             | ignore | none              | terminated → terminated | none / terminated → terminated | none / (terminated → terminated) | none / (terminated → terminated) | terminated → terminated / (terminated → terminated) | (terminated → terminated)
        accepted   | ignore                       | forward            | ignore                    | ignore                    | ignore                    | ignore | none              | none                    | none  | none                                  | none                    | terminated → terminated | (terminated → terminated)
        terminated | ignore                       | ignore             | ignore                    | ignore                    | ignore                    | ignore | none              | none                    | none  | (none)                                | (none)                  | (none)                  | (none)
        """)

    static func machine(_ state: String, isReliable: Bool) -> InviteClientTransaction {
        var machine = InviteClientTransaction(isReliable: isReliable, at: .zero)
        switch state {
        case "cancelling": _ = machine.cancel(at: second)
        case "proceeding": _ = machine.receiveResponse(status: 100, at: second)
        case "cancelled":
            _ = machine.receiveResponse(status: 180, at: second)
            _ = machine.cancel(at: at(20))
        case "completed": _ = machine.receiveResponse(status: 486, at: second)
        case "accepted": _ = machine.receiveResponse(status: 200, at: second)
        case "terminated": _ = machine.transportError()
        default: break
        }
        return machine
    }

    static func apply(_ event: String, to machine: inout InviteClientTransaction) -> String {
        switch event {
        case "1xx": return "\(machine.receiveResponse(status: 199, at: second))"
        case "2xx": return "\(machine.receiveResponse(status: 200, at: second))"
        case "3xx": return "\(machine.receiveResponse(status: 300, at: second))"
        case "4xx": return "\(machine.receiveResponse(status: 486, at: second))"
        case "6xx": return "\(machine.receiveResponse(status: 699, at: second))"
        case "other": return same([-1, 0, 99, 700, .max].map { machine.receiveResponse(status: $0, at: second) })
        case "CANCEL": return "\(machine.cancel(at: second))"
        case "transport error": return "\(machine.transportError())"
        default: return "\(machine.handleTimeout(at: moment(event, early: machine.deadline)))"
        }
    }

    @Test("does in every state what the RFC says of every event", arguments: table.cases)
    func pair(_ row: StateTable.Case) {
        var machine = Self.machine(row.start, isReliable: row.isReliable)
        #expect(Self.apply(row.event, to: &machine) == row.action)
        // The two halves of Calling and Proceeding differ by what another CANCEL does.
        let names = ["cancelling": "calling", "cancelled": "proceeding"]
        #expect("\(machine.state)" == names[row.end] ?? row.end)
        let wishes = ["calling": "wait", "cancelling": "wait", "proceeding": "send"]
        #expect("\(machine.cancel(at: second))" == wishes[row.end] ?? "none")
    }

    @Test func `the table has every pair, and each state of the machine`() {
        #expect(Self.table.isComplete)
        #expect(Set(Self.table.states).isSuperset(of: InviteClientTransaction.State.allCases.map { "\($0)" }))
    }
}

@Suite("INVITE server transaction, every state and event")
struct InviteServerTable {
    /// `new` is Proceeding before any response. A CANCEL is a transaction of its own and none of the machine's (§9.2); a
    /// transport error changes nothing (RFC 6026 §8.8), so neither is an event.
    static let table = StateTable(
        """
        state      | INVITE             | send 100          | send 1xx          | send 2xx        | send 3xx         | send 4xx         | send 6xx         | other  | ACK                | early | 100's time              | timer G                   | timer H                 | timer L, I
        new        | none               | send → proceeding | send → proceeding | send → accepted | send → completed | send → completed | send → completed | ignore | (absorb)           | none  | sendTrying → proceeding | (sendTrying → proceeding) | (sendTrying → proceeding) | (sendTrying → proceeding)
        proceeding | retransmitResponse | send              | send              | send → accepted | send → completed | send → completed | send → completed | ignore | (absorb)           | none  | none                    | (none)                    | (none)                  | (none)
        completed  | retransmitResponse | ignore            | ignore            | ignore          | ignore           | ignore           | ignore           | ignore | absorb → confirmed | none  | (none)                  | retransmitResponse / none | timedOut → terminated   | (timedOut → terminated)
        confirmed  | none               | ignore            | ignore            | ignore          | ignore           | ignore           | ignore           | ignore | absorb             | none / terminated → terminated | (none) | none / (terminated → terminated) | (terminated → terminated) | terminated → terminated / (terminated → terminated)
        accepted   | none               | ignore            | ignore            | send            | ignore           | ignore           | ignore           | ignore | forward            | none  | (none)                  | none                      | terminated → terminated | (terminated → terminated)
        terminated | none               | ignore            | ignore            | ignore          | ignore           | ignore           | ignore           | ignore | absorb             | none  | (none)                  | (none)                    | (none)                  | (none)
        """)

    static func machine(_ state: String, isReliable: Bool) -> InviteServerTransaction {
        var machine = InviteServerTransaction(isReliable: isReliable, at: .zero)
        switch state {
        case "proceeding": _ = machine.sendResponse(status: 180, at: second)
        case "completed": _ = machine.sendResponse(status: 486, at: second)
        case "confirmed":
            _ = machine.sendResponse(status: 486, at: .zero)
            _ = machine.receiveACK(at: at(12))
        case "accepted": _ = machine.sendResponse(status: 200, at: second)
        case "terminated":
            _ = machine.sendResponse(status: 200, at: .zero)
            _ = machine.handleTimeout(at: at(32))
        default: break
        }
        return machine
    }

    static func apply(_ event: String, to machine: inout InviteServerTransaction) -> String {
        switch event {
        case "INVITE": return "\(machine.receiveRetransmission())"
        case "send 100": return "\(machine.sendResponse(status: 100, at: second))"
        case "send 1xx": return "\(machine.sendResponse(status: 183, at: second))"
        case "send 2xx": return "\(machine.sendResponse(status: 200, at: second))"
        case "send 3xx": return "\(machine.sendResponse(status: 302, at: second))"
        case "send 4xx": return "\(machine.sendResponse(status: 404, at: second))"
        case "send 6xx": return "\(machine.sendResponse(status: 603, at: second))"
        case "other": return same([-1, 0, 99, 700, .max].map { machine.sendResponse(status: $0, at: second) })
        case "ACK": return "\(machine.receiveACK(at: second))"
        case "100's time": return "\(machine.handleTimeout(at: at(0.2)))"
        case "timer G": return "\(machine.handleTimeout(at: at(15.5)))"
        case "timer H": return "\(machine.handleTimeout(at: at(42)))"
        default: return "\(machine.handleTimeout(at: moment(event, early: machine.deadline)))"
        }
    }

    @Test("does in every state what the RFC says of every event", arguments: table.cases)
    func pair(_ row: StateTable.Case) {
        var machine = Self.machine(row.start, isReliable: row.isReliable)
        #expect(Self.apply(row.event, to: &machine) == row.action)
        #expect("\(machine.state)" == (row.end == "new" ? "proceeding" : row.end))
        // Only what has sent something can repeat it.
        if row.end == "new" { #expect(machine.receiveRetransmission() == .none) }
    }

    @Test func `the table has every pair, and each state of the machine`() {
        #expect(Self.table.isComplete)
        #expect(Set(Self.table.states).isSuperset(of: InviteServerTransaction.State.allCases.map { "\($0)" }))
    }
}

@Suite("Non-INVITE client transaction, every state and event")
struct NonInviteClientTable {
    /// ACK and CANCEL never come to a client, and a request other than INVITE is not cancelled (RFC 4320 §4).
    static let table = StateTable(
        """
        state      | 100                  | 1xx                  | 2xx                 | 3xx                 | 4xx                 | 6xx                 | other  | transport error     | early | timer E                  | timer F               | timer K
        trying     | forward → proceeding | forward → proceeding | forward → completed | forward → completed | forward → completed | forward → completed | ignore | failed → terminated | none  | retransmitRequest / none | timedOut → terminated | (timedOut → terminated)
        proceeding | forward              | forward              | forward → completed | forward → completed | forward → completed | forward → completed | ignore | failed → terminated | none  | retransmitRequest / none | timedOut → terminated | (timedOut → terminated)
        completed  | ignore               | ignore               | ignore              | ignore              | ignore              | ignore              | ignore | none                | none / terminated → terminated | (none) / (terminated → terminated) | (terminated → terminated) | terminated → terminated / (terminated → terminated)
        terminated | ignore               | ignore               | ignore              | ignore              | ignore              | ignore              | ignore | none                | none  | (none)                   | (none)                | (none)
        """)

    static func machine(_ state: String, isReliable: Bool) -> NonInviteClientTransaction {
        var machine = NonInviteClientTransaction(isReliable: isReliable, at: .zero)
        switch state {
        case "proceeding": _ = machine.receiveResponse(status: 100, at: second)
        case "completed": _ = machine.receiveResponse(status: 200, at: at(15))
        case "terminated": _ = machine.transportError()
        default: break
        }
        return machine
    }

    static func apply(_ event: String, to machine: inout NonInviteClientTransaction) -> String {
        switch event {
        case "100": return "\(machine.receiveResponse(status: 100, at: second))"
        case "1xx": return "\(machine.receiveResponse(status: 183, at: second))"
        case "2xx": return "\(machine.receiveResponse(status: 299, at: second))"
        case "3xx": return "\(machine.receiveResponse(status: 300, at: second))"
        case "4xx": return "\(machine.receiveResponse(status: 408, at: second))"
        case "6xx": return "\(machine.receiveResponse(status: 699, at: second))"
        case "other": return same([-1, 0, 99, 700, .max].map { machine.receiveResponse(status: $0, at: second) })
        case "transport error": return "\(machine.transportError())"
        case "timer E": return "\(machine.handleTimeout(at: at(15.5)))"
        case "timer F": return "\(machine.handleTimeout(at: at(32)))"
        case "timer K": return "\(machine.handleTimeout(at: at(42)))"
        default: return "\(machine.handleTimeout(at: moment(event, early: machine.deadline)))"
        }
    }

    @Test("does in every state what the RFC says of every event", arguments: table.cases)
    func pair(_ row: StateTable.Case) {
        var machine = Self.machine(row.start, isReliable: row.isReliable)
        #expect(Self.apply(row.event, to: &machine) == row.action)
        #expect("\(machine.state)" == row.end)
    }

    @Test func `the table has every pair, and each state of the machine`() {
        #expect(Self.table.isComplete)
        #expect(Set(Self.table.states) == Set(NonInviteClientTransaction.State.allCases.map { "\($0)" }))
    }
}

@Suite("Non-INVITE server transaction, every state and event")
struct NonInviteServerTable {
    /// `silent` is Completed without a response (RFC 4320 §4.2). An ACK belongs to INVITE alone, and a CANCEL changes
    /// nothing here (§9.2); a transport error changes nothing (RFC 6026 §8.8).
    static let table = StateTable(
        """
        state      | request            | 100 early                  | 100 late          | send 1xx | send 2xx         | send 3xx         | send 408        | send 6xx         | other  | give up         | early | 100's time              | timer J
        trying     | none               | ignore / send → proceeding | send → proceeding | ignore   | send → completed | send → completed | ignore → silent | send → completed | ignore | done → silent   | none  | sendTrying → proceeding | (sendTrying → proceeding)
        proceeding | retransmitResponse | send                       | send              | ignore   | send → completed | send → completed | ignore → silent | send → completed | ignore | done → silent   | none  | none                    | (none)
        completed  | retransmitResponse | ignore                     | ignore            | ignore   | ignore           | ignore           | ignore          | ignore           | ignore | done            | none / terminated → terminated | (none) / (terminated → terminated) | terminated → terminated
        silent     | none               | ignore                     | ignore            | ignore   | ignore           | ignore           | ignore          | ignore           | ignore | done            | none / terminated → terminated | (none) / (terminated → terminated) | terminated → terminated
        terminated | none               | ignore                     | ignore            | ignore   | ignore           | ignore           | ignore          | ignore           | ignore | done            | none  | (none)                  | (none)
        """)

    static func machine(_ state: String, isReliable: Bool) -> NonInviteServerTransaction {
        var machine = NonInviteServerTransaction(isReliable: isReliable, at: .zero)
        switch state {
        case "proceeding": _ = machine.handleTimeout(at: at(3.5))
        case "completed": _ = machine.sendResponse(status: 200, at: .zero)
        case "silent": machine.giveUp(at: .zero)
        case "terminated":
            _ = machine.sendResponse(status: 200, at: .zero)
            _ = machine.handleTimeout(at: at(32))
        default: break
        }
        return machine
    }

    static func apply(_ event: String, to machine: inout NonInviteServerTransaction) -> String {
        switch event {
        case "request": return "\(machine.receiveRetransmission())"
        case "100 early": return "\(machine.sendResponse(status: 100, at: at(3.4)))"
        case "100 late": return "\(machine.sendResponse(status: 100, at: at(3.5)))"
        case "send 1xx": return "\(machine.sendResponse(status: 180, at: second))"
        case "send 2xx": return "\(machine.sendResponse(status: 200, at: second))"
        case "send 3xx": return "\(machine.sendResponse(status: 302, at: second))"
        case "send 408": return "\(machine.sendResponse(status: 408, at: second))"
        case "send 6xx": return "\(machine.sendResponse(status: 603, at: second))"
        case "other": return same([-1, 0, 99, 700, .max].map { machine.sendResponse(status: $0, at: second) })
        case "give up":
            machine.giveUp(at: second)
            return "done"
        case "100's time": return "\(machine.handleTimeout(at: at(3.5)))"
        case "timer J": return "\(machine.handleTimeout(at: at(42)))"
        default: return "\(machine.handleTimeout(at: moment(event, early: machine.deadline)))"
        }
    }

    @Test("does in every state what the RFC says of every event", arguments: table.cases)
    func pair(_ row: StateTable.Case) {
        var machine = Self.machine(row.start, isReliable: row.isReliable)
        #expect(Self.apply(row.event, to: &machine) == row.action)
        #expect("\(machine.state)" == (row.end == "silent" ? "completed" : row.end))
        if row.end == "silent" { #expect(machine.receiveRetransmission() == .none) }
    }

    @Test func `the table has every pair, and each state of the machine`() {
        #expect(Self.table.isComplete)
        #expect(Set(Self.table.states).isSuperset(of: NonInviteServerTransaction.State.allCases.map { "\($0)" }))
    }
}

/// When the event's timer strikes. `early` is just before whatever the machine waits for, or at its deadline where that
/// has already come.
private func moment(_ event: String, early deadline: Instant?) -> Instant {
    switch event {
    case "timer A": at(15.5)
    case "timer B": at(32)
    case "timer D, M", "timer L, I": at(42)
    case "CANCEL's wait": at(52)
    default: deadline.map { begins.contains($0) ? $0 : Instant(nanoseconds: $0.nanoseconds - 1) } ?? second
    }
}

/// When the states above begin: a deadline then is a timer of no length, as reliable transports have them.
private let begins: Set<Instant> = [.zero, second, at(12), at(15)]

/// The one action that all of these are.
private func same<Action: Hashable>(_ actions: [Action]) -> String {
    Set(actions).count == 1 ? actions.first.map { "\($0)" } ?? "" : "mixed"
}
