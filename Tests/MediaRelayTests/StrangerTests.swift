import MediaRelay
import NetworkTypes
import Testing

@Suite("Strangers on media ports")
struct StrangerTests {
    private let scenario = RelayScenario()

    /// A PBX and a phone that may be anywhere.
    private func openPhone(signalled: String = "192.168.7.7:4000") -> OpenedStream {
        let stream = scenario.open()
        scenario.command(.prepare(stream: stream.id, leg: .caller, remote: remote(1, "10.0.0.2:4000")))
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: phone(1, signalled)))
        scenario.command(.commit(stream: stream.id, generation: 1))
        return stream
    }

    private func phone(_ generation: UInt32, _ signalled: String = "192.168.7.7:4000") -> LegRemote {
        remote(generation, signalled, signalling: "203.0.113.50", any: true, fixed: false)
    }

    private func isRelayed(_ packet: [UInt8], on socket: RelaySocket, from source: String) -> Bool {
        if case .forward = scenario.receive(packet, on: socket.descriptor, from: source) { return true }
        return false
    }

    @Test("security 1: spraying a trunk's ports gets nothing through, and nothing back")
    func sprayTrunk() {
        let stream = scenario.openTrunk()
        let all = [stream.caller.rtp, stream.caller.rtcp, stream.callee.rtp, stream.callee.rtcp]
        for number in 0..<2_000 {
            for socket in all {
                #expect(!isRelayed(number % 2 == 0 ? rtp(number) : rtcp, on: socket, from: "192.0.2.66:\(number + 1)"))
            }
        }
        #expect(scenario.relay(on: stream.caller.rtp, from: "10.0.0.2:4000").hasPrefix("198.51.100.1:6000 "))
    }

    @Test(
        "security 1: of all strangers together five packets pass a phone's stream, RTCP included, and none is answered")
    func sprayPhone() {
        let stream = openPhone()
        var passed = 0
        for number in 0..<2_000 {
            for (socket, packet) in [(stream.callee.rtp, rtp(number)), (stream.callee.rtcp, rtcp)] {
                if isRelayed(packet, on: socket, from: "192.0.2.\(number % 250):\(number + 1)") { passed += 1 }
            }
            let answer = scenario.relay(on: stream.caller.rtp, from: "10.0.0.2:4000")
            #expect(answer.hasPrefix("192.168.7.7:4000 "))
        }
        #expect(passed == 5)
        #expect(scenario.report(stream, .callee)?.counters.provisional == 5)
        #expect(scenario.report(stream, .callee)?.source == nil)
    }

    @Test("security 1: a re-INVITE and a fork don't renew what strangers may send")
    func budgetIsForLife() {
        let stream = openPhone()
        var passed = 0
        for round in 1...20 as ClosedRange<UInt32> {
            for number in 0..<5 where isRelayed(rtp(number), on: stream.callee.rtp, from: "192.0.2.66:6000") {
                passed += 1
            }
            let fork = RelayStreamID(session: stream.id.session, index: UInt16(round))
            let own = scenario.sockets("10.0.0.1", 20_000 + 2 * UInt16(round))
            scenario.command(.fork(stream: fork, of: stream.id, shared: .callee, own: own))
            for id in [stream.id, fork] {
                scenario.command(.prepare(stream: id, leg: .callee, remote: phone(round + 1)))
                scenario.command(.prepare(stream: id, leg: .caller, remote: remote(round + 1, "10.0.0.2:4000")))
                scenario.command(.commit(stream: id, generation: round + 1))
            }
        }
        #expect(passed == 5)
    }

    @Test("security 2: the phone wins over an attacker who was there first and goes on sending")
    func attackerFirst() {
        let stream = openPhone()
        for number in 0..<10 {
            _ = isRelayed(rtp(number), on: stream.callee.rtp, from: "192.0.2.66:6000")
            scenario.advance(.milliseconds(20))
        }
        for number in 0..<500 {
            #expect(!isRelayed(rtp(number), on: stream.callee.rtp, from: "192.0.2.66:6000"))
            #expect(isRelayed(rtp(number), on: stream.callee.rtp, from: "203.0.113.50:33333"))
            let toPhone = scenario.relay(on: stream.caller.rtp, from: "10.0.0.2:4000")
            #expect(toPhone.hasPrefix("203.0.113.50:33333 "))
            scenario.advance(.milliseconds(20))
        }
    }

    @Test("Signalling that comes from the phone's media address makes it a known source")
    func confirmed() {
        let stream = openPhone()
        for number in 0..<10 { _ = isRelayed(rtp(number), on: stream.callee.rtp, from: "192.0.2.77:6000") }
        var moved = phone(2)
        moved.signallingAddress = IPAddress("192.0.2.77")
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: moved))
        scenario.command(.commit(stream: stream.id, generation: 2))
        #expect(isRelayed(rtp(11), on: stream.callee.rtp, from: "192.0.2.77:6000"))
        #expect(scenario.relay(on: stream.caller.rtp, from: "10.0.0.2:4000").hasPrefix("192.0.2.77:6000 "))
    }

    @Test("security 5: a million bad packets change nothing")
    func flood() throws {
        let stream = openPhone()
        #expect(isRelayed(rtp(1), on: stream.callee.rtp, from: "203.0.113.50:33333"))
        let before = try #require(scenario.report(stream, .callee))
        let bad: [[UInt8]] = [
            [], [0x80], Array(rtp(1).prefix(11)), stun, [0x90] + Array(rtp(1).dropFirst()), rtp(7), rtcp,
        ]
        let sources = [address("192.0.2.66:6000"), address("192.0.2.67:1")]
        let channel = try #require(scenario.channels[stream.callee.rtp.descriptor])
        for number in 0..<1_000_000 {
            let packet = bad[number % bad.count]
            _ = channel.receive(packet, from: sources[number % 2], at: scenario.now)
        }
        let after = try #require(scenario.report(stream, .callee))
        #expect(after.source == before.source)
        #expect(after.counters.packets == before.counters.packets)
        #expect(after.counters.lost == 0)
        #expect(after.counters.droppedSource + after.counters.droppedMalformed == 1_000_000)
        #expect(scenario.closed.isEmpty)
        #expect(isRelayed(rtp(2), on: stream.callee.rtp, from: "203.0.113.50:33333"))
        #expect(scenario.relay(on: stream.caller.rtp, from: "10.0.0.2:4000").hasPrefix("203.0.113.50:33333 "))
    }
}
