import MediaRelay
import NetworkTypes
import RTP
import SDP
import SRTP
import TestSupport
import Testing

@Suite("Locked media: a whole relay under attack")
struct LockedMediaTests {
    /// What the callee of a call is.
    enum Callee: CaseIterable { case trunk, phone, secureTrunk, securePhone }

    private static let pbx = "10.0.0.2:4000"
    private static let peer = "198.51.100.1:6000"
    private static let attacker = "192.0.2.66"

    private final class Calls {
        let scenario = RelayScenario()
        var streams: [(stream: OpenedStream, keys: LegKeys?)] = []
        var foreign = 0
        var toAttacker = 0

        /// Sprays some sockets from a third host, as many as ten kilopackets a second are on 500 calls.
        func spray(_ sockets: [RelaySocket], _ packet: [UInt8], port: Int) {
            for socket in sockets {
                guard let channel = scenario.channels[socket.descriptor] else { continue }
                let source = address("\(LockedMediaTests.attacker):\(port % 60_000 + 1)")
                if case .forward = channel.receive(packet, from: source, at: scenario.now) { foreign += 1 }
            }
        }

        /// What a packet of a peer becomes; where it goes must never be the attacker's.
        func talk(_ packet: [UInt8], on socket: RelaySocket, from source: String) -> Bool {
            guard let channel = scenario.channels[socket.descriptor],
                case .forward(_, let to, _) = channel.receive(packet, from: address(source), at: scenario.now)
            else { return false }
            if to.ip == ip(LockedMediaTests.attacker) { toAttacker += 1 }
            return true
        }
    }

    private func remote(of callee: Callee, _ generation: UInt32, _ keys: LegKeys?) -> LegRemote {
        var remote: LegRemote
        switch callee {
        case .trunk, .secureTrunk: remote = MediaRelayTests.remote(generation, Self.peer)
        case .phone, .securePhone:
            remote = MediaRelayTests.remote(
                generation, "192.168.7.7:6000", signalling: "198.51.100.1", any: true, fixed: false)
        }
        if let keys { remote.security = .srtp(keys) }
        return remote
    }

    @Test(
        "security 1: a third host sprays all ports while 200 calls begin, and mid-call: at most 5 packets a stream, 0 with SRTP",
        arguments: Callee.allCases)
    func spray(callee: Callee) throws {
        let calls = Calls()
        let isSecure = callee == .secureTrunk || callee == .securePhone
        var number = 0
        func all(_ stream: OpenedStream) -> [RelaySocket] {
            [stream.caller.rtp, stream.caller.rtcp, stream.callee.rtp, stream.callee.rtcp]
        }
        for session in 1...200 as ClosedRange<UInt64> {
            let stream = calls.scenario.open(session: session)
            let keys =
                isSecure
                ? LegKeys(
                    inbound: KeyingMaterial(random: .aes128SHA1x80), outbound: KeyingMaterial(random: .aes128SHA1x80))
                : nil
            calls.streams.append((stream, keys))
            let steps: [RelayCommand] = [
                .prepare(stream: stream.id, leg: .caller, remote: MediaRelayTests.remote(1, Self.pbx)),
                .prepare(stream: stream.id, leg: .callee, remote: remote(of: callee, 1, keys)),
                .commit(stream: stream.id, generation: 1),
            ]
            for step in steps {
                number += 1
                calls.spray(all(stream), number % 3 == 0 ? rtcp : rtp(number), port: number)
                calls.scenario.command(step)
                calls.spray(all(stream), number % 3 == 1 ? rtcp : rtp(number), port: number * 7)
            }
            // Of the calls before, some every time.
            for index in 0..<5 {
                let other = calls.streams[(Int(session) * 31 + index * 17) % calls.streams.count].stream
                calls.spray(all(other), rtp(number), port: number * 13 + index)
            }
        }
        for (stream, keys) in calls.streams {
            let sender = try keys.map { try SRTPContext($0.inbound, .sending) }
            for round in 1...4 {
                let packet = try sender?.sealed(rtp(round)) ?? rtp(round)
                #expect(calls.talk(packet, on: stream.callee.rtp, from: Self.peer))
                #expect(calls.talk(rtp(round), on: stream.caller.rtp, from: Self.pbx))
                calls.spray(all(stream), packet, port: number + round)
                calls.scenario.advance(.milliseconds(1))
            }
            // A re-INVITE renews nothing for strangers.
            calls.scenario.command(.prepare(stream: stream.id, leg: .callee, remote: remote(of: callee, 2, keys)))
            calls.scenario.command(.commit(stream: stream.id, generation: 2))
            calls.spray(all(stream), rtp(9), port: number)
            #expect(calls.talk(rtp(10), on: stream.caller.rtp, from: Self.pbx))
            let counters = calls.scenario.report(stream, .callee)?.counters
            #expect((counters?.provisional ?? 9) <= (callee == .phone ? 5 : 0))
        }
        #expect(calls.toAttacker == 0)
        #expect(callee == .phone ? calls.foreign <= 5 * 200 : calls.foreign == 0)
    }

    @Test("security 5: 300,000 bad packets on a secure leg from its peer's own address: the call is up, good ones pass")
    func secureFlood() throws {
        let scenario = RelayScenario()
        let keys = LegKeys(
            inbound: KeyingMaterial(random: .aes128SHA1x80), outbound: KeyingMaterial(random: .aes128SHA1x80))
        let stream = scenario.open()
        scenario.command(.prepare(stream: stream.id, leg: .caller, remote: MediaRelayTests.remote(1, Self.pbx)))
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: remote(of: .secureTrunk, 1, keys)))
        scenario.command(.commit(stream: stream.id, generation: 1))
        let sender = try SRTPContext(keys.inbound, .sending)
        let channel = try #require(scenario.channels[stream.callee.rtp.descriptor])
        let source = address(Self.peer)
        var bad = try sender.sealed(rtp(1))
        for number in 0..<300_000 {
            // Other numbers and sources, so that nothing is known of any.
            bad[3] = UInt8(truncatingIfNeeded: number)
            bad[2] = UInt8(truncatingIfNeeded: number >> 8)
            bad[11] = UInt8(truncatingIfNeeded: number >> 16)
            bad[181] = UInt8(truncatingIfNeeded: number % 251)
            _ = channel.receive(bad, from: source, at: scenario.now)
            guard number.isMultiple(of: 10_000) else { continue }
            let good = try sender.sealed(rtp(2 + number / 10_000))
            guard case .forward = channel.receive(good, from: source, at: scenario.now) else {
                Issue.record("a good packet is lost")
                return
            }
        }
        #expect(scenario.events.isEmpty && scenario.closed.isEmpty)
        let counters = try #require(scenario.report(stream, .callee)?.counters)
        #expect(counters.packets == 30 && counters.lost == 0 && counters.droppedAuthentication >= 299_990)
    }

    // MARK: What isn't read can't break

    /// Compound packets whose lengths and counts lie: BYE's reason, SDES items, RPSI, XR blocks, nothing behind a header.
    private static let reports: [[UInt8]] = {
        let ssrc: [UInt8] = [0x5a, 0x5a, 0x5a, 0x5a]
        let sender: [UInt8] = [0x81, 200, 0, 12] + ssrc + [UInt8](repeating: 3, count: 44)
        let bye: [UInt8] = [0x81, 203, 0, 2] + ssrc + [0xff, 0x41, 0x41, 0x41]
        let description: [UInt8] = [0x81, 202, 0, 3] + ssrc + [1, 0xff, 0x61, 0x62, 0x63, 0x64, 0, 0]
        let rpsi: [UInt8] = [0x83, 206, 0, 3] + ssrc + ssrc + [0xff, 0x7f, 0, 0]
        let nack: [UInt8] = [0x81, 205, 0, 3] + ssrc + ssrc + [0, 1, 0xff, 0xff]
        let extended: [UInt8] = [0x80, 207, 0, 3] + ssrc + [4, 0, 0xff, 0xff, 0, 0, 0, 0]
        let application: [UInt8] = [0x9f, 204, 0, 2] + ssrc + [0x41, 0x42, 0x43, 0x44]
        let many: [UInt8] = [0xbf, 203, 0, 1] + ssrc
        return [
            sender, bye, description, rpsi, nack, extended, application, many, sender + bye, sender + description + bye,
            nack + rpsi, rtcp + nack + extended + many, rtcp + [0x81], rtcp + [0x81, 203, 0xff, 0xff],
        ]
    }()

    /// Relays a packet: what leaves is what came, but for feedback where that is taken out.
    private func relay(_ packet: [UInt8], _ scenario: RelayScenario, _ stream: OpenedStream, isWhole: Bool) {
        for (socket, source) in [(stream.caller.rtcp, "10.0.0.2:4001"), (stream.caller.rtp, "10.0.0.2:4000")] {
            guard let channel = scenario.channels[socket.descriptor] else { continue }
            var slot = packet + [UInt8](repeating: 0, count: 148)
            var span = slot.mutableSpan
            let verdict = channel.receive(&span, length: packet.count, from: address(source), at: scenario.now)
            guard case .forward(let length, _, _) = verdict else { continue }
            if isWhole, length != packet.count || !slot[..<length].elementsEqual(packet) {
                Issue.record("changed on the way")
            }
            if length > packet.count + 148 { Issue.record("longer than its slot") }
        }
    }

    private func open(dropsFeedback: Bool, isSecure: Bool) -> (RelayScenario, OpenedStream) {
        let scenario = RelayScenario()
        let stream = scenario.open()
        var caller = MediaRelayTests.remote(1, Self.pbx)
        caller.hasFeedback = dropsFeedback
        let keys = LegKeys(inbound: KeyingMaterial(random: .aes128GCM), outbound: KeyingMaterial(random: .aes128GCM))
        let callee = remote(of: isSecure ? .secureTrunk : .trunk, 1, isSecure ? keys : nil)
        scenario.command(.prepare(stream: stream.id, leg: .caller, remote: caller))
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: callee))
        scenario.command(.commit(stream: stream.id, generation: 1))
        return (scenario, stream)
    }

    @Test(
        "security 11: RTCP that lies passes as it came or is dropped, each octet being anything",
        arguments: [0, 1, 2, 3])
    func reports(kind: Int) {
        let (scenario, stream) = open(dropsFeedback: kind & 1 != 0, isSecure: kind & 2 != 0)
        for report in Self.reports {
            relay(report, scenario, stream, isWhole: kind == 0)
            for position in report.indices {
                var mutant = report
                for value in [0, 1, 0x7f, 0x80, 0x81, 0xbf, 0xc0, 200, 203, 205, 206, 0xff] as [UInt8] {
                    mutant[position] = value
                    relay(mutant, scenario, stream, isWhole: kind == 0)
                }
            }
            for length in report.indices { relay(Array(report.prefix(length)), scenario, stream, isWhole: kind == 0) }
        }
    }

    @Test("security 11: the captures of other projects, and their mutations", .enabled(if: Corpus.isPresent))
    func captures() throws {
        let (scenario, stream) = open(dropsFeedback: false, isSecure: false)
        let (other, feedback) = open(dropsFeedback: true, isSecure: true)
        var seen = 0
        for file in [
            "rtpproxy-media/rtcp.a.pcap", "rtpproxy-media/rtcp.o.pcap", "rtpproxy-media/dtmf.pcap",
            "ndpi-pcap/rtcp_multiple_pkts_in_the_same_datagram.pcap",
        ] {
            for packet in Capture.datagrams(try Corpus.bytes(file)).prefix(300) {
                seen += 1
                relay(packet, scenario, stream, isWhole: true)
                for position in packet.indices.prefix(40) {
                    var mutant = packet
                    mutant[position] ^= UInt8(truncatingIfNeeded: 1 << (seen % 8))
                    relay(mutant, scenario, stream, isWhole: true)
                    relay(mutant, other, feedback, isWhole: false)
                }
            }
        }
        #expect(seen > 300)
    }

    @Test("security 12: UDPTL that crashed others is a datagram like any, by the same rules for its source")
    func fax() {
        let scenario = RelayScenario()
        let stream = scenario.openTrunk(isOpaque: true)
        // A primary packet and redundancy whose counts and lengths lie, an FEC span of zeros, all of one octet.
        let header: [UInt8] = [0, 1]
        let bad: [[UInt8]] = [
            header + [0x80], header + [0xff, 0xff], header + [4, 1, 2, 3, 4, 0, 0xff], header + [0x40, 0xff],
            header + [1, 7, 0x80, 1, 0, 0], header + [0, 0, 0xbf, 0xff, 0xff], [UInt8](repeating: 0xff, count: 1_472),
            header + [UInt8](repeating: 0, count: 400),
        ]
        var generator = SystemRandomNumberGenerator()
        let random = (0..<2_000).map { _ in
            (0..<Int.random(in: 1...300, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) }
        }
        for packet in bad + random {
            var slot = packet + [UInt8](repeating: 0, count: 148)
            var span = slot.mutableSpan
            let channel = scenario.channels[stream.callee.rtp.descriptor]
            let verdict = channel?.receive(&span, length: packet.count, from: address(Self.peer), at: scenario.now)
            guard case .forward(let length, let to, _)? = verdict else {
                Issue.record("dropped")
                return
            }
            #expect(length == packet.count && to == address(Self.pbx) && slot[..<length].elementsEqual(packet))
            #expect(scenario.relay(packet, on: stream.callee.rtp, from: "\(Self.attacker):6000") == "source")
            #expect(scenario.relay(packet, on: stream.caller.rtp, from: "\(Self.attacker):6000") == "source")
        }
    }
}

@Suite("What SDP may cost")
struct BodyAttackTests {
    @Test(
        "security 14: whatever is added on the way, what leaves is at most 64 kB, or nothing does and nothing is taken")
    func growth() {
        var callee = MediaPeer.trunk
        (callee.srtp, callee.isSignallingSecure) = (.required, true)
        let head = sdp("v=0", "o=- 1 1 IN IP4 1.1.1.1", "s=-", "c=IN IP4 1.1.1.1", "t=0 0")
        var refused = 0
        for streams in [1, 2, 8, 16] {
            for size in stride(from: 60_000, through: 65_536, by: 512) {
                let scenario = AnchorScenario(callee: callee)
                let media = (0..<streams).map { "m=audio \(4_000 + 2 * $0) RTP/AVP 0\r\n" }.joined()
                let body = head + "a=" + String(repeating: "x", count: size - 100 * streams - 200) + "\r\n" + media
                if let written = try? scenario.offer(body) {
                    #expect(written.utf8.count <= 65_536 && written.contains("a=crypto"))
                } else {
                    refused += 1
                    #expect(scenario.free == [20, 20] && scenario.binder.bound.isEmpty)
                }
            }
        }
        #expect(refused > 0)
    }

    @Test("security 16: seventeen keys, keys of wrong lengths and lifetimes out of range take no port")
    func keys() {
        var caller = MediaPeer.pbx
        caller.srtp = .required
        let key = "inline:" + String(repeating: "A", count: 40)
        let bad = [
            String(repeating: "A", count: 39), String(repeating: "A", count: 41), String(repeating: "A", count: 40_000),
            "",
            String(repeating: "A", count: 40) + "|2^49", String(repeating: "A", count: 40) + "|0",
            String(repeating: "A", count: 40) + "|2^20|1:129", String(repeating: "A", count: 40) + "|1:0",
            String(repeating: "A", count: 40) + "|300:1", String(repeating: "A", count: 40) + "|||||||",
            String(repeating: "=", count: 40), String(repeating: "\u{0}", count: 40),
        ]
        for value in bad {
            let scenario = AnchorScenario(caller: caller)
            let body = audio("192.168.0.2", 4000, "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:\(value)")
            #expect(throws: MediaRefusal.self, "\(value.prefix(60))") { try scenario.offer(body) }
            #expect(scenario.free == [20, 20] && scenario.binder.attempts == 0)
        }
        let scenario = AnchorScenario(caller: caller)
        let lines = (1...17).map { "a=crypto:\($0) AES_CM_128_HMAC_SHA1_80 \(key)\r\n" }.joined()
        #expect(throws: MediaRefusal.malformed(.tooManyFields)) {
            try scenario.offer(audio("192.168.0.2", 4000) + lines)
        }
        #expect(scenario.binder.attempts == 0)
    }

    @Test("security 17: what is refused has taken no port on the way, and 33 media descriptions are refused")
    func ports() {
        let plain = audio("192.168.0.2", 4000)
        for body in [
            plain + String(repeating: "m=audio 4000 RTP/AVP 0\r\n", count: 32),
            audio("192.168.0.2", 4000, "x") + "c=\r\n",
            plain + "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 127.0.0.1\r\n",
            plain + String(repeating: "a=candidate:1\r\n", count: 1_100),
        ] {
            let scenario = AnchorScenario()
            #expect(throws: MediaRefusal.self) { try scenario.offer(body) }
            #expect(scenario.binder.attempts == 0 && scenario.free == [20, 20])
        }
    }
}
