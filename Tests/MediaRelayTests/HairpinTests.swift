import MediaRelay
import NetworkTypes
import Testing

@Suite("Hairpin: SDP that names a port of ours")
struct HairpinTests {
    private let scenario = RelayScenario()

    /// Opens a stream whose caller and callee are at these addresses.
    private func connect(_ stream: OpenedStream, caller: String, callee: String, _ generation: UInt32 = 1) {
        scenario.command(.prepare(stream: stream.id, leg: .caller, remote: remote(generation, caller)))
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: remote(generation, callee)))
        scenario.command(.commit(stream: stream.id, generation: generation))
    }

    @Test("Two phones whose PBX took itself out of the media hear each other, and no packet goes through the kernel")
    func joined() {
        // Outside legs: callee. Inside legs: caller, pointed at each other.
        let (one, two) = (scenario.open(session: 1), scenario.open(session: 2))
        connect(one, caller: "\(two.caller.rtp.local)", callee: "198.51.100.1:6000")
        connect(two, caller: "\(one.caller.rtp.local)", callee: "198.51.100.2:6000")
        for _ in 0..<3 {
            #expect(
                scenario.relay(on: one.callee.rtp, from: "198.51.100.1:6000")
                    == "198.51.100.2:6000 from \(two.callee.rtp.descriptor)")
            #expect(
                scenario.relay(rtcp, on: two.callee.rtcp, from: "198.51.100.2:6001")
                    == "198.51.100.1:6001 from \(one.callee.rtcp.descriptor)")
        }
        #expect(scenario.report(two, .caller)?.counters.packets == 3)
        #expect(scenario.report(two, .caller)?.source == one.caller.rtp.local)
    }

    @Test("A joined leg follows the rules for sources like any other")
    func sourceRules() {
        let (one, two) = (scenario.open(session: 1), scenario.open(session: 2))
        connect(one, caller: "\(two.caller.rtp.local)", callee: "198.51.100.1:6000")
        connect(two, caller: "10.0.0.2:4000", callee: "198.51.100.2:6000")
        #expect(scenario.relay(on: one.callee.rtp, from: "198.51.100.1:6000") == "source")
        #expect(scenario.report(two, .caller)?.counters.droppedSource == 1)
    }

    @Test("Legs that lead to each other in a circle end after two joints")
    func circle() {
        let (one, two) = (scenario.open(session: 1), scenario.open(session: 2))
        connect(one, caller: "\(two.caller.rtp.local)", callee: "\(two.callee.rtp.local)")
        connect(two, caller: "\(one.caller.rtp.local)", callee: "\(one.callee.rtp.local)")
        #expect(scenario.relay(on: one.callee.rtp, from: "\(two.callee.rtp.local)") == "noDestination")
    }

    @Test("When the joined leg closes, packets go to its address like to any other")
    func closes() {
        let (one, two) = (scenario.open(session: 1), scenario.open(session: 2))
        connect(one, caller: "\(two.caller.rtp.local)", callee: "198.51.100.1:6000")
        connect(two, caller: "\(one.caller.rtp.local)", callee: "198.51.100.2:6000")
        scenario.command(.closeSession(two.id.session))
        #expect(
            scenario.relay(on: one.callee.rtp, from: "198.51.100.1:6000")
                == "\(two.caller.rtp.local) from \(one.caller.rtp.descriptor)")
    }

    @Test("Back from direct media the PBX gets the packets again")
    func backToPBX() {
        let (one, two) = (scenario.open(session: 1), scenario.open(session: 2))
        connect(one, caller: "\(two.caller.rtp.local)", callee: "198.51.100.1:6000")
        connect(two, caller: "\(one.caller.rtp.local)", callee: "198.51.100.2:6000")
        _ = scenario.relay(on: one.callee.rtp, from: "198.51.100.1:6000")
        connect(one, caller: "10.0.0.2:4000", callee: "198.51.100.1:6000", 2)
        #expect(
            scenario.relay(on: one.callee.rtp, from: "198.51.100.1:6000")
                == "10.0.0.2:4000 from \(one.caller.rtp.descriptor)")
    }
}
