import NetworkTypes
import SDP
import Testing

@Suite("Session descriptions are read")
struct SessionDescriptionTests {
    private func parse(_ lines: String..., end: String = "\r\n") throws -> SessionDescription {
        try SessionDescription(Array(lines.map { $0 + end }.joined().utf8))
    }

    @Test("from the middle of a message, by ranges")
    func ranges() throws {
        let message = Array("INVITE…\r\n\r\nv=0\r\nm=audio 4000 RTP/AVP 0 8\r\nX".utf8)
        let end = message.count - 1
        let start = try #require(message.firstIndex(of: UInt8(ascii: "v")))
        let description = try SessionDescription(message, body: start..<end)
        let media = try #require(description.media.first)
        #expect(message.text(media.type) == "audio")
        #expect(message.text(media.portRange) == "4000")
        #expect(message.text(media.transportRange) == "RTP/AVP")
        #expect(message.text(media.formats) == "0 8")
        #expect(try SessionDescription(message, body: start..<9_999).body == start..<message.count)
    }

    @Test("with CRLF, LF and CR as line ends", arguments: ["\r\n", "\n", "\r"])
    func lineEnds(_ end: String) throws {
        let description = try parse(
            "v=0", "o=- 1 1 IN IP4 192.0.2.1", "c=IN IP4 192.0.2.2", "m=audio 4000 RTP/AVP 0", "a=sendonly", end: end)
        #expect(description.fields.count == 3)
        #expect(description.media.first?.connection?.address == .ip(IPAddress(v4: 0xC000_0202)))
        #expect(description.media.first?.direction == .sendonly)
    }

    @Test("with connection and direction from the session level, unless the stream has its own")
    func inheritance() throws {
        let description = try parse(
            "v=0", "c=IN IP4 192.0.2.1", "a=inactive", "m=audio 1 RTP/AVP 0", "m=audio 2 RTP/AVP 0",
            "c=IN IP6 2001:db8::2", "c=IN IP4 192.0.2.3", "a=sendrecv", "a=recvonly")
        #expect(description.connection?.address == .ip(IPAddress(v4: 0xC000_0201)))
        #expect(description.media.map(\.direction) == [.inactive, .recvonly])
        #expect(description.media[0].connection == description.connection)
        #expect(description.media[1].connection?.address == .ip(try #require(IPAddress("2001:db8::2"))))
    }

    @Test(
        "and an address is an address, a name or nothing",
        arguments: [
            ("IN IP4 192.0.2.1", ConnectionData.Address.ip(IPAddress(v4: 0xC000_0201))),
            ("IN IP4 224.2.36.42/127", .ip(IPAddress(v4: 0xE002_242A))),
            ("IN IP4 224.2.36.42/127/3", .ip(IPAddress(v4: 0xE002_242A))),
            ("IN IP6 ff15::101/3", .ip(IPAddress("ff15::101")!)),
            ("in ip6 2001:DB8::1", .ip(IPAddress("2001:db8::1")!)),
            ("IN IP4 2001:db8::1", .ip(IPAddress("2001:db8::1")!)),
            ("  IN  IP4\t192.0.2.1 ", .ip(IPAddress(v4: 0xC000_0201))),
            ("IN IP4 0.0.0.0", .unspecified), ("IN IP6 ::", .unspecified), ("IN IP6 0:0::0", .unspecified),
            ("IN IP6 any.invalid", .unspecified), ("IN IP4 host.example.com", .name), ("IN IP4 pbx", .name),
        ])
    func connections(_ value: String, _ address: ConnectionData.Address) throws {
        #expect(try parse("v=0", "c=" + value).connection?.address == address)
    }

    @Test(
        "and other c= lines are refused",
        arguments: [
            "", "IN", "IN IP4", "IP4 192.0.2.1", "TN RFC2543 +1-201-406-4090", "IN IP4 192.0.2.1 192.0.2.2",
            "IN IP4 127.1", "IN IP4 2130706433", "IN IP4 0x7f000001", "IN IP4 0x7f.1", "IN IP4 192.0.2.256",
            "IN IP4 /24", "IN IP6 fe80::1%eth0", "IN IP6 ::1::", "IN IP4 host,example", "IN IP4 \u{0}",
        ])
    func badConnections(_ value: String) {
        #expect(throws: SDPError.malformedConnection) { try parse("v=0", "c=" + value) }
    }

    @Test(
        "and the address of o= is found from its end",
        arguments: [
            ("- 1 1 IN IP4 192.0.2.1", "IP4 192.0.2.1"), ("John Doe 1 1 IN IP4 192.0.2.1", "IP4 192.0.2.1"),
            ("- 1 1 IN IP6 host.example.com ", "IP6 host.example.com"), ("- 1 1 IN  IP4  x", "IP4  x"),
        ])
    func origins(_ value: String, _ address: String) throws {
        let description = try parse("v=0", "o=" + value)
        guard case .origin(let range)? = description.fields.first else {
            Issue.record("no o= line")
            return
        }
        #expect(description.bytes.text(range) == address)
    }

    @Test("and other o= lines are refused", arguments: ["", "x", "- 1 1 IP4 192.0.2.1", "- 1 1 ATM IP4 x", "IP4 x"])
    func badOrigins(_ value: String) {
        #expect(throws: SDPError.malformedOrigin) { try parse("v=0", "o=" + value) }
    }

    @Test(
        "and transports are told apart",
        arguments: [
            ("RTP/AVP", MediaProtocol.rtp), ("RTP/AVPF", .rtp), ("rtp/avp", .rtp), ("RTP/SAVP", .secure),
            ("RTP/SAVPF", .secure), ("UDP/TLS/RTP/SAVP", .secure), ("UDP/TLS/UDPTL", .secure), ("DTLS/SCTP", .secure),
            ("TCP/TLS/MSRP", .stream), ("TCP/DTLS/BFCP", .stream), ("UDP/TLS/BFCP", .secure), ("udptl", .datagram),
            ("UDPTL", .datagram), ("udp", .datagram),
            ("UDP/BFCP", .datagram), ("TCP/MSRP", .stream), ("TCP/RTP/AVP", .other), ("TCP/RTP/SAVP", .secure),
            ("MSRP", .stream),
            ("FOO/TCP", .other), ("*", .other), ("/", .other),
            ("//SAVP", .secure),
        ])
    func transports(_ spelling: String, _ transport: MediaProtocol) throws {
        #expect(try parse("v=0", "m=audio 4000 \(spelling) 0").media.first?.transport == transport)
    }

    @Test(
        "and m= lines have a port",
        arguments: [
            ("audio 4000 RTP/AVP 0", UInt16(4000), UInt16(1)), ("audio 4000/2 RTP/AVP 0", 4000, 2),
            ("audio 0 RTP/AVP", 0, 1), (" audio\t65535  RTP/AVP 0", 65535, 1), ("audio 4000/0 RTP/AVP 0", 4000, 0),
        ])
    func media(_ value: String, _ port: UInt16, _ count: UInt16) throws {
        let media = try #require(try parse("v=0", "m=" + value).media.first)
        #expect(media.port == port)
        #expect(media.portCount == count)
    }

    @Test(
        "and other m= lines are refused",
        arguments: [
            "", "audio", "audio 4000", "audio 65536 RTP/AVP 0", "audio -1 RTP/AVP 0", "audio +1 RTP/AVP 0",
            "audio 4000/ RTP/AVP 0", "audio 4000/x RTP/AVP 0", "audio 4000/65536 RTP/AVP 0", "audio / RTP/AVP 0",
            "audio 99999999999999999999 RTP/AVP 0", "audio x RTP/AVP 0",
        ])
    func badMedia(_ value: String) {
        #expect(throws: SDPError.malformedMedia) { try parse("v=0", "m=" + value) }
    }

    @Test(
        "and a=rtcp has a port and perhaps an address",
        arguments: [
            ("53020", UInt16(53020), ConnectionData.Address?.none),
            ("53020 IN IP4 192.0.2.1", 53020, .ip(IPAddress(v4: 0xC000_0201))),
            (" 53020  IN IP6 host.example.com", 53020, .name),
        ])
    func rtcp(_ value: String, _ port: UInt16, _ address: ConnectionData.Address?) throws {
        let rtcp = try #require(try parse("v=0", "m=audio 4000 RTP/AVP 0", "a=rtcp:" + value).media.first?.rtcp)
        #expect(rtcp.port == port)
        #expect(rtcp.address == address)
    }

    @Test("and an odd a=rtcp counts as none", arguments: ["", "x", "65536", "1 IN", "1 IN IP4", "1 IN IP4 1.2.3"])
    func badRTCP(_ value: String) throws {
        let description = try parse("v=0", "m=audio 4000 RTP/AVP 0", "a=rtcp:" + value)
        #expect(description.media.first?.rtcp == nil)
        #expect(description.fields.count == 2)
    }

    @Test(
        "and the attributes of a leg are found",
        arguments: [
            ("ice-ufrag:x", LegAttribute.Name.ice), ("ICE-LITE", .ice),
            ("candidate:1 1 UDP 1 192.0.2.1 1 typ host", .candidate),
            (" candidate :1", .candidate), ("end-of-candidates", .endOfCandidates),
            ("remote-candidates:1", .remoteCandidates),
            ("crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x", .crypto), ("Crypto:1", .crypto),
            ("fingerprint:sha-1 x", .fingerprint),
            ("setup:actpass", .setup), ("connection:new", .connection), ("rtcp:1", .rtcp), ("rtcp-mux", .rtcpMux),
            ("rtcp-mux-only", .rtcpMuxOnly), ("group:BUNDLE a", .group), ("bundle-only", .bundleOnly),
            ("tls-id:x", .tlsID),
            ("key-mgmt:mikey x", .keyManagement), ("source-filter: incl IN IP4 * 192.0.2.1", .sourceFilter),
            ("altc:1 IP4 192.0.2.1 1", .alternative), ("oldmediaip:192.0.2.1", .formerAddress),
            ("pcfg:1 t=1", .capability), ("rtcp-fb:* nack", .rtcpFeedback),
        ])
    func legAttributes(_ attribute: String, _ name: LegAttribute.Name) throws {
        let description = try parse("v=0", "a=" + attribute, "m=audio 4000 RTP/AVP 0", "a=" + attribute)
        #expect(description.fields.count == 3)
        for (field, media) in zip([description.fields[0], description.fields[2]], [nil, 0]) {
            guard case .attribute(let found) = field else {
                Issue.record("not found")
                continue
            }
            #expect(found.name == name)
            #expect(found.media == media)
            #expect(description.bytes.text(found.line) == "a=\(attribute)\r\n")
        }
    }

    @Test(
        "and all other lines are left alone",
        arguments: [
            "a=rtcp-xr:rcvr-rtt=all", "a=mid:audio", "a=ssrc:1 cname:x", "a=icepick", "a=ice",
            "a=candidates:1",
            "a=rtpmap:0 PCMU/8000", "a=", "a", "b", "b=", "b=x", "=", "", "x=y", "C=IN IP4 192.0.2.1", " c=IN IP4 x",
            "k=clear:x", "z=1", "\u{0}\u{1}",
        ])
    func others(_ line: String) throws {
        #expect(try parse("v=0", line, "s=-").fields.isEmpty)
    }

    @Test(
        "and begin with v=0",
        arguments: ["", "\r\nv=0\r\n", "o=- 1 1 IN IP4 x\r\n", "v=1\r\n", "v=\r\n", "V=0\r\n", "v=00", "hello"])
    func version(_ body: String) {
        #expect(throws: SDPError.missingVersion) { try SessionDescription(Array(body.utf8)) }
    }
}
