import MediaRelay
import NetworkTypes
import Testing

@Suite("Hairpin: SDP that names a port of ours")
struct HairpinTests {
    private let scenario = RelayScenario()

    /// Opens a stream whose caller and callee are at these addresses.
    private func connect(_ stream: OpenedStream, caller: String, callee: String, _ generation: UInt32 = 1) {
        for (leg, peer) in [(LegEnd.caller, caller), (.callee, callee)] {
            var remote = remote(generation, peer)
            remote.isJoint = ["10.0.0.1", "203.0.113.1"].contains(peer.split(separator: ":")[0])
            scenario.command(.prepare(stream: stream.id, leg: leg, remote: remote))
        }
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

    @Test("When the joined leg closes, nothing is sent to its port, which may be another call's by now")
    func closes() {
        let (one, two) = (scenario.open(session: 1), scenario.open(session: 2))
        connect(one, caller: "\(two.caller.rtp.local)", callee: "198.51.100.1:6000")
        connect(two, caller: "\(one.caller.rtp.local)", callee: "198.51.100.2:6000")
        scenario.command(.closeSession(two.id.session))
        #expect(scenario.relay(on: one.callee.rtp, from: "198.51.100.1:6000") == "noDestination")
        connect(one, caller: "\(two.caller.rtp.local)", callee: "198.51.100.1:6000", 2)
        #expect(scenario.relay(on: one.callee.rtp, from: "198.51.100.1:6000") == "noDestination")
        // Another call gets it, of a phone that may be anywhere: it hears nothing of the old one.
        let three = scenario.open(session: 2)
        scenario.command(
            .prepare(stream: three.id, leg: .caller, remote: remote(1, "10.9.9.9:4000", any: true, fixed: false)))
        scenario.command(.prepare(stream: three.id, leg: .callee, remote: remote(1, "198.51.100.3:6000")))
        scenario.command(.commit(stream: three.id, generation: 1))
        connect(one, caller: "\(three.caller.rtp.local)", callee: "198.51.100.1:6000", 3)
        for _ in 0..<10 {
            #expect(scenario.relay(on: one.callee.rtp, from: "198.51.100.1:6000") == "source")
        }
        #expect(scenario.report(three, .caller)?.counters.provisional == 0)
    }

    @Test("Ports of another worker are reached through the kernel, and what comes from there is believed")
    func siblings() {
        let other = RelayScenario(hasSiblings: true)
        let stream = other.open(session: 1)
        let far = "10.0.0.1:10900"
        for (leg, peer) in [(LegEnd.caller, far), (.callee, "198.51.100.1:6000")] {
            var remote = remote(1, peer)
            remote.isJoint = leg == .caller
            other.command(.prepare(stream: stream.id, leg: leg, remote: remote))
        }
        other.command(.commit(stream: stream.id, generation: 1))
        #expect(
            other.relay(on: stream.callee.rtp, from: "198.51.100.1:6000")
                == "\(far) from \(stream.caller.rtp.descriptor)")
        #expect(
            other.relay(on: stream.caller.rtp, from: far)
                == "198.51.100.1:6000 from \(stream.callee.rtp.descriptor)")
    }

    @Test("What comes over a joint is a sign of life; when it ends, both sessions are silent in time")
    func silence() {
        let (one, two) = (scenario.open(session: 1), scenario.open(session: 2))
        connect(one, caller: "\(two.caller.rtp.local)", callee: "198.51.100.1:6000")
        connect(two, caller: "\(one.caller.rtp.local)", callee: "198.51.100.2:6000")
        for session in [one, two] {
            scenario.command(.watch(session.id.session, silence: .seconds(10)))
        }
        // Only one of both speaks.
        for _ in 0..<30 {
            _ = scenario.relay(on: one.callee.rtp, from: "198.51.100.1:6000")
            scenario.advance(.seconds(1))
        }
        #expect(scenario.events.isEmpty)
        scenario.advance(.seconds(10))
        #expect(scenario.events.count == 2)
    }

    @Test("A joined leg on hold gets nothing, and the joint is there when it comes back")
    func hold() {
        let (one, two) = (scenario.open(session: 1), scenario.open(session: 2))
        connect(one, caller: "\(two.caller.rtp.local)", callee: "198.51.100.1:6000")
        connect(two, caller: "\(one.caller.rtp.local)", callee: "198.51.100.2:6000")
        scenario.command(.prepare(stream: two.id, leg: .callee, remote: remote(2, nil)))
        scenario.command(.commit(stream: two.id, generation: 2))
        #expect(scenario.relay(on: one.callee.rtp, from: "198.51.100.1:6000") == "noDestination")
        #expect(scenario.report(two, .caller)?.counters.droppedNoDestination == 1)
        connect(two, caller: "\(one.caller.rtp.local)", callee: "198.51.100.2:6000", 3)
        #expect(scenario.relay(on: one.callee.rtp, from: "198.51.100.1:6000").hasPrefix("198.51.100.2:6000"))
    }

    @Test("Two secure legs of ours that face each other understand each other")
    func secure() throws {
        let (one, two) = (scenario.open(session: 1), scenario.open(session: 2))
        let keys = (KeyingMaterial(random: .aes128SHA1x80), KeyingMaterial(random: .aes128GCM))
        func join(_ stream: OpenedStream, _ other: OpenedStream, _ legKeys: LegKeys, callee: String) {
            var caller = remote(1, "\(other.caller.rtp.local)")
            caller.security = .srtp(legKeys)
            caller.isJoint = true
            scenario.command(.prepare(stream: stream.id, leg: .caller, remote: caller))
            scenario.command(.prepare(stream: stream.id, leg: .callee, remote: remote(1, callee)))
            scenario.command(.commit(stream: stream.id, generation: 1))
        }
        join(one, two, LegKeys(inbound: keys.0, outbound: keys.1), callee: "198.51.100.1:6000")
        join(two, one, LegKeys(inbound: keys.1, outbound: keys.0), callee: "198.51.100.2:6000")
        for number in 1...5 {
            let out = scenario.forward(rtp(number), on: one.callee.rtp, from: "198.51.100.1:6000")
            #expect(out?.to == "198.51.100.2:6000" && out?.packet == rtp(number))
            let back = scenario.forward(rtcp, on: two.callee.rtcp, from: "198.51.100.2:6001")
            #expect(back?.to == "198.51.100.1:6001" && back?.packet == rtcp)
        }
    }

    @Test("Sessions that were joined keep nothing alive, in whatever order they end", arguments: [false, true])
    func memory(_ isSecondFirst: Bool) {
        weak var channel: MediaChannel?
        let (one, two) = (scenario.open(session: 1), scenario.open(session: 2))
        connect(one, caller: "\(two.caller.rtp.local)", callee: "\(two.callee.rtp.local)")
        connect(two, caller: "\(one.caller.rtp.local)", callee: "\(one.callee.rtp.local)")
        channel = scenario.channels[one.caller.rtp.descriptor]
        #expect(channel != nil)
        for stream in isSecondFirst ? [two, one] : [one, two] {
            scenario.command(.closeSession(stream.id.session))
        }
        #expect(channel == nil && scenario.closed.count == 8)
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
