import MediaRelay
import NetworkTypes
import SDP
import Testing

@Suite("Kinds of media")
struct MediaTypeTests {
    private let scenario = AnchorScenario()

    private static func body(_ host: String, _ lines: String...) -> String {
        sdp("v=0", "o=- 1 1 IN IP4 \(host)", "s=-", "c=IN IP4 \(host)", "t=0 0") + lines.map { $0 + "\r\n" }.joined()
    }

    @Test(
        "A stream over TCP crosses as it is and keeps its address, though that of the session becomes ours",
        arguments: [
            "TCP/MSRP", "TCP/TLS/MSRP", "TCP/BFCP", "TCP/TLS/BFCP", "tcp/msrp", "TCP/DTLS/BFCP",
        ])
    func leftAlone(transport: String) throws {
        let own = [
            "m=message 7394 \(transport) *", "a=accept-types:text/plain", "a=path:msrp://192.168.0.2:7394/2s93i9;tcp",
            "a=setup:actpass", "a=connection:new", "a=fingerprint:SHA-1 4A:AD",
        ]
        let offer =
            Self.body("192.168.0.2", "m=audio 4000 RTP/AVP 0", "a=setup:active")
            + sdp(own[0], own[1], own[2], own[3], own[4], own[5])
        let written = try scenario.offer(offer)
        #expect(
            written == Self.body("203.0.113.1", "m=audio 10000 RTP/AVP 0")
                + sdp(own[0], "c=IN IP4 192.168.0.2", own[1], own[2], own[3], own[4], own[5]))
        let answer = try scenario.answer(
            Self.body(
                "198.51.100.7", "m=audio 5000 RTP/AVP 0", "m=message 9000 \(transport) *", "i=chat", "a=setup:passive"))
        #expect(
            answer == Self.body("192.168.0.1", "m=audio 10000 RTP/AVP 0")
                + sdp(
                    "m=message 9000 \(transport) *", "i=chat", "c=IN IP4 198.51.100.7", "a=setup:passive"))
        let told = scenario.anchor.takeUnanchored()
        #expect(told.count == 1 && told.first?.transport == transport && scenario.anchor.unanchoredSessions == 1)
        scenario.confirm()
        // Told once a call, and the same for a retransmission.
        #expect(try scenario.offer(offer, exchange: 2) == written)
        #expect(try scenario.offer(offer, exchange: 2) == written)
        #expect(scenario.anchor.takeUnanchored().isEmpty && scenario.anchor.unanchoredSessions == 1)
        #expect(scenario.free == [19, 19])
    }

    @Test("security 13: RTP over TCP is no such stream, nor is one that leads where no media may go")
    func notLeftAlone() throws {
        let audio = "m=audio 5000 RTP/AVP 0"
        for line in [
            "m=audio 9 TCP/RTP/AVP 0", "m=message 22 TCP/MSRP *\r\nc=IN IP4 127.0.0.1",
            "m=message 22 TCP/MSRP *\r\nc=IN IP4 192.168.0.2", "m=message 22 TCP/BFCP *\r\nc=IN IP6 ::ffff:169.254.1.1",
        ] {
            let scenario = AnchorScenario()
            let written = try scenario.offer(Self.body("198.51.100.7", audio, line), from: .callee)
            let words = line.split(separator: " ")
            #expect(written.contains("\r\n\(words[0]) 0 \(words[2])"), "\(written)")
            #expect(scenario.anchor.unanchoredSessions == 0)
            // Nor in an answer.
            let other = AnchorScenario()
            try other.offer(Self.body("192.168.0.2", "m=audio 4000 RTP/AVP 0", "m=message 7394 TCP/MSRP *"))
            let answer = try other.answer(Self.body("198.51.100.7", audio, line))
            #expect(answer.contains("\r\n\(words[0]) 0 \(words[2])"), "\(answer)")
        }
        #expect(throws: MediaRefusal.self) {
            try AnchorScenario().offer(Self.body("198.51.100.7", "m=audio 9 TCP/RTP/AVP 0"), from: .callee)
        }
    }

    /// RFC 8122 §5, RFC 4145 §4: either level.
    @Test("What the session level says about a stream over TCP stays true of it, and of no other")
    func sessionLevel() throws {
        func body(_ host: String, _ session: [String], _ audio: [String], _ chat: [String]) -> String {
            sdp("v=0", "o=- 1 1 IN IP4 \(host)", "s=-", "c=IN IP4 \(host)", "t=0 0")
                + (session + audio + chat).map { $0 + "\r\n" }.joined()
        }
        let session = ["a=fingerprint:SHA-1 4A:AD", "a=setup:actpass", "a=fingerprint:sha-256 0B", "a=tls-id:x"]
        let (audio, chat) = (["m=audio 4000 RTP/AVP 0"], ["m=message 7394 TCP/TLS/MSRP *", "c=IN IP4 192.168.0.2"])
        let file = [
            "m=message 7396 TCP/TLS/MSRP *", "c=IN IP4 192.168.0.3", "a=setup:active", "a=fingerprint:SHA-1 FF",
        ]
        let written = try scenario.offer(body("192.168.0.2", session, audio, chat + file))
        let ours = ["m=audio 10000 RTP/AVP 0"]
        #expect(written == body("203.0.113.1", [], ours, chat + session + file + ["a=tls-id:x"]))
        let theirs = ["m=message 9000 TCP/TLS/MSRP *", "c=IN IP4 198.51.100.8"]
        let refused = ["m=message 0 TCP/MSRP *"]
        let answer = try scenario.answer(
            body("198.51.100.7", ["a=setup:passive"], ["m=audio 5000 RTP/AVP 0"], theirs + refused))
        #expect(answer == body("192.168.0.1", [], ours, theirs + ["a=setup:passive"] + refused))
    }

    @Test("With a c= of its own it keeps that, and the audio's becomes ours; alone it needs no media of ours")
    func ownAddress() throws {
        let written = try scenario.offer(
            sdp(
                "v=0", "o=- 1 1 IN IP4 192.168.0.2", "s=-", "t=0 0", "m=message 7394 TCP/MSRP *",
                "c=IN IP4 192.168.0.77", "a=x", "m=audio 4000 RTP/AVP 0", "c=IN IP4 192.168.0.2"))
        #expect(
            written
                == sdp(
                    "v=0", "o=- 1 1 IN IP4 203.0.113.1", "s=-", "t=0 0", "m=message 7394 TCP/MSRP *",
                    "c=IN IP4 192.168.0.77", "a=x", "m=audio 10000 RTP/AVP 0", "c=IN IP4 203.0.113.1"))
        let alone = AnchorScenario()
        let chat = Self.body("192.168.0.2", "m=message 7394 TCP/MSRP *")
        #expect(try alone.offer(chat).contains("m=message 7394 TCP/MSRP *\r\nc=IN IP4 192.168.0.2\r\n"))
        #expect(alone.free == [20, 20])
        try alone.answer(Self.body("198.51.100.7", "m=message 9000 TCP/MSRP *"))
        alone.confirm()
    }

    @Test("What is answered otherwise than offered, and what nobody knows, is refused with port 0")
    func refused() throws {
        let offer = Self.body(
            "192.168.0.2", "m=audio 4000 RTP/AVP 0", "m=message 7394 TCP/MSRP *", "m=text 7396 FOO/BAR 1")
        #expect(try scenario.offer(offer).contains("m=text 0 FOO/BAR 1\r\n"))
        let answer = try scenario.answer(
            Self.body("198.51.100.7", "m=audio 5000 TCP/MSRP *", "m=message 5002 RTP/AVP 0", "m=text 5004 TCP/MSRP *"))
        for line in ["m=audio 0 ", "m=message 0 ", "m=text 0 "] { #expect(answer.contains(line)) }
        #expect(!answer.contains("198.51.100.7"))
    }

    @Test("BFCP and UDPTL over UDP are relayed unread, beside audio and video, each in its own ports")
    func severalKinds() throws {
        let lines = [
            "m=audio 4000 RTP/AVP 0 13 101", "m=video 4002 RTP/AVPF 96", "m=application 4004 UDP/BFCP *",
            "m=image 4006 udptl t38",
        ]
        let written = try scenario.offer(Self.body("192.168.0.2", lines[0], lines[1], lines[2], lines[3]))
        for (index, line) in lines.enumerated() {
            #expect(written.contains(line.replacing("400\(2 * index)", with: "\(10_000 + 2 * index)")))
        }
        let answer = Self.body("198.51.100.7", lines[0], lines[1], lines[2], lines[3])
        try scenario.answer(answer)
        scenario.confirm()
        for (port, packet) in [(0, rtp(1)), (2, rtp(1, payloadType: 96)), (4, [1, 2, 3]), (6, [0, 0, 0])]
            as [(Int, [UInt8])]
        {
            let (octets, destination) = scenario.deliver(
                packet, to: "192.168.0.1:\(10_000 + port)", from: "192.168.0.2:\(4_000 + port)")
            #expect(destination == "198.51.100.7:\(4_000 + port)" && octets == packet)
        }
    }

    @Test(
        "Events (RFC 4733), comfort noise and dynamic types pass octet by octet, marker included",
        arguments: [13, 19, 101, 127] as [UInt8])
    func untouched(payloadType: UInt8) throws {
        try scenario.call()
        for marker in [0, 0x80] as [UInt8] {
            var packet = Array(rtp(7, payloadType: payloadType | marker).prefix(16))
            packet[12...15] = [5, 0x8a, 3, 0x20]
            #expect(scenario.deliver(packet, to: "192.168.0.1:10000", from: "192.168.0.2:4000").octets == packet)
        }
    }

    @Test("From audio to T.38 and back, by either end: new ports each time, nothing left over")
    func faxAndBack() throws {
        try scenario.call()
        for (number, end) in [LegEnd.callee, .caller].enumerated() {
            let hosts = end == .caller ? ["192.168.0.2", "198.51.100.7"] : ["198.51.100.7", "192.168.0.2"]
            let fax = Self.body(
                hosts[0], "m=image \(6_000 + number) udptl t38", "a=T38FaxVersion:0", "a=T38FaxUdpEC:t38UDPRedundancy")
            let offered = try scenario.offer(fax, from: end)
            #expect(offered.contains("udptl t38\r\na=T38FaxVersion:0\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n"))
            try scenario.answer(Self.body(hosts[1], "m=image 6100 udptl t38"), from: end.opposite)
            #expect(scenario.free == [19, 19] && scenario.channels.count == 4)
            let inner = try #require(scenario.channels.keys.first { $0.ip == ip("192.168.0.1") && $0.port % 2 == 0 })
            let source = end == .caller ? "192.168.0.2:\(6_000 + number)" : "192.168.0.2:6100"
            let target = end == .caller ? "198.51.100.7:6100" : "198.51.100.7:\(6_000 + number)"
            for packet in [[0], [0, 1, 2, 0xff, 0xff], [UInt8](repeating: 0xff, count: 1_400)] as [[UInt8]] {
                #expect(scenario.deliver(packet, to: inner.description, from: source).destination == target)
                #expect(
                    scenario.deliver(packet, to: inner.description, from: "192.0.2.66:6000").destination == "source")
            }
            try scenario.offer(audio(hosts[0], 4_000), from: end)
            try scenario.answer(audio(hosts[1], 5_000), from: end.opposite)
            #expect(scenario.free == [19, 19])
        }
    }

    @Test("Audio and image at once, the audio refused in the answer or kept")
    func audioAndImage() throws {
        try scenario.call()
        let both = Self.body("198.51.100.7", "m=audio 5000 RTP/AVP 0", "m=image 6000 udptl t38")
        let offered = try scenario.offer(both, from: .callee)
        #expect(offered.contains("m=audio 10000 RTP/AVP 0") && offered.contains("m=image 10002 udptl t38"))
        let answer = try scenario.answer(
            Self.body("192.168.0.2", "m=audio 0 RTP/AVP 0", "m=image 4100 udptl t38"), from: .caller)
        #expect(answer.contains("m=audio 0 RTP/AVP 0") && answer.contains("m=image 10002 udptl t38"))
        #expect(scenario.free == [19, 19])
        try scenario.offer(both, from: .callee)
        try scenario.answer(Self.body("192.168.0.2", "m=audio 4000 RTP/AVP 0", "m=image 4100 udptl t38"), from: .caller)
        #expect(scenario.free == [18, 18])
    }

    @Test("a=rtcp leads where it says, and never leaves; a=rtcp-fb stays where the profile does")
    func control() throws {
        let offer = Self.body("192.168.0.2", "m=video 4002 RTP/AVPF 96", "a=rtcp:4777", "a=rtcp-fb:96 nack pli")
        #expect(
            try scenario.offer(offer) == Self.body("203.0.113.1", "m=video 10000 RTP/AVPF 96", "a=rtcp-fb:96 nack pli"))
        try scenario.answer(Self.body("198.51.100.7", "m=video 5002 RTP/AVPF 96", "a=rtcp:5999"))
        scenario.confirm()
        #expect(
            scenario.deliver(rtcp, to: "192.168.0.1:10001", from: "192.168.0.2:4777").destination == "198.51.100.7:5999"
        )
        #expect(
            scenario.deliver(rtcp, to: "203.0.113.1:10001", from: "198.51.100.7:5999").destination == "192.168.0.2:4777"
        )
    }
}
