import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// How many calls there may be (design §10), on given time.
@Suite struct CallBudgetTests {
    private static let midnight: Int64 = 86_400 * 20_000

    private func at(_ seconds: Double) -> Instant { .zero + .milliseconds(Int64(seconds * 1000)) }

    private func budget(_ limits: CallBudget.Limits, perSecond: Int? = nil, start: Int64 = midnight) -> CallBudget {
        CallBudget(callsPerSecond: perSecond, trunks: [("a", limits)], unixTime: start, at: .zero)
    }

    @Test func `calls a second are those of one second, and go on at that pace`() {
        var budget = budget(.init(), perSecond: 200)
        var admitted = 0
        // 400 a second for ten seconds.
        for number in 0..<4000 {
            if case .success = budget.admit(trunk: "x", isOutbound: true, at: at(Double(number) / 400)) {
                admitted += 1
            }
        }
        #expect((2190...2205).contains(admitted))
    }

    @Test func `calls at once count in both directions, and a place is given back`() throws {
        var budget = budget(.init(calls: 2))
        let first = try budget.admit(trunk: "a", isOutbound: true, at: at(0)).get()
        _ = try budget.admit(trunk: "a", isOutbound: false, at: at(0)).get()
        let refusal = budget.admit(trunk: "a", isOutbound: true, at: at(0))
        #expect(refusal == .failure(CallRefusal(cause: .trunkCalls, limit: 2, trunk: "a")))
        if case .failure(let refusal) = refusal { #expect(refusal.reason == "Trunk a Has 2 Calls") }
        #expect((try? budget.admit(trunk: "b", isOutbound: true, at: at(0)).get()) != nil)
        budget.end(first, at: at(1))
        #expect((try? budget.admit(trunk: "a", isOutbound: true, at: at(1)).get()) != nil)
    }

    @Test func `a trunk's calls a second are those that we place`() throws {
        var budget = budget(.init(callsPerSecond: 2))
        for _ in 0..<5 { _ = try budget.admit(trunk: "a", isOutbound: false, at: at(0)).get() }
        for _ in 0..<2 { _ = try budget.admit(trunk: "a", isOutbound: true, at: at(0)).get() }
        guard case .failure(let refusal) = budget.admit(trunk: "a", isOutbound: true, at: at(0.1)) else {
            Issue.record("a third call")
            return
        }
        #expect(refusal.cause == .trunkRate)
        _ = try budget.admit(trunk: "a", isOutbound: true, at: at(0.6)).get()
    }

    @Test func `a call that was only asked for credentials does not count`() throws {
        var budget = budget(.init(calls: 1, callsPerSecond: 1), perSecond: 1)
        for _ in 0..<10 {
            let place = try budget.admit(trunk: "a", isOutbound: true, at: at(0)).get()
            budget.end(place, isChallenged: true, at: at(0))
        }
    }

    @Test func `minutes are those of answered calls, running ones included`() throws {
        var budget = budget(.init(minutesPerDay: 2))
        var place = try budget.admit(trunk: "a", isOutbound: true, at: at(0)).get()
        // It rings for an hour.
        budget.answer(&place, at: at(3600))
        budget.answer(&place, at: at(3650))
        #expect((try? budget.admit(trunk: "a", isOutbound: true, at: at(3719)).get()) != nil)
        guard case .failure(let refusal) = budget.admit(trunk: "a", isOutbound: true, at: at(3720)) else {
            Issue.record("beyond two minutes")
            return
        }
        #expect(refusal.reason == "Trunk a Has Used Its 2 Minutes Of Today")
        #expect((try? budget.admit(trunk: "a", isOutbound: false, at: at(3720)).get()) != nil)
        budget.end(place, at: at(3730))
        #expect(budget.usage(at: at(9000)).first?.seconds == 130)
    }

    @Test func `at midnight the day is new, and running calls count from there`() throws {
        var budget = budget(.init(minutesPerDay: 10), start: Self.midnight - 100)
        var place = try budget.admit(trunk: "a", isOutbound: true, at: at(0)).get()
        budget.answer(&place, at: at(0))
        #expect(budget.usage(at: at(99)).first?.seconds == 99)
        #expect(budget.usage(at: at(100)).first?.seconds == 0)
        #expect(budget.usage(at: at(130)).first?.seconds == 30)
        budget.end(place, at: at(140))
        #expect(budget.usage(at: at(200)).first?.seconds == 40)
        #expect(budget.usage(at: at(200)).first?.day == 20_000)
    }

    @Test func `what was used before the start counts on the same day alone`() {
        var budget = budget(.init(minutesPerDay: 1))
        budget.restore(trunk: "a", day: 19_999, seconds: 60, at: at(1))
        budget.restore(trunk: "gone", day: 20_000, seconds: 60, at: at(1))
        #expect((try? budget.admit(trunk: "a", isOutbound: true, at: at(1)).get()) != nil)
        budget.restore(trunk: "a", day: 20_000, seconds: 60, at: at(1))
        #expect((try? budget.admit(trunk: "a", isOutbound: true, at: at(1)).get()) == nil)
    }
}
