import MediaRelay
import NetworkTypes
import RTP
import SRTP
import Testing

@Suite("Quality: what RTCP and the counters say of a leg")
struct QualityTests {
    private let scenario = RelayScenario()
    private static let pbx = "10.0.0.2:4000"
    private static let trunk = "198.51.100.1:6000"

    private func words(_ words: UInt32...) -> [UInt8] {
        words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(24 - 8 * $0)) } }
    }

    /// A sender report of the source of ``rtp(_:payloadType:)``, with `timestamp` in the middle of its NTP time.
    private func senderReport(_ timestamp: UInt32) -> [UInt8] {
        words(0x80c8_0006, 0x5a5a_5a5a, timestamp >> 16, timestamp << 16, 0, 0, 0)
    }

    /// A receiver report about that source, or another.
    private func receiverReport(
        _ source: UInt32 = 0x5a5a_5a5a, fraction: UInt32 = 0, lost: UInt32 = 0, highest: UInt32 = 0, jitter: UInt32 = 0,
        last: UInt32 = 0, delay: UInt32 = 0
    ) -> [UInt8] {
        words(0x81c9_0007, 0x77, source, fraction << 24 | lost, highest, jitter, last, delay)
    }

    private func quality(_ stream: OpenedStream, _ leg: LegEnd) throws -> LegQuality {
        try #require(scenario.report(stream, leg)).quality
    }

    @Test("The round trip is the time from a sender report to the report that names it, less what the peer kept it")
    func roundTrip() throws {
        let stream = scenario.openTrunk()
        for (number, milliseconds) in [(1, 130), (2, 90)] as [(UInt32, Int64)] {
            _ = scenario.relay(senderReport(number << 20), on: stream.caller.rtcp, from: "10.0.0.2:4001")
            scenario.advance(.milliseconds(milliseconds))
            let report = receiverReport(last: number << 20, delay: 65_536 / 20)
            _ = scenario.relay(report, on: stream.callee.rtcp, from: "198.51.100.1:6001")
        }
        let callee = try quality(stream, .callee)
        #expect(abs(try #require(callee.roundTrip) - 40) < 0.1)
        #expect(abs(try #require(callee.meanRoundTrip) - 60) < 0.1)
        #expect(try quality(stream, .caller).roundTrip == nil)
    }

    @Test(
        "Reports that can't be right measure nothing",
        arguments: [
            (0, 0), (0x1234, 0), (1 << 20, 65_536), (1 << 20, UInt32.max),
        ] as [(UInt32, UInt32)])
    func impossible(_ last: UInt32, _ delay: UInt32) throws {
        let stream = scenario.openTrunk()
        _ = scenario.relay(senderReport(0), on: stream.caller.rtcp, from: "10.0.0.2:4001")
        _ = scenario.relay(senderReport(1 << 20), on: stream.caller.rtcp, from: "10.0.0.2:4001")
        scenario.advance(.milliseconds(100))
        let report = receiverReport(last: last, delay: delay)
        _ = scenario.relay(report, on: stream.callee.rtcp, from: "198.51.100.1:6001")
        #expect(try quality(stream, .callee).roundTrip == nil)
        // Nor does one that took longer than anything.
        _ = scenario.relay(senderReport(9 << 20), on: stream.caller.rtcp, from: "10.0.0.2:4001")
        scenario.advance(.seconds(30))
        _ = scenario.relay(receiverReport(last: 9 << 20), on: stream.callee.rtcp, from: "198.51.100.1:6001")
        #expect(try quality(stream, .callee).roundTrip == nil)
    }

    @Test("What the peer reports of our packets is told in shares and milliseconds; what it says of others is not")
    func reception() throws {
        let stream = scenario.openTrunk()
        for number in 1...3 { _ = scenario.relay(rtp(number), on: stream.caller.rtp, from: Self.pbx) }
        let report = receiverReport(fraction: 64, lost: 7, jitter: 80)
        _ = scenario.relay(report, on: stream.callee.rtcp, from: "198.51.100.1:6001")
        _ = scenario.relay(
            receiverReport(9, fraction: 200, lost: 99, jitter: 1), on: stream.callee.rtcp, from: "198.51.100.1:6001")
        let quality = try quality(stream, .callee)
        #expect(quality.remoteLost == 7 && quality.remoteLoss == 0.25 && quality.remoteJitter == 10)
    }

    @Test("security 11: the reports of a stranger count for nothing")
    func stranger() throws {
        let stream = scenario.open()
        scenario.command(.prepare(stream: stream.id, leg: .caller, remote: remote(1, Self.pbx)))
        let phone = remote(1, "172.16.0.5:6000", any: true, fixed: false)
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: phone))
        scenario.command(.commit(stream: stream.id, generation: 1))
        let report = receiverReport(fraction: 64, lost: 7)
        #expect(scenario.relay(report, on: stream.callee.rtcp, from: "192.0.2.66:1").hasPrefix("10.0.0.2:4001"))
        #expect(try quality(stream, .callee).remoteLost == nil)
    }

    @Test("The score falls with what is lost, by the codec that signalling names")
    func score() throws {
        let stream = scenario.openTrunk()
        let opus = PayloadFormat(payloadType: 96, codec: .opus, clockRate: 48_000)
        scenario.command(.describe(stream: stream.id, caller: [opus], callee: []))
        for number in 1...1_000 {
            _ = scenario.relay(rtp(number, payloadType: 96), on: stream.caller.rtp, from: Self.pbx)
            if number % 20 != 7 { _ = scenario.relay(rtp(number), on: stream.callee.rtp, from: Self.trunk) }
        }
        let (caller, callee) = (try quality(stream, .caller), try quality(stream, .callee))
        #expect(caller.codec == .opus && callee.codec == .pcmu)
        let (good, bad) = (try #require(caller.score), try #require(callee.score))
        #expect(good > 4.3 && bad < 4 && bad > 3)
    }

    /// A stream whose trunk has SRTP, with the trunk's two contexts.
    private func openSecured(
        _ suite: CryptoSuite
    ) throws -> (stream: OpenedStream, phone: SRTPContext, ours: SRTPContext) {
        let stream = scenario.open()
        let keys = LegKeys(
            inbound: KeyingMaterial(random: .aes128SHA1x80), outbound: KeyingMaterial(random: suite))
        scenario.command(.prepare(stream: stream.id, leg: .caller, remote: remote(1, Self.pbx)))
        var callee = remote(1, Self.trunk)
        callee.security = .srtp(keys)
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: callee))
        scenario.command(.commit(stream: stream.id, generation: 1))
        return (stream, try SRTPContext(keys.inbound, .sending), try SRTPContext(keys.outbound, .receiving))
    }

    @Test("Numbers that SRTP made go on where they were are told back in those that their sender knows")
    func translated() throws {
        let (stream, phone, ours) = try openSecured(.aes128GCM)
        func report(_ highest: UInt32) throws -> [UInt8]? {
            let sealed = try phone.sealed(receiverReport(lost: 3, highest: highest), isControl: true)
            return scenario.forward(sealed, on: stream.callee.rtcp, from: "198.51.100.1:6001")?.packet
        }
        for number in 10_000...10_100 { _ = scenario.relay(rtp(number), on: stream.caller.rtp, from: Self.pbx) }
        #expect(try report(10_100) == receiverReport(lost: 3, highest: 10_100))
        // The PBX starts anew with 20 and the same source; the first packet of it tells nothing yet.
        var last: [UInt8] = []
        for number in 20...30 {
            let out = scenario.forward(rtp(number), on: stream.caller.rtp, from: Self.pbx)
            if let out { last = try ours.opened(out.packet) }
        }
        #expect(Array(last[2..<4]) == [0x27, 0x7e])
        #expect(try report(10_110) == receiverReport(lost: 3, highest: 30))
        #expect(try report(10_050) == receiverReport(lost: 3, highest: 21))
        // What the PBX says of the phone's packets, which are as they were, is not touched.
        let back = scenario.forward(receiverReport(highest: 1_110), on: stream.caller.rtcp, from: "10.0.0.2:4001")
        #expect(try ours.opened(try #require(back).packet, isControl: true) == receiverReport(highest: 1_110))
    }

    @Test("A peer of many sources is heard on a secure leg for ever, and told what is said about each")
    func manySources() throws {
        let (stream, phone, ours) = try openSecured(.aes128SHA1x80)
        for source in 1...400 as ClosedRange<UInt32> {
            var packet = rtp(Int(source) * 97)
            packet.replaceSubrange(8..<12, with: words(source))
            let out = try #require(scenario.forward(packet, on: stream.caller.rtp, from: Self.pbx))
            let opened = try ours.opened(out.packet)
            #expect(opened[12...] == packet[12...])
            let wire = opened[8..<12].reduce(0) { $0 << 8 | UInt32($1) }
            let number = UInt32(opened[2]) << 8 | UInt32(opened[3])
            #expect((wire == source) == (source <= 128))
            let report = try phone.sealed(receiverReport(wire, highest: number), isControl: true)
            let told = scenario.forward(report, on: stream.callee.rtcp, from: "198.51.100.1:6001")?.packet
            #expect(told == receiverReport(source, highest: source * 97))
        }
        #expect(scenario.report(stream, .caller)?.counters.droppedProtection == 0)
    }

    @Test("Signalling names the codecs of dynamic payload types, those of an answer of another number included")
    func formats() throws {
        let scenario = AnchorScenario()
        try scenario.offer(audio("192.168.0.2", 4000, "rtpmap:96 opus/48000/2", "rtpmap:0 PCMU/8000"))
        try scenario.answer(audio("198.51.100.7", 5000, "rtpmap:97 G729/8000", "rtpmap:300 x/1", "rtpmap:98 y"))
        scenario.confirm()
        let channel = try #require(scenario.channels[address("192.168.0.1:10000")])
        _ = channel.receive(rtp(1, payloadType: 96), from: address("192.168.0.2:4000"), at: .zero)
        let outside = try #require(scenario.channels[address("203.0.113.1:10000")])
        _ = outside.receive(rtp(1, payloadType: 97), from: address("198.51.100.7:5000"), at: .zero)
        let reports = scenario.core.reports(for: scenario.session)
        #expect(reports.map(\.quality.codec) == [.opus, .g729])
    }
}
