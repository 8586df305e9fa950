import Config
import NetworkTypes
import Testing

@testable import OutboundProxy
@testable import sallyport

@Suite("Budgets of all shards")
struct SharedCallBudgetTests {
    let directory: TemporaryDirectory
    let start = Instant.zero + .seconds(1000)

    init() throws { directory = try TemporaryDirectory() }

    private func configuration(_ change: (inout TrunkConfiguration) -> Void) -> Configuration {
        var configuration = Configuration(inside: IPAddress(v4: 0xc0a8_0001), outside: IPAddress(v4: 0xcb00_7101))
        var trunk = TrunkConfiguration(name: "myitsp", domain: "my.itsp.com")
        change(&trunk)
        configuration.trunks = [trunk]
        return configuration
    }

    private func open(at now: Instant, _ change: (inout TrunkConfiguration) -> Void) throws -> SharedCallBudget? {
        try SharedCallBudget(configuration(change), state: try StateDirectory(path: directory.path), now: now)
    }

    @Test("Without limits there is none to ask")
    func none() throws { #expect(try open(at: start) { _ in } == nil) }

    @Test("The minutes of a day survive a restart, those of calls that went on included")
    func restart() throws {
        var budget = try #require(try open(at: start) { $0.minutesPerDay = 2 })
        for _ in 0..<2 {
            var place = try budget.admit(trunk: "myitsp", isOutbound: true, at: start).get()
            budget.answer(&place, at: start)
        }
        budget.record(at: start + .seconds(20))
        budget.flush(at: start + .seconds(60))
        // The clock of instants starts anew.
        budget = try #require(try open(at: .zero + .seconds(5)) { $0.minutesPerDay = 2 })
        let refusal = budget.admit(trunk: "myitsp", isOutbound: true, at: .zero + .seconds(6))
        #expect(refusal == .failure(CallRefusal(cause: .trunkMinutes, limit: 2, trunk: "myitsp")))
        budget = try #require(try open(at: .zero + .seconds(7)) { $0.minutesPerDay = 3 })
        #expect(budget.usage(at: .zero + .seconds(8)).map(\.seconds) == [120])
        _ = try budget.admit(trunk: "myitsp", isOutbound: true, at: .zero + .seconds(9)).get()
    }

    @Test("Threads that ask at once never get more than there is, and all give back what they got")
    func threads() async throws {
        let budget = try #require(try open(at: start) { $0.maxCalls = 5 })
        let now = start
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<2000 {
                        guard case .success(var place) = budget.admit(trunk: "myitsp", isOutbound: true, at: now) else {
                            continue
                        }
                        budget.answer(&place, at: now)
                        if budget.usage(at: now).contains(where: { $0.calls > 5 }) { Issue.record("too many") }
                        budget.end(place, isChallenged: false, at: now)
                    }
                }
            }
        }
        #expect(budget.usage(at: now).map(\.calls) == [0])
    }
}
