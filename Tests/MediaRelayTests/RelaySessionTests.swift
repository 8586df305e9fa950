import CAllocationCounter
import MediaRelay
import NetworkTypes
import Testing

@Suite("Relay sessions: silence, ending, ownership of sockets")
struct RelaySessionTests {
    private let scenario = RelayScenario()

    private var silent: Int { scenario.events.count { if case .silent = $0 { true } else { false } } }

    @Test("Silence of all legs is said once, after the time without a valid packet")
    func silence() {
        let stream = scenario.openTrunk()
        scenario.command(.watch(stream.id.session, silence: .seconds(60)))
        for _ in 0..<100 {
            scenario.advance(.seconds(1))
            _ = scenario.relay(on: stream.caller.rtp, from: "10.0.0.2:4000")
        }
        scenario.advance(.milliseconds(59_900))
        #expect(silent == 0)
        scenario.advance(.milliseconds(100))
        #expect(silent == 1)
        scenario.advance(.seconds(600))
        #expect(silent == 1)
        #expect(scenario.core.nextDeadline == nil)
    }

    @Test("RTCP of one leg keeps a session alive; bad packets and strangers don't", arguments: [true, false])
    func whatCounts(_ isValid: Bool) {
        let stream = scenario.openTrunk()
        scenario.command(.watch(stream.id.session, silence: .seconds(10)))
        for _ in 0..<60 {
            scenario.advance(.seconds(1))
            if isValid {
                _ = scenario.relay(rtcp, on: stream.callee.rtcp, from: "198.51.100.1:6001")
            } else {
                _ = scenario.relay(rtp(1), on: stream.callee.rtp, from: "192.0.2.66:6000")
                _ = scenario.relay(stun, on: stream.callee.rtp, from: "198.51.100.1:6000")
            }
        }
        #expect(silent == (isValid ? 0 : 1))
    }

    @Test("The watch counts from its command on, can be renewed, and can be ended")
    func watchCommands() {
        let stream = scenario.openTrunk()
        scenario.advance(.seconds(100))
        scenario.command(.watch(stream.id.session, silence: .seconds(10)))
        scenario.advance(.seconds(9))
        scenario.command(.watch(stream.id.session, silence: .seconds(10)))
        scenario.advance(.seconds(9))
        #expect(silent == 0)
        scenario.command(.watch(stream.id.session, silence: nil))
        scenario.advance(.seconds(100))
        #expect(silent == 0)
        scenario.command(.watch(stream.id.session, silence: .seconds(10)))
        scenario.advance(.seconds(10))
        #expect(silent == 1)
    }

    @Test("A closed session reports what its legs counted, streams closed before included")
    func ended() throws {
        let (audio, video) = (scenario.openTrunk(0), scenario.openTrunk(1))
        for stream in [audio, video] { _ = scenario.relay(on: stream.caller.rtp, from: "10.0.0.2:4000") }
        scenario.command(.close(stream: video.id))
        scenario.command(.closeSession(audio.id.session))
        guard case .ended(let session, let reports) = try #require(scenario.events.last) else {
            Issue.record("not ended")
            return
        }
        #expect(session == audio.id.session)
        // The leg that nothing came to is told of as long as its stream is there.
        #expect(reports.count == 3)
        #expect(reports.map(\.counters.packets).reduce(0, +) == 2)
        #expect(Set(reports.map(\.stream)) == [audio.id, video.id])
        #expect(scenario.core.sessionCount == 0)
        #expect(scenario.core.snapshot().isEmpty)
    }

    @Test("A session that nobody knows ends with nothing to report")
    func unknownSession() {
        scenario.command(.closeSession(RelaySessionID(99)))
        #expect(scenario.events.count == 1)
    }

    @Test("security 7: a repeated open returns the sockets it brought, and never those in use")
    func repeatedOpen() {
        let stream = scenario.openTrunk()
        scenario.command(.open(stream: stream.id, caller: stream.caller, callee: stream.callee, isOpaque: false))
        #expect(scenario.closed.isEmpty)
        let other = (scenario.sockets("10.0.0.1", 40_000), scenario.sockets("203.0.113.1", 40_000))
        scenario.command(.open(stream: stream.id, caller: other.0, callee: other.1, isOpaque: false))
        #expect(scenario.closed.count == 4)
        #expect(scenario.relay(on: stream.caller.rtp, from: "10.0.0.2:4000").hasPrefix("198.51.100.1:6000 "))
    }

    @Test("security 7: any order of commands and packets returns every socket once", arguments: 0..<8)
    func randomOrder(_ seed: UInt64) {
        var random = SplitMix(state: seed)
        var given: Set<Int32> = []
        func sockets() -> LegSockets {
            let host = Bool.random(using: &random) ? "10.0.0.1" : "203.0.113.1"
            let sockets = scenario.sockets(host, UInt16.random(in: 10_000...10_100, using: &random))
            given.formUnion([sockets.rtp.descriptor, sockets.rtcp.descriptor])
            return sockets
        }
        func stream() -> RelayStreamID {
            let session = RelaySessionID(UInt64.random(in: 0..<4, using: &random))
            return RelayStreamID(session: session, index: UInt16.random(in: 0..<3, using: &random))
        }
        func leg() -> LegEnd { Bool.random(using: &random) ? .caller : .callee }
        func anyAddress() -> String {
            let host = ["10.0.0.1", "203.0.113.1", "10.0.0.2"].randomElement(using: &random) ?? ""
            return "\(host):\(UInt16.random(in: 10_000...10_100, using: &random))"
        }
        for _ in 0..<1_500 {
            let generation = UInt32.random(in: 0..<3, using: &random)
            switch Int.random(in: 0..<12, using: &random) {
            case 0, 1: scenario.command(.open(stream: stream(), caller: sockets(), callee: sockets(), isOpaque: false))
            case 2: scenario.command(.fork(stream: stream(), of: stream(), shared: leg(), own: sockets()))
            case 3, 4:
                let target = remote(generation, anyAddress(), any: true, fixed: false)
                scenario.command(.prepare(stream: stream(), leg: leg(), remote: target))
            case 5, 6: scenario.command(.commit(stream: stream(), generation: generation))
            case 7: scenario.command(.discard(stream: stream(), generation: generation))
            case 8: scenario.command(.close(stream: stream()))
            case 9: scenario.command(.closeSession(stream().session))
            case 10: scenario.command(.watch(stream().session, silence: .seconds(1)))
            default: scenario.advance(.milliseconds(300))
            }
            for descriptor in scenario.channels.keys.sorted().prefix(8) {
                let packet = Bool.random(using: &random) ? rtp(3) : rtcp
                _ = scenario.receive(packet, on: descriptor, from: anyAddress())
            }
        }
        for session in 0..<4 as Range<UInt64> { scenario.command(.closeSession(RelaySessionID(session))) }
        #expect(scenario.closed.count == given.count)
        #expect(Set(scenario.closed) == given)
        #expect(scenario.channels.isEmpty)
        #expect(scenario.core.socketCount == 0)
        #expect(scenario.core.sessionCount == 0)
    }

    // A sanitizer's own malloc isn't counted.
    @Test("A million packets allocate nothing", .enabled(if: CAllocationCounter_count() > 0))
    func allocations() throws {
        let stream = scenario.openTrunk()
        let (caller, callee) = (
            try #require(scenario.channels[stream.caller.rtp.descriptor]),
            try #require(scenario.channels[stream.callee.rtp.descriptor])
        )
        let sources = (address("10.0.0.2:4000"), address("198.51.100.1:6000"), address("192.0.2.66:6000"))
        var packet = rtp(1)
        func relay(_ count: Int) {
            var slot = packet.mutableSpan
            for number in 0..<count {
                let now = Instant(nanoseconds: Int64(number) * 20_000_000)
                _ = caller.receive(&slot, length: 172, from: sources.0, at: now)
                _ = callee.receive(&slot, length: 172, from: sources.1, at: now)
                _ = callee.receive(&slot, length: 172, from: sources.2, at: now)
            }
        }
        relay(10)
        let before = CAllocationCounter_count()
        relay(333_334)
        let allocated = CAllocationCounter_count() - before
        #expect(allocated == 0)
    }
}

/// A small generator with a seed, for tests that must repeat.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
        return word ^ word >> 31
    }
}
