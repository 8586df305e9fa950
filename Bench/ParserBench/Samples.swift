/// Messages as a PBX and an ITSP exchange them.
enum Samples {
    /// An INVITE of about 900 octets and 16 header fields.
    static let invite = wire(
        """
        INVITE sip:+15551234567@sip.example.net SIP/2.0
        Via: SIP/2.0/UDP 192.168.0.2:5060;rport;branch=z9hG4bKPj8f2b6c1e-3d0a-4b0f-a7c5-1f2d3c4b5a69
        From: "Reception" <sip:1000@192.168.0.2>;tag=2f9a1b7c-5d3e-4c6f-8a90-b1c2d3e4f506
        To: <sip:+15551234567@sip.example.net>
        Contact: <sip:asterisk@192.168.0.2:5060>
        Call-ID: 6a1d2f3e-7b4c-4d5e-9f60-718293a4b5c6
        CSeq: 21385 INVITE
        Route: <sip:192.168.0.1;lr>
        Allow: OPTIONS, INVITE, ACK, BYE, CANCEL, UPDATE, PRACK, MESSAGE, REFER
        Supported: 100rel, timer, replaces, norefersub, histinfo
        Session-Expires: 1800
        Min-SE: 90
        Max-Forwards: 70
        User-Agent: Asterisk PBX 22.1.0
        P-Asserted-Identity: "Reception" <sip:1000@192.168.0.2>
        Content-Type: application/sdp
        Content-Length: 171

        v=0
        o=- 1 1 IN IP4 192.168.0.2
        s=Asterisk
        c=IN IP4 192.168.0.2
        t=0 0
        m=audio 12000 RTP/AVP 0 101
        a=rtpmap:0 PCMU/8000
        a=rtpmap:101 telephone-event/8000
        a=sendrecv

        """)

    /// A 200 without a body.
    static let ok = wire(
        """
        SIP/2.0 200 OK
        Via: SIP/2.0/UDP 203.0.113.1:5060;rport=5060;branch=z9hG4bK4f1c9d2b7a6e5038-9c1d2e3f4a5b6c7d
        Via: SIP/2.0/UDP 192.168.0.2:5060;rport=5060;branch=z9hG4bKPj8f2b6c1e-3d0a-4b0f-a7c5-1f2d3c4b5a69
        From: <sip:1000@192.168.0.2>;tag=2f9a1b7c-5d3e-4c6f-8a90-b1c2d3e4f506
        To: <sip:sip.example.net>;tag=a6c85cf
        Call-ID: 6a1d2f3e-7b4c-4d5e-9f60-718293a4b5c6
        CSeq: 101 OPTIONS
        Accept: application/sdp
        Allow: INVITE, ACK, CANCEL, OPTIONS, BYE
        Content-Length: 0


        """)

    private static func wire(_ text: String) -> [UInt8] {
        text.utf8.flatMap { $0 == 10 ? [13, 10] : [$0] }
    }
}
