import MediaRelay
import NetworkTypes
import Testing

@Suite("Both sides on one address")
struct OneAddressTests {
    private func scenario(pairs: Int = 20) -> AnchorScenario {
        var settings = AnchorScenario.settings
        settings.outside.v4 = settings.inside.v4
        settings.ports = 10_000...UInt16(10_000 + 2 * pairs - 1)
        settings.allPorts = settings.ports
        return AnchorScenario(settings)
    }

    @Test("share one pool: no port is handed to both")
    func ports() throws {
        let scenario = scenario()
        #expect(try scenario.offer(audio("192.168.0.2", 4000)) == audio("192.168.0.1", 10_000))
        #expect(try scenario.answer(audio("198.51.100.7", 5000)) == audio("192.168.0.1", 10_002))
        #expect(scenario.takeCommands().first == "open 0: 192.168.0.1:10002 192.168.0.1:10000")
        #expect(Set(scenario.binder.bound.values).count == 4)
    }

    @Test("need two pairs for a call, and give back the one that found no other")
    func capacity() throws {
        let scenario = scenario(pairs: 3)
        try scenario.offer(audio("192.168.0.2", 4000))
        scenario.session = scenario.anchor.open(caller: .pbx, callee: .trunk)
        #expect(throws: MediaRefusal.capacity) { try scenario.offer(audio("192.168.0.2", 4002)) }
        #expect(scenario.anchor.freePairs(on: .outside, .v4) == 1)
        #expect(scenario.binder.bound.count == 4)
    }

    @Test("keep the rules for targets: not our own, not the other side's (security 13)")
    func targets() throws {
        let scenario = scenario()
        try scenario.offer(audio("192.168.0.2", 4000))
        for target in ["192.168.0.1", "192.168.0.9", "::ffff:192.168.0.9"] {
            #expect(throws: MediaRefusal.self) { try scenario.answer(audio(target, 5060)) }
        }
        try scenario.answer(audio("198.51.100.7", 5000))
    }
}

@Suite("An outside address that changes")
struct ChangingAddressTests {
    private func known(_ scenario: AnchorScenario, by addresses: String...) {
        scenario.anchor.advertise(addresses.compactMap { IPAddress($0) })
    }

    @Test("is told by SDP from then on, in calls that are up too; sockets stay as they are")
    func change() throws {
        let scenario = AnchorScenario()
        known(scenario, by: "192.0.2.77")
        #expect(try scenario.offer(audio("192.168.0.2", 4000)) == audio("192.0.2.77", 10_000))
        known(scenario, by: "192.0.2.78", "2001:db8:9::9")
        try scenario.answer(audio("198.51.100.7", 5000))
        _ = scenario.takeCommands()
        #expect(try scenario.offer(audio("192.168.0.2", 4000)) == audio("192.0.2.78", 10_000))
        #expect(scenario.takeCommands() == [])
    }

    @Test("Former ones are still ours: named outside they lead to our own leg there, or nowhere")
    func former() throws {
        let scenario = AnchorScenario(caller: .trunk, callee: .pbx)
        for last in 70...75 { known(scenario, by: "192.0.2.\(last)") }
        try scenario.offer(audio("198.51.100.7", 5000))
        _ = scenario.takeCommands()
        for last in [72, 75] {
            scenario.session = scenario.anchor.open(caller: .trunk, callee: .pbx)
            try scenario.offer(audio("192.0.2.\(last)", 10_000))
            #expect(scenario.takeCommands().last == "prepare 0 caller 203.0.113.1:10000 for 1", "\(last)")
            #expect(throws: MediaRefusal.forbiddenAddress(ip("192.0.2.\(last)"), .ourOwn)) {
                scenario.session = scenario.anchor.open(caller: .trunk, callee: .pbx)
                try scenario.offer(audio("192.0.2.\(last)", 5060))
            }
        }
        scenario.session = scenario.anchor.open(caller: .trunk, callee: .pbx)
        try scenario.offer(audio("192.0.2.70", 10_000))
        #expect(scenario.takeCommands().last == "prepare 0 caller 192.0.2.70:10000 for 1")
    }
}
