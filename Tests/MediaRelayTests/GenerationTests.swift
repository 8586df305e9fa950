import MediaRelay
import NetworkTypes
import Testing

@Suite("Generations: offer, answer, failure")
struct GenerationTests {
    private let scenario = RelayScenario()

    @Test("Before the answer the offerer's packets have nowhere to go, and nobody else's are believed")
    func beforeAnswer() {
        let stream = scenario.open()
        scenario.command(.prepare(stream: stream.id, leg: .caller, remote: remote(1, "10.0.0.2:4000")))
        #expect(scenario.relay(on: stream.caller.rtp, from: "10.0.0.2:4000") == "noDestination")
        #expect(scenario.relay(on: stream.caller.rtp, from: "10.0.0.3:4000") == "source")
        #expect(scenario.relay(on: stream.callee.rtp, from: "198.51.100.1:6000") == "source")
        #expect(scenario.report(stream, .caller)?.counters.droppedNoDestination == 1)
    }

    @Test("A new remote is believed beside the old one until the answer, and then becomes the destination")
    func move() {
        let stream = scenario.openTrunk()
        let toCaller = " from \(stream.caller.rtp.descriptor)"
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: remote(2, "198.51.100.9:8000")))
        for source in ["198.51.100.1:6000", "198.51.100.9:8000"] {
            #expect(scenario.relay(on: stream.callee.rtp, from: source) == "10.0.0.2:4000" + toCaller)
            #expect(scenario.relay(on: stream.caller.rtp, from: "10.0.0.2:4000").hasPrefix("198.51.100.1:6000 "))
        }
        scenario.command(.commit(stream: stream.id, generation: 2))
        #expect(scenario.relay(on: stream.caller.rtp, from: "10.0.0.2:4000").hasPrefix("198.51.100.9:8000 "))
        for _ in 0..<19 {
            scenario.advance(.milliseconds(100))
            #expect(scenario.relay(on: stream.callee.rtp, from: "198.51.100.1:6000") == "10.0.0.2:4000" + toCaller)
            #expect(scenario.relay(on: stream.callee.rtp, from: "198.51.100.9:8000") == "10.0.0.2:4000" + toCaller)
        }
        scenario.advance(.milliseconds(101))
        #expect(scenario.relay(on: stream.callee.rtp, from: "198.51.100.1:6000") == "source")
        #expect(scenario.relay(on: stream.callee.rtp, from: "198.51.100.9:8000") == "10.0.0.2:4000" + toCaller)
    }

    @Test("In the overlap only the old source itself is still believed, not its whole address")
    func overlapIsNarrow() {
        let stream = scenario.openTrunk()
        _ = scenario.relay(on: stream.callee.rtp, from: "198.51.100.1:6000")
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: remote(2, "198.51.100.9:8000")))
        scenario.command(.commit(stream: stream.id, generation: 2))
        #expect(scenario.relay(on: stream.callee.rtp, from: "198.51.100.1:6002") == "source")
        #expect(scenario.relay(on: stream.callee.rtp, from: "198.51.100.1:6000").hasPrefix("10.0.0.2:4000 "))
    }

    @Test("A failed exchange leaves everything as it was")
    func discard() {
        let stream = scenario.openTrunk()
        _ = scenario.relay(on: stream.callee.rtp, from: "198.51.100.1:6000")
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: remote(2, "198.51.100.9:8000")))
        scenario.command(.discard(stream: stream.id, generation: 2))
        scenario.command(.commit(stream: stream.id, generation: 2))
        #expect(scenario.relay(on: stream.callee.rtp, from: "198.51.100.9:8000") == "source")
        #expect(scenario.relay(on: stream.callee.rtp, from: "198.51.100.1:6000").hasPrefix("10.0.0.2:4000 "))
        #expect(scenario.relay(on: stream.caller.rtp, from: "10.0.0.2:4000").hasPrefix("198.51.100.1:6000 "))
    }

    @Test("A commit or discard of another generation does nothing", arguments: [1, 3, 4] as [UInt32])
    func otherGeneration(_ generation: UInt32) {
        let stream = scenario.openTrunk()
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: remote(2, "198.51.100.9:8000")))
        scenario.command(.commit(stream: stream.id, generation: generation))
        scenario.command(.discard(stream: stream.id, generation: generation))
        #expect(scenario.relay(on: stream.caller.rtp, from: "10.0.0.2:4000").hasPrefix("198.51.100.1:6000 "))
        scenario.command(.commit(stream: stream.id, generation: 2))
        #expect(scenario.relay(on: stream.caller.rtp, from: "10.0.0.2:4000").hasPrefix("198.51.100.9:8000 "))
    }

    @Test("Early media: every provisional answer may commit, the last one counts")
    func earlyMedia() {
        let stream = scenario.open()
        scenario.command(.prepare(stream: stream.id, leg: .caller, remote: remote(1, "10.0.0.2:4000")))
        for (generation, answer) in [(1, "198.51.100.1:6000"), (2, "198.51.100.2:6000")] as [(UInt32, String)] {
            scenario.command(.prepare(stream: stream.id, leg: .callee, remote: remote(generation, answer)))
            scenario.command(.commit(stream: stream.id, generation: generation))
            #expect(scenario.relay(on: stream.callee.rtp, from: answer).hasPrefix("10.0.0.2:4000 "))
            #expect(scenario.relay(on: stream.caller.rtp, from: "10.0.0.2:4000").hasPrefix(answer))
        }
    }

    @Test("Hold by port 0 or an unspecified address, and back")
    func holdAndBack() {
        let stream = scenario.openTrunk()
        _ = scenario.relay(on: stream.callee.rtp, from: "198.51.100.1:6000")
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: remote(2, nil)))
        scenario.command(.commit(stream: stream.id, generation: 2))
        scenario.advance(.seconds(60))
        #expect(scenario.relay(on: stream.caller.rtp, from: "10.0.0.2:4000") == "noDestination")
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: remote(3, "198.51.100.1:6000")))
        scenario.command(.commit(stream: stream.id, generation: 3))
        #expect(scenario.relay(on: stream.caller.rtp, from: "10.0.0.2:4000").hasPrefix("198.51.100.1:6000 "))
        #expect(scenario.relay(on: stream.callee.rtp, from: "198.51.100.1:6000").hasPrefix("10.0.0.2:4000 "))
    }

    @Test("A phone behind NAT that signals a new port keeps getting media where it was until it sends from elsewhere")
    func natMove() {
        let stream = scenario.open()
        let phone = { (generation: UInt32, port: Int) in
            remote(generation, "192.168.7.7:\(port)", signalling: "203.0.113.50", any: true, fixed: false)
        }
        let toPhone = { scenario.relay(on: stream.caller.rtp, from: "10.0.0.2:4000") }
        scenario.command(.prepare(stream: stream.id, leg: .caller, remote: remote(1, "10.0.0.2:4000")))
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: phone(1, 4000)))
        scenario.command(.commit(stream: stream.id, generation: 1))
        _ = scenario.relay(on: stream.callee.rtp, from: "203.0.113.50:33333")
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: phone(2, 4002)))
        scenario.command(.commit(stream: stream.id, generation: 2))
        #expect(toPhone().hasPrefix("203.0.113.50:33333 "))
        _ = scenario.relay(on: stream.callee.rtp, from: "203.0.113.50:44444")
        #expect(toPhone().hasPrefix("203.0.113.50:44444 "))
    }

    @Test("A peer that is not behind NAT gets media at its new address at once")
    func publicMove() {
        let stream = scenario.open()
        scenario.command(.prepare(stream: stream.id, leg: .caller, remote: remote(1, "10.0.0.2:4000")))
        for (generation, address) in [(1, "198.51.100.1:6000"), (2, "198.51.100.1:8000")] as [(UInt32, String)] {
            scenario.command(
                .prepare(stream: stream.id, leg: .callee, remote: remote(generation, address, fixed: false)))
            scenario.command(.commit(stream: stream.id, generation: generation))
            #expect(scenario.relay(on: stream.caller.rtp, from: "10.0.0.2:4000").hasPrefix(address))
            _ = scenario.relay(on: stream.callee.rtp, from: address)
        }
    }
}
