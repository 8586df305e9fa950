import MediaRelay
import NetworkTypes
import Testing

/// What leaves for the trunk when the PBX offers: the outside address, and port 10000 and up.
@Suite("Bodies are written anew for the other leg")
struct RewritingTests {
    private static let table: [(name: String, offered: String, written: String)] = [
        (
            "a plain offer",
            sdp(
                "v=0", "o=root 17 18 IN IP4 192.168.0.2", "s=Asterisk", "c=IN IP4 192.168.0.2", "t=0 0",
                "m=audio 4000 RTP/AVP 0 8 101", "a=rtpmap:101 telephone-event/8000", "a=ptime:20", "a=sendrecv"),
            sdp(
                "v=0", "o=root 17 18 IN IP4 203.0.113.1", "s=Asterisk", "c=IN IP4 203.0.113.1", "t=0 0",
                "m=audio 10000 RTP/AVP 0 8 101", "a=rtpmap:101 telephone-event/8000", "a=ptime:20", "a=sendrecv")
        ),
        (
            "addresses of streams, of a=rtcp, with TTL and count",
            sdp(
                "v=0", "o=- 1 1 IN IP6 fd00::2", "s=-", "t=0 0", "m=audio 4000/1 RTP/AVP 0",
                "c=IN IP4 192.168.0.2/127/1", "c=IN IP4 192.168.0.3", "a=rtcp:4005 IN IP4 192.168.0.2",
                "m=video 4002 RTP/AVP 31", "c=IN IP4 192.168.0.4"),
            sdp(
                "v=0", "o=- 1 1 IN IP4 203.0.113.1", "s=-", "t=0 0", "m=audio 10000 RTP/AVP 0", "c=IN IP4 203.0.113.1",
                "c=IN IP4 203.0.113.1", "m=video 10002 RTP/AVP 31", "c=IN IP4 203.0.113.1")
        ),
        (
            "what belongs to a leg is consumed, whatever its spelling",
            sdp(
                "v=0", "o=- 1 1 IN IP4 192.168.0.2", "s=-", "c=IN IP4 192.168.0.2", "t=0 0", "a=group:BUNDLE 0",
                "a=ice-lite", "a=ice-options:trickle", "a=fingerprint:sha-256 AA", "a=tls-id:1", "a=msid-semantic: WMS",
                "m=audio 4000 RTP/AVP 0", "a=mid:0", "a=ice-ufrag:x", "a=ice-pwd:y", "a=setup:actpass",
                "a=candidate:1 1 UDP 1 192.168.0.2 4000 typ host", "a=Candidate:2 1 UDP 1 192.168.0.2 4000 typ host",
                "a= candidate:3", "a=remote-candidates:1 192.168.0.9 1", "a=end-of-candidates",
                "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x", "a=rtcp:4001", "a=rtcp-mux", "a=rtcp-fb:* nack",
                "a=altc:1 IP4 192.168.0.2 4000", "a=oldmediaip:192.168.0.2",
                "a=source-filter: incl IN IP4 * 192.168.0.2"),
            sdp(
                "v=0", "o=- 1 1 IN IP4 203.0.113.1", "s=-", "c=IN IP4 203.0.113.1", "t=0 0", "a=msid-semantic: WMS",
                "m=audio 10000 RTP/AVP 0", "a=mid:0", "a=rtcp-fb:* nack")
        ),
        (
            "odd lines and line ends survive",
            "v=0\no=- 1 1 IN IP4 192.168.0.2\r\ns=\nb\nb=\n?\n\nc=IN IP4 192.168.0.2\r\nm=audio  4000 RTP/AVP\t0\na=x",
            "v=0\no=- 1 1 IN IP4 203.0.113.1\r\ns=\nb\nb=\n?\n\nc=IN IP4 203.0.113.1\r\nm=audio  10000 RTP/AVP\t0\na=x"
        ),
        (
            "without o=, s=, t= and the last line end",
            "v=0\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP4 192.168.0.2",
            "v=0\r\nm=audio 10000 RTP/AVP 0\r\nc=IN IP4 203.0.113.1"
        ),
        (
            "hold by an unspecified address is still hold",
            sdp("v=0", "o=- 1 2 IN IP4 192.168.0.2", "c=IN IP4 0.0.0.0", "m=audio 4000 RTP/AVP 0", "a=sendonly"),
            sdp("v=0", "o=- 1 2 IN IP4 203.0.113.1", "c=IN IP4 0.0.0.0", "m=audio 10000 RTP/AVP 0", "a=sendonly")
        ),
        (
            "port 0 passes, and its address doesn't",
            sdp(
                "v=0", "o=- 1 1 IN IP4 192.168.0.2", "m=audio 4000 RTP/AVP 0", "c=IN IP4 192.168.0.2",
                "m=video 0 RTP/SAVP 31", "c=IN IP4 10.1.2.3"),
            sdp(
                "v=0", "o=- 1 1 IN IP4 203.0.113.1", "m=audio 10000 RTP/AVP 0", "c=IN IP4 203.0.113.1",
                "m=video 0 RTP/SAVP 31", "c=IN IP4 203.0.113.1")
        ),
        (
            "streams that can't be relayed are refused, where others are not",
            sdp(
                "v=0", "o=- 1 1 IN IP4 192.168.0.2", "c=IN IP4 192.168.0.2", "m=audio 4000 RTP/AVP 0",
                "m=message 2855 SCTP *", "m=video 4002/2 RTP/AVP 31", "m=image 4004 udptl t38"),
            sdp(
                "v=0", "o=- 1 1 IN IP4 203.0.113.1", "c=IN IP4 203.0.113.1", "m=audio 10000 RTP/AVP 0",
                "m=message 0 SCTP *", "m=video 0 RTP/AVP 31", "m=image 10002 udptl t38")
        ),
        (
            "a body without streams", sdp("v=0", "o=- 1 1 IN IP4 192.168.0.2", "s=-", "t=0 0"),
            sdp("v=0", "o=- 1 1 IN IP4 203.0.113.1", "s=-", "t=0 0")
        ),
        (
            "a host name",
            sdp("v=0", "o=- 1 1 IN IP4 pbx.example.org", "c=IN IP4 pbx.example.org", "m=audio 4000 RTP/AVP 0"),
            sdp("v=0", "o=- 1 1 IN IP4 203.0.113.1", "c=IN IP4 203.0.113.1", "m=audio 10000 RTP/AVP 0")
        ),
    ]

    @Test("line by line", arguments: table.indices)
    func offers(_ index: Int) throws {
        let (name, offered, written) = Self.table[index]
        let scenario = AnchorScenario()
        #expect(try scenario.offer(offered) == written, "\(name)")
    }

    @Test("from one address family to the other")
    func families() throws {
        let outsider = MediaPeer(side: .outside, family: .v6, signallingAddress: ip("2001:db8:7::7"))
        let scenario = AnchorScenario(callee: outsider)
        #expect(try scenario.offer(audio("192.168.0.2", 4000)) == audio("2001:db8::1", 10_000))
        #expect(try scenario.answer(audio("2001:db8:7::7", 5000)) == audio("192.168.0.1", 10_000))
        let hold = sdp("v=0", "o=- 1 2 IN IP4 192.168.0.2", "c=IN IP4 0.0.0.0", "m=audio 4000 RTP/AVP 0")
        let held = sdp("v=0", "o=- 1 2 IN IP6 2001:db8::1", "c=IN IP6 ::", "m=audio 10000 RTP/AVP 0")
        #expect(try scenario.offer(hold) == held)
    }

    @Test("with the leg of the family that the sender's SDP names")
    func dualStack() throws {
        let scenario = AnchorScenario()
        try scenario.offer(audio("fd00::2", 4000))
        #expect(scenario.takeCommands().first == "open 0: [fd00::1]:10000 203.0.113.1:10000")
        #expect(try scenario.answer(audio("198.51.100.7", 5000)) == audio("fd00::1", 10_000))
    }

    @Test("with the advertised address behind 1:1 NAT")
    func advertised() throws {
        var settings = AnchorScenario.settings
        settings.outside.v4 = .init(ip("10.9.9.9"), advertised: ip("203.0.113.77"))
        let scenario = AnchorScenario(settings)
        #expect(try scenario.offer(audio("192.168.0.2", 4000)) == audio("203.0.113.77", 10_000))
        #expect(scenario.takeCommands().first == "open 0: 192.168.0.1:10000 10.9.9.9:10000")
    }

    @Test("an answer gets the caller's leg, and the streams of the offer")
    func answers() throws {
        let scenario = AnchorScenario()
        try scenario.offer(
            audio("192.168.0.2", 4000) + sdp("m=video 4002 RTP/AVP 31", "m=message 2855 SCTP *"))
        let answer =
            audio("198.51.100.7", 5000, "rtcp:5001", "ice-lite")
            + sdp("m=video 0 RTP/AVP 31", "m=message 2855 SCTP *", "m=audio 5004 RTP/AVP 0")
        let expected =
            audio("192.168.0.1", 10_000)
            + sdp("m=video 0 RTP/AVP 31", "m=message 0 SCTP *", "m=audio 0 RTP/AVP 0")
        #expect(try scenario.answer(answer) == expected)
    }
}
