import NetworkTypes
import Testing

@testable import sallyport_bench

@Suite("Received messages")
struct ReceivedMessageTests {
    static let invite = """
        INVITE sip:answered.7@127.0.0.3:5080 SIP/2.0\r
        Via: SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bKproxy, SIP/2.0/UDP 127.0.0.1:5080;rport=5080;branch=z9hG4bKua\r
        v: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKfar\r
        Record-Route: <sip:127.0.0.2;lr;r2=on>,\r
         <sip:a,b@127.0.0.1:5070;lr>\r
        f: "Comma, <angle>" <sip:caller@127.0.0.1>;tag=abc\r
        To: <sip:answered.7@127.0.0.3;tag=inner>\r
        i: 7.run@sallyport-bench\r
        CSEQ: 12 INVITE\r
        Contact: <sip:caller@127.0.0.1:5080>\r
        Content-Length: 5\r
        \r
        v=0\r

        """

    private func message(_ text: String) throws -> ReceivedMessage {
        try #require(ReceivedMessage(Array(text.utf8)))
    }

    @Test("has the parts of its start line")
    func start() throws {
        let request = try message(Self.invite)
        guard case .request(.invite, let uri) = request.start else {
            Issue.record("not an INVITE")
            return
        }
        #expect(request.text(uri) == "sip:answered.7@127.0.0.3:5080")
        #expect(try message("SIP/2.0 486 Busy Here\r\nCSeq: 1 INVITE\r\n\r\n").start == .response(status: 486))
        #expect(try message("SIP/2.0 200 \r\n\r\n").start == .response(status: 200))
    }

    @Test("takes values apart at commas, over folded lines, in long and compact form")
    func values() throws {
        let request = try message(Self.invite)
        let branches = request.values(.via).map {
            request.parameter("branch", of: $0).map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(branches == ["z9hG4bKproxy", "z9hG4bKua", "z9hG4bKfar"])
        let routes = request.values(.recordRoute).map { request.text(request.uri(of: $0)) }
        #expect(routes == ["sip:127.0.0.2;lr;r2=on", "sip:a,b@127.0.0.1:5070;lr"])
        #expect(request.values(.from).count == 1)
    }

    @Test("tells parameters of the header from those of the URI")
    func parameters() throws {
        let request = try message(Self.invite)
        #expect(request.parameter("tag", of: request[.from]) == Array("abc".utf8))
        #expect(request.parameter("tag", of: request[.to]) == nil)
        #expect(request.parameter("rport", of: request.values(.via)[0]) == nil)
    }

    @Test("has CSeq and body")
    func rest() throws {
        let request = try message(Self.invite)
        #expect(request.cseq?.number == 12)
        #expect(request.cseq?.method == .invite)
        #expect(request.text(request.body) == "v=0\r\n")
    }

    @Test(
        "is nothing when it is no SIP",
        arguments: [
            "", "\r\n\r\n", "INVITE", "INVITE sip:a@b\r\n\r\n", "SIP/2.0 abc\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
            "BYE sip:a SIP/2.0\r\nno colon\r\n\r\n",
        ])
    func malformed(text: String) { #expect(ReceivedMessage(Array(text.utf8)) == nil) }
}

@Suite("SIP URIs")
struct SIPURITests {
    @Test(
        "lead to an address",
        arguments: [
            ("sip:127.0.0.1;lr", "", "127.0.0.1:5060", true), ("sip:u@192.0.2.1:5070", "u", "192.0.2.1:5070", false),
            ("SIP:a@b@127.0.0.2;r2=on;lr=on", "a@b", "127.0.0.2:5060", true),
            ("sip:u@[2001:db8::1]:5062", "u", "[2001:db8::1]:5062", false),
        ] as [(String, String, String, Bool)])
    func read(text: String, user: String, address: String, isLoose: Bool) throws {
        let uri = try #require(SIPURI(text.utf8))
        #expect(String(decoding: uri.user, as: UTF8.self) == user)
        #expect(uri.address.description == address)
        #expect(uri.isLooseRouter == isLoose)
    }

    @Test("that name no address are refused", arguments: ["sip:", "sip:u@example.org", "tel:112", "sip:u@127.0.0.1:x"])
    func refuse(text: String) { #expect(SIPURI(text.utf8) == nil) }
}

@Suite("Session descriptions")
struct SessionDescriptionTests {
    @Test("give back the address they were made with")
    func roundTrip() {
        let address = SocketAddress(IPAddress(v4: 0x7f00_0003), 20002)
        #expect(
            SessionDescription.audioAddress(in: SessionDescription.text(audioAt: address, packetTime: 20)) == address)
    }

    @Test("prefer the address of the media to that of the session")
    func mediaLevel() {
        let sdp =
            "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP4 192.0.2.2\r\nm=video 5 RTP/AVP 9\r\nc=IN IP4 192.0.2.3\r\n"
        #expect(SessionDescription.audioAddress(in: sdp.utf8)?.description == "192.0.2.2:4000")
    }

    @Test(
        "have no address when audio is refused or missing",
        arguments: [
            "", "c=IN IP4 192.0.2.1\r\nm=audio 0 RTP/AVP 0\r\n", "m=audio 4000 RTP/AVP 0\r\n",
            "c=IN IP4 192.0.2.1\r\nm=audio 70000 RTP/AVP 0\r\n",
        ])
    func refused(sdp: String) { #expect(SessionDescription.audioAddress(in: sdp.utf8) == nil) }
}
