import MediaRelay
import NetworkTypes
import Testing

@Suite("A call that can't have media is refused early, and nothing leaks")
struct CapacityTests {
    private let scenario = AnchorScenario()

    @Test("when the ports are used up, at the first offer")
    func ports() throws {
        for _ in 0..<20 {
            scenario.session = scenario.anchor.open(caller: .pbx, callee: .trunk)
            try scenario.offer(audio("192.168.0.2", 4000))
        }
        #expect(scenario.free == [0, 0])
        #expect(!scenario.anchor.hasCapacity(on: .outside, .v4))
        #expect(scenario.anchor.hasCapacity(on: .outside, .v6))
        scenario.session = scenario.anchor.open(caller: .pbx, callee: .trunk)
        _ = scenario.takeCommands()
        #expect(throws: MediaRefusal.capacity) { try scenario.offer(audio("192.168.0.2", 4000)) }
        #expect(scenario.takeCommands() == [])
        #expect(scenario.binder.bound.count == 80)
        scenario.session = RelaySessionID(11)
        scenario.close()
        scenario.session = scenario.anchor.open(caller: .pbx, callee: .trunk)
        try scenario.offer(audio("192.168.0.2", 4000))
    }

    @Test("when the second stream has no ports left, both are given back")
    func secondStream() throws {
        let many = audio("192.168.0.2", 4000) + String(repeating: "m=video 4002 RTP/AVP 31\r\n", count: 20)
        #expect(throws: MediaRefusal.capacity) { try scenario.offer(many) }
        #expect(scenario.free == [20, 20])
        #expect(scenario.binder.bound.isEmpty)
        #expect(scenario.takeCommands() == [])
        try scenario.offer(audio("192.168.0.2", 4000))
    }

    @Test("when a re-INVITE finds no ports, the call goes on")
    func reINVITE() throws {
        try scenario.call()
        let many = audio("192.168.0.2", 4000) + String(repeating: "m=video 4002 RTP/AVP 31\r\n", count: 20)
        #expect(throws: MediaRefusal.capacity) { try scenario.offer(many) }
        #expect(scenario.free == [19, 19])
        #expect(scenario.takeCommands() == [])
    }

    @Test("when one side has ports and the other hasn't")
    func oneSide() {
        scenario.binder.taken = Set((10_000...10_039).map { SocketAddress(ip("203.0.113.1"), UInt16($0)) })
        #expect(throws: MediaRefusal.capacity) { try scenario.offer(audio("192.168.0.2", 4000)) }
        #expect(scenario.free == [20, 20])
        #expect(scenario.binder.bound.isEmpty)
    }

    @Test("when descriptors are used up, after a bounded number of attempts")
    func descriptors() {
        scenario.binder.isExhausted = true
        #expect(throws: MediaRefusal.capacity) { try scenario.offer(audio("192.168.0.2", 4000)) }
        #expect(scenario.binder.attempts <= 32)
        #expect(scenario.free == [20, 20])
    }

    @Test("when a fork finds no ports, the others go on")
    func fork() throws {
        try scenario.offer(audio("192.168.0.2", 4000))
        try scenario.answer(audio("198.51.100.7", 5000))
        scenario.binder.isExhausted = true
        _ = scenario.takeCommands()
        #expect(throws: MediaRefusal.capacity) { try scenario.answer(audio("198.51.100.8", 5000), fork: 1) }
        #expect(scenario.takeCommands() == [])
        scenario.confirm()
        #expect(scenario.free == [19, 19])
    }

    @Test("Ports that another process has are passed over, and tried again later")
    func foreign() throws {
        scenario.binder.taken = [
            SocketAddress(ip("203.0.113.1"), 10_000), SocketAddress(ip("203.0.113.1"), 10_003),
            SocketAddress(ip("192.168.0.1"), 10_001),
        ]
        #expect(try scenario.offer(audio("192.168.0.2", 4000)) == audio("203.0.113.1", 10_004))
        #expect(scenario.free == [19, 19])
        #expect(scenario.binder.bound.count == 4)
        #expect(scenario.takeCommands().first == "open 0: 192.168.0.1:10002 203.0.113.1:10004")
    }

    @Test("Both sides on one address share its ports")
    func oneArmed() throws {
        var settings = AnchorScenario.settings
        settings.outside = settings.inside
        settings.inside.networks = []
        settings.outside.networks = []
        let scenario = AnchorScenario(settings)
        try scenario.offer(audio("192.168.0.2", 4000))
        #expect(scenario.takeCommands().first == "open 0: 192.168.0.1:10002 192.168.0.1:10000")
        #expect(scenario.free == [18, 18])
    }

    @Test("The last 2 % of the ports are for emergency calls, whose re-INVITEs have them, too")
    func emergency() throws {
        var settings = AnchorScenario.settings
        settings.ports = 10_000...10_399
        let scenario = AnchorScenario(settings)
        for _ in 0..<196 {
            scenario.session = scenario.anchor.open(caller: .pbx, callee: .trunk)
            try scenario.offer(audio("192.168.0.2", 4000))
        }
        #expect(!scenario.anchor.hasCapacity(on: .outside, .v4))
        scenario.session = scenario.anchor.open(caller: .pbx, callee: .trunk)
        #expect(throws: MediaRefusal.capacity) { try scenario.offer(audio("192.168.0.2", 4000)) }
        for _ in 0..<4 {
            scenario.session = scenario.anchor.open(caller: .pbx, callee: .trunk, isEmergency: true)
            try scenario.offer(audio("192.168.0.2", 4000))
        }
        #expect(scenario.free == [0, 0])
        scenario.session = scenario.anchor.open(caller: .pbx, callee: .trunk, isEmergency: true)
        #expect(throws: MediaRefusal.capacity) { try scenario.offer(audio("192.168.0.2", 4000)) }
    }

    @Test("security 7: whatever happens in whatever order, all ports and descriptors return")
    func disorder() {
        var generator = SplitMix(state: 42)
        let bodies = [
            audio("192.168.0.2", 4000), audio("192.168.0.3", 4000, "sendonly"), audio("127.0.0.1", 4000),
            audio("0.0.0.0", 4000),
            audio("192.168.0.2", 4000) + "m=video 4002 RTP/AVP 31\r\n", audio("192.168.0.2", 0),
            audio("192.168.0.2", 4000).replacing("m=audio 4000 RTP/AVP 0", with: "m=image 4000 udptl t38"),
            audio("192.168.0.2", 0) + "m=video 4002 RTP/AVP 31\r\n", sdp("v=0"), "",
            audio("192.168.0.2", 4000).replacing("RTP/AVP", with: "TCP/MSRP"),
            audio("192.168.0.2", 4000, "ice-ufrag:abcd", "ice-pwd:abcdefghijklmnopqrstuv"),
            audio("192.168.0.2", 4000, "ice-ufrag:efgh", "ice-pwd:abcdefghijklmnopqrstuv"),
        ]
        for _ in 0..<300 {
            let scenario = AnchorScenario(caller: .pbx, callee: .pbx)
            for _ in 0..<Int.random(in: 1...25, using: &generator) {
                let body = bodies.randomElement(using: &generator) ?? ""
                let end = LegEnd.allCases.randomElement(using: &generator) ?? .caller
                let (exchange, fork) = (
                    UInt64.random(in: 1...4, using: &generator), UInt32.random(in: 0...3, using: &generator)
                )
                scenario.binder.isExhausted = Int.random(in: 0..<10, using: &generator) == 0
                switch Int.random(in: 0..<12, using: &generator) {
                case 0..<5: _ = try? scenario.offer(body, from: end, exchange: exchange, fork: fork)
                case 5..<9: _ = try? scenario.answer(body, from: end, exchange: exchange, fork: fork)
                case 9: scenario.confirm(fork: fork)
                case 10: scenario.rollback(exchange)
                default: break
                }
                let used = 20 - scenario.free[0]
                #expect(scenario.binder.bound.count == 2 * used)
                #expect(scenario.core.socketCount == 2 * used)
            }
            scenario.close()
            #expect(scenario.free == [20, 20])
            #expect(scenario.binder.bound.isEmpty)
            #expect(scenario.anchor.sessionCount == 0)
        }
    }
}
