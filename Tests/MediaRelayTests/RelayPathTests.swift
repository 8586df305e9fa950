import MediaRelay
import NetworkTypes
import Testing

@Suite("Relay paths: where packets go and what is counted")
struct RelayPathTests {
    private let scenario = RelayScenario()

    @Test("RTP and RTCP go to the other leg's peer from the other leg's sockets, both ways")
    func bothWays() {
        let stream = scenario.openTrunk()
        let (caller, callee) = (stream.caller, stream.callee)
        #expect(
            scenario.relay(on: caller.rtp, from: "10.0.0.2:4000") == "198.51.100.1:6000 from \(callee.rtp.descriptor)")
        #expect(
            scenario.relay(on: callee.rtp, from: "198.51.100.1:6000") == "10.0.0.2:4000 from \(caller.rtp.descriptor)")
        #expect(
            scenario.relay(rtcp, on: caller.rtcp, from: "10.0.0.2:4001")
                == "198.51.100.1:6001 from \(callee.rtcp.descriptor)")
        #expect(
            scenario.relay(rtcp, on: callee.rtcp, from: "198.51.100.1:6001")
                == "10.0.0.2:4001 from \(caller.rtcp.descriptor)")
    }

    @Test("RTCP on the RTP socket goes to the peer's RTCP port from our RTCP socket")
    func multiplexed() {
        let stream = scenario.openTrunk()
        let sender = stream.callee.rtcp.descriptor
        #expect(
            scenario.relay(rtcp, on: stream.caller.rtp, from: "10.0.0.2:4000") == "198.51.100.1:6001 from \(sender)")
        #expect(scenario.report(stream, .caller)?.counters.controlPackets == 1)
    }

    @Test("A peer with one port for both gets RTCP from the RTP socket")
    func peerMultiplexes() {
        let stream = scenario.open()
        var callee = remote(1, "198.51.100.1:6000")
        callee.rtcp = callee.rtp
        scenario.command(.prepare(stream: stream.id, leg: .caller, remote: remote(1, "10.0.0.2:4000")))
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: callee))
        scenario.command(.commit(stream: stream.id, generation: 1))
        let expected = "198.51.100.1:6000 from \(stream.callee.rtp.descriptor)"
        #expect(scenario.relay(rtcp, on: stream.caller.rtcp, from: "10.0.0.2:4001") == expected)
    }

    private static let malformed: [[UInt8]] = [
        [], [0x80], Array(rtp(1).prefix(11)), stun, [22, 0xfe, 0xfd] + rtp(1), [0x40] + rtp(1), [13, 10, 13, 10],
        [0x80, 201, 0xff, 0xff, 1, 2, 3, 4], [0x9f, 0] + [UInt8](repeating: 0xff, count: 20),
    ]

    @Test("What is neither RTP nor RTCP is dropped and counted, before its source is looked at", arguments: malformed)
    func dropsMalformed(_ packet: [UInt8]) {
        let stream = scenario.openTrunk()
        #expect(scenario.relay(packet, on: stream.caller.rtp, from: "10.0.0.2:4000") == "malformed")
        #expect(scenario.relay(packet, on: stream.caller.rtcp, from: "10.0.0.2:4001") == "malformed")
        #expect(scenario.report(stream, .caller)?.counters.droppedMalformed == 2)
        #expect(scenario.report(stream, .caller)?.source == nil)
    }

    @Test("RTP on the RTCP socket is dropped")
    func mediaOnControl() {
        let stream = scenario.openTrunk()
        #expect(scenario.relay(rtp(1), on: stream.caller.rtcp, from: "10.0.0.2:4001") == "malformed")
    }

    @Test("security 12: an opaque stream passes any datagram, by the same rules for its source")
    func opaque() {
        let stream = scenario.openTrunk(isOpaque: true)
        let expected = "198.51.100.1:6000 from \(stream.callee.rtp.descriptor)"
        for packet in [[0, 1, 2], [0x80], stun, rtp(3), [UInt8](repeating: 0xff, count: 1_400)] as [[UInt8]] {
            #expect(scenario.relay(packet, on: stream.caller.rtp, from: "10.0.0.2:4000") == expected)
        }
        #expect(scenario.relay([0, 1], on: stream.caller.rtp, from: "192.0.2.66:4000") == "source")
        #expect(scenario.relay([], on: stream.caller.rtp, from: "10.0.0.2:4000") == "malformed")
        let counters = scenario.report(stream, .caller)?.counters
        #expect(counters?.packets == 5)
        #expect(counters?.droppedSource == 1)
        #expect(counters?.lost == 0)
    }

    @Test("Each leg counts what its peer sent")
    func counters() throws {
        let stream = scenario.openTrunk()
        for number in [1, 2, 3, 6, 5] {
            _ = scenario.relay(rtp(number), on: stream.caller.rtp, from: "10.0.0.2:4000")
            scenario.advance(.milliseconds(20))
        }
        _ = scenario.relay(rtcp, on: stream.caller.rtcp, from: "10.0.0.2:4001")
        _ = scenario.relay(rtp(7), on: stream.caller.rtp, from: "192.0.2.66:9")
        scenario.channels[stream.caller.rtp.descriptor]?.countUnsent()
        let counters = try #require(scenario.report(stream, .caller)?.counters)
        #expect(counters.packets == 5)
        #expect(counters.bytes == 5 * 172 + 8)
        #expect(counters.controlPackets == 1)
        #expect(counters.lost == 1)
        #expect(counters.outOfOrder == 1)
        #expect(counters.droppedSource == 1)
        #expect(counters.droppedSend == 1)
        #expect(scenario.report(stream, .callee)?.counters == RelayCounters())
        #expect(scenario.report(stream, .caller)?.source == address("10.0.0.2:4000"))
    }

    @Test("Nothing goes to a peer that takes no media, and that is counted")
    func hold() {
        let stream = scenario.openTrunk()
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: remote(2, nil, fixed: false)))
        scenario.command(.commit(stream: stream.id, generation: 2))
        #expect(scenario.relay(on: stream.caller.rtp, from: "10.0.0.2:4000") == "noDestination")
        #expect(scenario.relay(rtcp, on: stream.caller.rtcp, from: "10.0.0.2:4001") == "noDestination")
        #expect(scenario.report(stream, .caller)?.counters.droppedNoDestination == 2)
    }

    @Test("The legs may be of different families")
    func families() {
        let stream = scenario.open()
        scenario.command(.prepare(stream: stream.id, leg: .caller, remote: remote(1, "10.0.0.2:4000")))
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: remote(1, "[2001:db8::7]:6000")))
        scenario.command(.commit(stream: stream.id, generation: 1))
        let expected = "[2001:db8::7]:6000 from \(stream.callee.rtp.descriptor)"
        #expect(scenario.relay(on: stream.caller.rtp, from: "10.0.0.2:4000") == expected)
        #expect(scenario.relay(on: stream.callee.rtp, from: "[2001:db8::8]:6000") == "source")
        #expect(scenario.relay(on: stream.callee.rtp, from: "[2001:db8::7]:6000").hasPrefix("10.0.0.2:4000"))
    }
}
