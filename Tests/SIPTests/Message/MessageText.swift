import SIP

/// Octets of a message written with "\n", each line end as CRLF.
func wire(_ text: String) -> [UInt8] {
    var out: [UInt8] = []
    for octet in text.utf8 {
        if octet == 10, out.last != 13 { out.append(13) }
        out.append(octet)
    }
    return out
}

extension Message {
    func string(_ range: Range<Int>?) -> String? { range.map { bytes.text($0) } }
}

private extension [UInt8] {
    func text(_ range: Range<Int>) -> String { String(decoding: self[range], as: UTF8.self) }
}

/// Messages that the tables change.
enum Texts {
    static let invite = """
        INVITE sip:bob@biloxi.example.com;user=phone SIP/2.0
        Via: SIP/2.0/UDP pc33.atlanta.example.com:5066;branch=z9hG4bK776asdhds;rport
        Max-Forwards: 70
        To: "Bob, the \\"builder\\"" <sip:bob@biloxi.example.com>
        From: Alice <sip:alice@atlanta.example.com>;tag=1928301774
        Call-ID: a84b4c76e66710@pc33.atlanta.example.com
        CSeq: 314159 INVITE
        Contact: <sip:alice@pc33.atlanta.example.com>
        Content-Type: application/sdp
        Content-Length: 15

        v=0
        s=-
        t=0

        """

    static let folded = """
        REGISTER sip:example.com SIP/2.0
        v: SIP / 2.0 /
         TCP\t[2001:db8::9:1]
         :5061 ; branch
         = z9hG4bKf , SIP/2.0/UDP b
        f:\t<sip:a@b>
         ;tag=
         x
        t: sip:a@b
        i: folded
        CSeq
        """ + ": 1\n\tREGISTER\nl: 0\n\n"

    static let response = """
        SIP/2.0 200 OK
        Via: SIP/2.0/UDP a;branch=z9hG4bKa, SIP/2.0/UDP b
        From: <sip:a@b>;tag=1
        To: <sip:c@d>;tag=2
        Call-ID: r
        CSeq: 4 OPTIONS
        Content-Length: 0


        """
}
