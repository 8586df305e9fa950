import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Requests that break one rule each: the answer that the RFC names, or a counted drop (security 18 to 20, 22).
@Suite struct BadInputTests {
    /// A request that is forwarded, with one thing changed.
    struct Change: Sendable, CustomTestStringConvertible {
        let name: String
        let line: String
        let by: String
        let outcome: Outcome

        init(_ name: String, _ line: String, _ by: String, _ outcome: Outcome) {
            (self.name, self.line, self.by, self.outcome) = (name, line, by, outcome)
        }

        var testDescription: String { name }

        func applied(to text: String) -> [UInt8] {
            let changed = text.replacing(line, with: by)
            return wire(changed)
        }
    }

    static let options = """
        OPTIONS sip:bob@203.0.113.10 SIP/2.0
        Via: SIP/2.0/UDP 192.168.0.2:5060;rport;branch=z9hG4bKbad
        From: <sip:1000@192.168.0.2>;tag=a
        To: <sip:bob@203.0.113.10>
        Call-ID: bad-1
        CSeq: 7 OPTIONS
        Max-Forwards: 70
        Content-Type: text/plain
        Content-Length: 4

        body
        """

    static let changes = [
        Change("nothing", "", "", .forwarded),
        Change("no From", "From: <sip:1000@192.168.0.2>;tag=a\n", "", .refused(400)),
        Change("no To", "To: <sip:bob@203.0.113.10>\n", "", .refused(400)),
        Change("no Call-ID", "Call-ID: bad-1\n", "", .refused(400)),
        Change("an empty Call-ID", "Call-ID: bad-1", "Call-ID:", .refused(400)),
        Change("a Call-ID of two words", "Call-ID: bad-1", "Call-ID: bad 1", .refused(400)),
        Change("no CSeq", "CSeq: 7 OPTIONS\n", "", .refused(400)),
        Change("no Via", "Via: SIP/2.0/UDP 192.168.0.2:5060;rport;branch=z9hG4bKbad\n", "", .dropped),
        Change("no Max-Forwards", "Max-Forwards: 70\n", "", .forwarded),
        Change("From twice", "To:", "From: <sip:x@y>;tag=b\nTo:", .refused(400)),
        Change("From twice, in compact form", "To:", "f: <sip:x@y>;tag=b\nTo:", .refused(400)),
        Change("To twice", "Call-ID:", "t : <sip:x@y>\nCall-ID:", .refused(400)),
        Change("Call-ID twice", "CSeq:", "i: other\nCSeq:", .refused(400)),
        Change("CSeq twice", "CSeq:", "CSEQ: 7 OPTIONS\nCSeq:", .refused(400)),
        Change("Max-Forwards twice", "Max-Forwards:", "Max-Forwards: 70\nMax-Forwards:", .refused(400)),
        Change("two equal Content-Lengths", "Content-Length: 4", "Content-Length: 4\nl: 4", .refused(400)),
        Change("Content-Type twice", "Content-Length: 4", "c: application/sdp\nContent-Length: 4", .refused(400)),
        Change("two From tags", ";tag=a", ";tag=a;tag=b", .refused(400)),
        Change("an empty From tag", ";tag=a", ";tag=", .refused(400)),
        Change("a From tag that is no token", ";tag=a", ";tag=<a>", .refused(400)),
        Change("a From without URI", "<sip:1000@192.168.0.2>", "<>", .refused(400)),
        Change("a From that never closes", "<sip:1000@192.168.0.2>", "<sip:1000@192.168.0.2", .refused(400)),
        Change("garbage after the From", "2>;tag=a", "2> x;tag=a", .refused(400)),
        Change("CSeq 0", "CSeq: 7", "CSeq: 0", .forwarded),
        Change("CSeq 2147483647", "CSeq: 7", "CSeq: 2147483647", .forwarded),
        Change("CSeq 2147483648", "CSeq: 7", "CSeq: 2147483648", .refused(400)),
        Change("CSeq 4294967303", "CSeq: 7", "CSeq: 4294967303", .refused(400)),
        Change("CSeq -7", "CSeq: 7", "CSeq: -7", .refused(400)),
        Change("CSeq +7", "CSeq: 7", "CSeq: +7", .refused(400)),
        Change("CSeq of letters", "CSeq: 7", "CSeq: seven", .refused(400)),
        Change("CSeq without method", "CSeq: 7 OPTIONS", "CSeq: 7", .refused(400)),
        Change("CSeq without space", "CSeq: 7 OPTIONS", "CSeq: 7OPTIONS", .refused(400)),
        Change("CSeq of another method", "CSeq: 7 OPTIONS", "CSeq: 7 INVITE", .refused(400)),
        Change("CSeq in lower case", "CSeq: 7 OPTIONS", "CSeq: 7 options", .refused(400)),
        Change("CSeq with an unknown method", "OPTIONS sip", "FOO sip", .refused(501)),
        Change("Max-Forwards 0", "Max-Forwards: 70", "Max-Forwards: 0", .refused(483)),
        Change("Max-Forwards 1", "Max-Forwards: 70", "Max-Forwards: 1", .forwarded),
        Change("Max-Forwards 256", "Max-Forwards: 70", "Max-Forwards: 256", .refused(400)),
        Change("Max-Forwards -1", "Max-Forwards: 70", "Max-Forwards: -1", .refused(400)),
        Change("Max-Forwards empty", "Max-Forwards: 70", "Max-Forwards:", .refused(400)),
        Change("Content-Length 3: the rest is noise", "Content-Length: 4", "Content-Length: 3", .forwarded),
        Change("Content-Length 5", "Content-Length: 4", "Content-Length: 5", .refused(400)),
        Change("Content-Length +4", "Content-Length: 4", "Content-Length: +4", .refused(400)),
        Change("Content-Length -1", "Content-Length: 4", "Content-Length: -1", .refused(400)),
        Change("Content-Length 4, 4", "Content-Length: 4", "Content-Length: 4, 4", .refused(400)),
        Change("Content-Length 0x4", "Content-Length: 4", "Content-Length: 0x4", .refused(400)),
        Change("Content-Length 4294967300", "Content-Length: 4", "Content-Length: 4294967300", .refused(400)),
        Change(
            "Content-Length 2**64 + 4", "Content-Length: 4", "Content-Length: 18446744073709551620", .refused(400)),
        Change("Content-Length 0000004", "Content-Length: 4", "Content-Length: 0000004", .forwarded),
        Change("no Content-Length", "Content-Length: 4\n", "", .forwarded),
        Change("port 0", "bob@203.0.113.10 ", "bob@203.0.113.10:0 ", .refused(400)),
        Change("port 65535", "bob@203.0.113.10 ", "bob@203.0.113.10:65535 ", .forwarded),
        Change("port 65536", "bob@203.0.113.10 ", "bob@203.0.113.10:65536 ", .refused(400)),
        Change("port 99999", "bob@203.0.113.10 ", "bob@203.0.113.10:99999 ", .refused(400)),
        Change("an empty port", "bob@203.0.113.10 ", "bob@203.0.113.10: ", .refused(400)),
        Change("port -1", "bob@203.0.113.10 ", "bob@203.0.113.10:-1 ", .refused(400)),
        Change("port 65536 in Via", "192.168.0.2:5060;rport", "192.168.0.2:65536;rport", .dropped),
        Change("port 0 in Via", "192.168.0.2:5060;rport", "192.168.0.2:0;rport", .dropped),
        Change("an address as a number", "bob@203.0.113.10 ", "bob@3405803786 ", .refused(400)),
        Change("an address with three parts", "bob@203.0.113.10 ", "bob@203.0.10 ", .refused(400)),
        Change("an address beyond 255", "bob@203.0.113.10 ", "bob@203.0.113.256 ", .refused(400)),
        Change("an IPv6 address without brackets", "bob@203.0.113.10 ", "bob@2001:db8::1 ", .refused(400)),
        Change("brackets that don't close", "bob@203.0.113.10 ", "bob@[2001:db8::1 ", .refused(400)),
        Change("no host", "bob@203.0.113.10 ", "bob@ ", .refused(400)),
        Change("no user before the @", "bob@203.0.113.10 ", "@203.0.113.10 ", .refused(400)),
        Change("two @", "bob@203.0.113.10 ", "bob@x@203.0.113.10 ", .refused(400)),
        Change("no scheme", "sip:bob@203.0.113.10 ", "bob@203.0.113.10 ", .refused(400)),
        Change("http", "sip:bob@203.0.113.10 ", "http://203.0.113.10/ ", .refused(416)),
        Change("tel without Route", "sip:bob@203.0.113.10 ", "tel:+15551234 ", .refused(416)),
        Change("sips without TLS", "sip:bob@", "sips:bob@", .refused(503)),
        Change("another transport", "bob@203.0.113.10 ", "bob@203.0.113.10;transport=tcp ", .refused(503)),
        Change(
            "SIP/3.0", "OPTIONS sip:bob@203.0.113.10 SIP/2.0", "OPTIONS sip:bob@203.0.113.10 SIP/3.0", .refused(505)),
        Change("no version", "sip:bob@203.0.113.10 SIP/2.0", "sip:bob@203.0.113.10", .dropped),
        Change("HTTP", "sip:bob@203.0.113.10 SIP/2.0", "/ HTTP/1.1", .dropped),
        Change("Proxy-Require", "Max-Forwards", "Proxy-Require: sec-agree\nMax-Forwards", .refused(420)),
        Change("Require is not ours", "Max-Forwards", "Require: sec-agree\nMax-Forwards", .forwarded),
        Change(
            "a Contact that never closes", "Max-Forwards", "Contact: <sip:1000@192.168.0.2\nMax-Forwards", .refused(400)
        ),
        Change("a Contact without host", "Max-Forwards", "m: <sip:>\nMax-Forwards", .refused(400)),
        Change("a Route that never closes", "Max-Forwards", "Route: <sip:192.168.0.1;lr\nMax-Forwards", .refused(400)),
        Change("a Route without URI", "Max-Forwards", "Route: <>\nMax-Forwards", .refused(400)),
        Change("a control character in a name", "Max-Forwards", "X-\u{1}: y\nMax-Forwards", .refused(400)),
        Change("a control character before the colon", "To:", "To\u{1}:", .refused(400)),
        Change("a vertical tab before the colon", "To:", "To\u{b}:", .refused(400)),
        Change("NUL in a value", "Max-Forwards", "X-A: a\u{0}b\nMax-Forwards", .refused(400)),
        Change("DEL in a value", "Max-Forwards", "X-A: a\u{7f}b\nMax-Forwards", .refused(400)),
        Change("a line without colon", "Max-Forwards", "garbage\nMax-Forwards", .refused(400)),
        Change("a line that begins with a colon", "Max-Forwards", ": x\nMax-Forwards", .refused(400)),
        Change("a name of two words", "Max-Forwards", "X A: b\nMax-Forwards", .refused(400)),
        Change("a folded first line", "Via:", " Via:", .dropped),
        Change("a sent-by of nothing", "192.168.0.2:5060;rport", ";rport", .dropped),
        Change("two branches", ";branch=", ";branch=z9hG4bKx;branch=", .refused(400)),
        Change("an empty branch", ";branch=z9hG4bKbad", ";branch=", .refused(400)),
        Change("an empty value behind ours in Via", "z9hG4bKbad", "z9hG4bKbad,", .refused(400)),
    ]

    @Test(arguments: changes) func `gets the answer that the RFC names`(_ change: Change) {
        let proxy = ProxyHarness()
        let bytes = change.applied(to: Self.options)
        let (outcome, sent) = proxy.outcome(of: bytes)
        #expect(outcome == change.outcome)
        #expect(sent.count == (outcome == .dropped ? 0 : 1))
        if outcome == .dropped { #expect(proxy.core.counters.drops == 1) }
        if outcome == .forwarded { #expect(sent.first?.differences(from: bytes) == []) }
        proxy.settle()
        #expect(proxy.remains == [])
    }

    @Test(arguments: changes.filter { !$0.by.hasPrefix("FOO") }) func `as an ACK it gets no answer`(_ change: Change) {
        let proxy = ProxyHarness()
        let bytes = Change(
            "", change.line.replacing("OPTIONS", with: "ACK"), change.by.replacing("OPTIONS", with: "ACK"), .dropped
        )
        .applied(to: Self.options.replacing("OPTIONS", with: "ACK"))
        let (_, sent) = proxy.outcome(of: bytes)
        #expect(sent.allSatisfy { $0.isRequest && $0.side == .outside })
        proxy.settle()
        #expect(proxy.remains == [])
    }

    @Test(arguments: changes) func `as a response it gets no answer`(_ change: Change) {
        let response = Self.options.replacing("OPTIONS sip:bob@203.0.113.10 SIP/2.0\n", with: "SIP/2.0 200 OK\n")
        let proxy = ProxyHarness()
        for side in [Side.inside, .outside] {
            #expect(proxy.outcome(of: change.applied(to: response), on: side).0 == .dropped)
        }
        #expect(proxy.core.counters.drops == 2)
    }

    @Test(arguments: changes) func `from outside it gets no answer either`(_ change: Change) {
        let proxy = ProxyHarness()
        let (outcome, _) = proxy.outcome(
            of: change.applied(to: Self.options), on: .outside, from: ProxyHarness.stranger)
        #expect(outcome == .dropped)
        #expect(proxy.core.counters.drops == 1)
    }

    @Test(arguments: [
        "X-Sallyport-Trunk: evil", "x-sallyport-trunk:evil", "X-SALLYPORT-TRUNK : evil", "X-Sallyport-Trunk\t:\tevil",
        "X-Sallyport-Trunk  \t :\n evil", "X-Sallyport-Trunk: \n\tevil", "X-Sallyport-Trunk:\n evil\n evil",
        "x-sallyport-trunk: a\nX-Sallyport-Trunk: evil", "X-Sallyport-Trunk: \"evil\"",
        "X-sALLYPORT-tRUNK: evil;x=\u{7}",
        "X-Sallyport-Trunk\u{0}: evil", "X-Sallyport-Trunk\u{b}: evil", "X-Sallyport-Trunk\r: evil",
        "X-Sallyport-Trunk\n : evil",
    ])
    func `a header that names trunks passes in no spelling (security 22)`(line: String) {
        let text = Self.options.replacing("Max-", with: line + "\nMax-")
        let (outcome, sent) = ProxyHarness().outcome(of: wire(text))
        #expect(outcome == .forwarded || outcome == .refused(400))
        #expect(sent.count == 1 && sent.first?.text.contains("evil") == false)
    }

    @Test func `420 lists every extension that was demanded`() {
        let text = Self.options.replacing("Max-", with: "Proxy-Require: a, b\nproxy-require:c\nMax-")
        let (_, sent) = ProxyHarness().outcome(of: wire(text))
        #expect(sent.first?.text.contains("\r\nUnsupported: a, b, c\r\n") == true)
    }

    @Test func `keep-alives are neither answered nor counted as garbage`() {
        let proxy = ProxyHarness()
        for text in ["\r\n\r\n", "\r\n", "\n", "\n\n\n", "\r"] {
            #expect(proxy.outcome(of: Array(text.utf8)).0 == .dropped)
        }
        #expect(proxy.core.counters.drops == 0)
    }

    @Test func `oversized, empty and random datagrams are dropped`() {
        let proxy = ProxyHarness()
        let large = wire(Self.options) + Array(repeating: 0x20, count: 65_536)
        #expect(proxy.outcome(of: large).0 == .dropped)
        #expect(proxy.outcome(of: []).0 == .dropped)
        var state: UInt64 = 1
        for _ in 0..<2_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let octets = (0..<Int(state >> 56)).map { UInt8(truncatingIfNeeded: state &* UInt64($0 &+ 3) >> 32) }
            #expect(proxy.outcome(of: octets).0 == .dropped)
        }
        proxy.settle()
        #expect(proxy.remains == [])
    }

    @Test func `a datagram cut anywhere is refused or dropped, never forwarded without its body`() {
        let whole = wire(CallTexts.outboundINVITE())
        for end in whole.indices.dropLast() {
            let proxy = ProxyHarness()
            let (outcome, _) = proxy.outcome(of: Array(whole[..<end]))
            #expect(outcome != .forwarded, "cut at \(end)")
            #expect(proxy.core.callCount == 0 && proxy.media.open.isEmpty)
        }
    }
}

extension ProxyCounters {
    /// Everything that was dropped, for whatever reason.
    var drops: UInt64 {
        droppedNotSIP + droppedMalformed + droppedUnadmitted + droppedSpoofed + droppedStray + droppedOverBudget
    }
}
