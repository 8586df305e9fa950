import MediaRelay
import NetworkTypes
import Testing

@Suite("security 25: each fork has its own media")
struct ForkedAnswerTests {
    private let scenario = AnchorScenario()

    @Test("The offer's leg is shared, each answer has its own, and the first 2xx wins")
    func forks() throws {
        try scenario.offer(audio("192.168.0.2", 4000))
        #expect(try scenario.answer(audio("198.51.100.7", 5000), fork: 0) == audio("192.168.0.1", 10_000))
        _ = scenario.takeCommands()
        #expect(try scenario.answer(audio("198.51.100.8", 6000), fork: 1) == audio("192.168.0.1", 10_002))
        #expect(
            scenario.takeCommands() == [
                "fork 1 of 0 sharing callee: 192.168.0.1:10002", "prepare 1 caller 192.168.0.2:4000 for 1",
                "prepare 1 callee 198.51.100.8:6000 for 1", "commit 1 to 1",
            ])
        #expect(scenario.free == [18, 19])
        #expect(try scenario.answer(audio("198.51.100.8", 6000), fork: 1) == audio("192.168.0.1", 10_002))
        #expect(scenario.takeCommands() == [])
        scenario.confirm(fork: 1)
        #expect(scenario.takeCommands() == ["close 0", "watch 60"])
        #expect(scenario.free == [19, 19])
        #expect(scenario.binder.bound.count == 4)

        #expect(try scenario.answer(audio("198.51.100.8", 6000), fork: 1) == audio("192.168.0.1", 10_002))
        #expect(try scenario.answer(audio("198.51.100.7", 5000), fork: 0) == audio("192.168.0.1", 10_002))
        #expect(scenario.takeCommands() == [])

        try scenario.offer(audio("192.168.0.2", 4000))
        #expect(try scenario.answer(audio("198.51.100.8", 6002), fork: 0) == audio("192.168.0.1", 10_002))
        #expect(scenario.takeCommands() == ["prepare 1 callee 198.51.100.8:6002 for 4", "commit 1 to 4"])
        scenario.close()
        #expect(scenario.free == [20, 20])
        #expect(scenario.binder.bound.isEmpty)
    }

    @Test("Fork 0 wins, and what the others had is closed")
    func firstWins() throws {
        try scenario.offer(audio("192.168.0.2", 4000))
        for fork in UInt32(0)..<4 { try scenario.answer(audio("198.51.100.7", 5000 + 2 * Int(fork)), fork: fork) }
        #expect(scenario.free == [16, 19])
        _ = scenario.takeCommands()
        scenario.confirm(fork: 0)
        #expect(scenario.takeCommands() == ["close 1", "close 2", "close 3", "watch 60"])
        #expect(scenario.free == [19, 19])
    }

    @Test("A stream that one fork refuses is still there for another")
    func refusedByOne() throws {
        try scenario.offer(audio("192.168.0.2", 4000) + "m=video 4002 RTP/AVP 31\r\n")
        try scenario.answer(audio("198.51.100.7", 5000) + "m=video 0 RTP/AVP 31\r\n", fork: 0)
        let answer = try scenario.answer(audio("198.51.100.8", 6000) + "m=video 6002 RTP/AVP 31\r\n", fork: 1)
        #expect(answer == audio("192.168.0.1", 10_004) + "m=video 10006 RTP/AVP 31\r\n")
        scenario.confirm(fork: 1)
        #expect(scenario.free == [18, 18])
    }

    @Test("Early UPDATEs of a fork stay with it")
    func update() throws {
        try scenario.offer(audio("192.168.0.2", 4000))
        try scenario.answer(audio("198.51.100.7", 5000), fork: 0)
        try scenario.answer(audio("198.51.100.8", 6000), fork: 1)
        _ = scenario.takeCommands()
        #expect(try scenario.offer(audio("198.51.100.8", 6002), from: .callee, fork: 1) == audio("192.168.0.1", 10_002))
        #expect(try scenario.answer(audio("192.168.0.2", 4000), from: .caller, fork: 9) == audio("203.0.113.1", 10_000))
        #expect(scenario.takeCommands() == ["prepare 1 callee 198.51.100.8:6002 for 2", "commit 1 to 2"])
    }

    @Test("Late offers of two forks share the callees' leg")
    func lateOffers() throws {
        #expect(
            try scenario.offer(audio("198.51.100.7", 5000), from: .callee, exchange: 1, fork: 0)
                == audio("192.168.0.1", 10_000))
        try scenario.answer(audio("192.168.0.2", 4000), from: .caller, exchange: 1)
        _ = scenario.takeCommands()
        #expect(
            try scenario.offer(audio("198.51.100.8", 6000), from: .callee, exchange: 2, fork: 1)
                == audio("192.168.0.1", 10_002))
        try scenario.answer(audio("192.168.0.2", 4004), from: .caller, exchange: 2)
        #expect(
            scenario.takeCommands() == [
                "fork 1 of 0 sharing callee: 192.168.0.1:10002", "prepare 1 callee 198.51.100.8:6000 for 2",
                "prepare 1 caller 192.168.0.2:4004 for 2", "commit 1 to 2",
            ])
    }

    @Test("Sixteen forks get media, the next does not, and nothing leaks")
    func manyForks() throws {
        try scenario.offer(audio("192.168.0.2", 4000))
        for fork in UInt32(0)..<16 { try scenario.answer(audio("198.51.100.7", 5000), fork: fork) }
        #expect(throws: MediaRefusal.notAcceptable(.tooManyExchanges)) {
            try scenario.answer(audio("198.51.100.7", 5000), fork: 16)
        }
        scenario.close()
        #expect(scenario.free == [20, 20])
        #expect(scenario.binder.bound.isEmpty)
    }
}
