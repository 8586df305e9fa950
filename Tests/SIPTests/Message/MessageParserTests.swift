import SIP
import TestSupport
import Testing

/// RFC 3261 §7: where the parts of a message are, whatever its spelling.
@Suite struct MessageParserTests {
    @Test func `finds the parts of a request`() throws {
        let message = try MessageParser.parse(datagram: wire(Texts.invite))
        #expect(message.isRequest)
        #expect(message.method == .invite)
        #expect(message.string(message.methodRange) == "INVITE")
        #expect(message.string(message.requestURI) == "sip:bob@biloxi.example.com;user=phone")
        #expect(message.status == 0)
        #expect(message.string(message.topVia.host) == "pc33.atlanta.example.com")
        #expect(message.topVia.port == 5066)
        #expect(message.string(message.topVia.sentBy) == "pc33.atlanta.example.com:5066")
        #expect(message.string(message.topVia.branch) == "z9hG4bK776asdhds")
        #expect(message.string(message.callID) == "a84b4c76e66710@pc33.atlanta.example.com")
        #expect(message.cSeq.number == 314_159 && message.cSeq.method == .invite)
        #expect(message.string(message.fromTag) == "1928301774")
        #expect(message.toTag == nil && !message.isInDialog)
        #expect(message.maxForwards == 70)
        #expect(message.headers.count == 9)
        #expect(message.string(message.body) == "v=0\r\ns=-\r\nt=0\r\n")
        #expect(message.hasSDP)
        #expect(message.defect == nil)
    }

    @Test func `finds the parts of a response`() throws {
        let message = try MessageParser.parse(datagram: wire(Texts.response))
        #expect(!message.isRequest)
        #expect(message.status == 200)
        #expect(message.startLine == .response(status: 200, reason: 12..<14))
        #expect(message.method == .options)
        #expect(message.string(message.toTag) == "2" && message.string(message.fromTag) == "1")
        #expect(message.values(.via).map { message.string($0) } == ["SIP/2.0/UDP a;branch=z9hG4bKa", "SIP/2.0/UDP b"])
        #expect(message.requestURI.isEmpty && message.body.isEmpty && message.defect == nil)
    }

    @Test func `reads compact forms and folded lines`() throws {
        let message = try MessageParser.parse(datagram: wire(Texts.folded))
        #expect(message.defect == nil)
        #expect(message.string(message.topVia.host) == "[2001:db8::9:1]")
        #expect(message.topVia.port == 5061)
        #expect(message.string(message.topVia.transport) == "TCP")
        #expect(message.string(message.topVia.branch) == "z9hG4bKf")
        #expect(message.values(.via).count == 2)
        #expect(message.string(message.fromTag) == "x")
        #expect(message.string(message.callID) == "folded")
        #expect(message.cSeq.number == 1 && message.cSeq.method == .register)
        #expect(message.body.isEmpty)
        #expect(message.headers.map(\.name) == [.via, .from, .to, .callID, .cSeq, .contentLength])
        // The lines of the fields and the start line are the whole head.
        #expect(
            zip(message.headers, message.headers.dropFirst()).allSatisfy { $0.line.upperBound == $1.line.lowerBound })
    }

    @Test(arguments: [Texts.invite, Texts.folded, Texts.response])
    func `bare line feeds mean the same as CRLF`(text: String) throws {
        let one = try MessageParser.parse(datagram: wire(text))
        let lines = Array(text.replacing("Content-Length: 15", with: "Content-Length: 12").utf8)
        let other = try MessageParser.parse(datagram: lines)
        #expect(other.defect == nil)
        #expect(one.headers.map(\.name) == other.headers.map(\.name))
        #expect(one.string(one.callID) == other.string(other.callID))
        #expect(one.cSeq.number == other.cSeq.number)
    }

    @Test func `line ends before the message are skipped`() throws {
        let message = try MessageParser.parse(datagram: Array("\r\n\r\n\n".utf8) + wire(Texts.invite))
        #expect(message.defect == nil && message.method == .invite)
    }

    @Test func `fields may come in any order`() throws {
        let lines = Texts.invite.split(separator: "\n", omittingEmptySubsequences: false)
        let head = lines[1..<10]
        for shift in head.indices {
            let rotated = head[shift...] + head[..<shift]
            let text = ([lines[0]] + rotated.reversed() + lines[10...]).joined(separator: "\n")
            let message = try MessageParser.parse(datagram: wire(text))
            #expect(message.defect == nil && message.headers.count == 9 && message.hasSDP)
        }
    }

    @Test(arguments: [
        "", "\r\n", "\n", "x", "INVITE", "INVITE sip:a", "INVITE sip:a SIP/2.0", "INVITE sip:a SIP/2.0\r\n",
        "INVITE sip:a SIP/2.0\r\n\r\n", "INVITE sip:a SIP/2.0\r\nTo: x\r\n\r\n",
        "GET / HTTP/1.1\r\nVia: SIP/2.0/UDP a\r\n\r\n",
        "SIP/2.0 200 OK\r\n\r\n", "SIP/2.0 99 X\r\nVia: SIP/2.0/UDP a\r\n\r\n",
        "SIP/2.0 700 X\r\nVia: SIP/2.0/UDP a\r\n\r\n",
        "SIP/2.0 2000 X\r\nVia: SIP/2.0/UDP a\r\n\r\n", "SIP/2.0 +20 X\r\nVia: SIP/2.0/UDP a\r\n\r\n",
        "SIP/3.0 200 X\r\nVia: SIP/2.0/UDP a\r\n\r\n", "SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n\r\n",
        "INV ITE sip:a SIP/2.1\u{0}\r\n\r\n", "\u{1}\u{2}\u{3}", "INVITE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP\r\n\r\n",
        "INVITE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a:99999\r\n\r\n",
        "INVITE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP [::1\r\n\r\n",
    ])
    func `what can't be answered is no message`(text: String) {
        #expect(throws: MessageParser.Failure.self) { try MessageParser.parse(datagram: Array(text.utf8)) }
    }

    @Test func `says why`() {
        #expect(throws: MessageParser.Failure.keepAlive) { try MessageParser.parse(datagram: wire("\n\n")) }
        #expect(throws: MessageParser.Failure.notSIP) { try MessageParser.parse(datagram: wire("x")) }
        #expect(throws: MessageParser.Failure.tooLarge) {
            try MessageParser.parse(datagram: Array(repeating: 13, count: MessageParser.maximumSize + 1))
        }
    }

    @Test func `the largest message is read, one octet more is not (security 17)`() throws {
        let head = wire(Texts.invite.replacing("Content-Length: 15\n", with: ""))
        let body = Array(repeating: UInt8(ascii: "x"), count: MessageParser.maximumSize - head.count)
        let message = try MessageParser.parse(datagram: head + body)
        #expect(message.defect == nil && message.body.upperBound == MessageParser.maximumSize)
        #expect(throws: MessageParser.Failure.tooLarge) { try MessageParser.parse(datagram: head + body + [0]) }
    }

    @Test(arguments: [(246, true), (247, true), (248, false), (2_000, false)])
    func `at most 256 fields (security 17)`(extra: Int, isFine: Bool) throws {
        let fields = String(repeating: "X: y\n", count: extra)
        let text = Texts.invite.replacing("Max-Forwards", with: fields + "Max-Forwards")
        let message = try MessageParser.parse(datagram: wire(text))
        #expect((message.defect == nil) == isFine)
        #expect(message.headers.count <= MessageParser.maximumHeaders)
    }

    @Test(arguments: [(64, true), (65, false), (200, false), (4_000, false)])
    func `at most 64 Via values, in however few lines (security 17)`(count: Int, isFine: Bool) throws {
        let list = "Via: " + Array(repeating: "SIP/2.0/UDP a", count: count).joined(separator: ",")
        let message = try MessageParser.parse(datagram: wire("OPTIONS sip:a SIP/2.0\n\(list)\n\(Self.rest)"))
        #expect((message.defect == nil) == isFine)
    }

    @Test func `a field takes no more memory than 16 octets (security 17)`() {
        #expect(MemoryLayout<HeaderField>.stride <= 16)
    }

    private static let rest = "From: <sip:a@b>\nTo: <sip:a@b>\nCall-ID: x\nCSeq: 1 OPTIONS\n\n"

    @Test(arguments: [
        ("Content-Length: 0", 0), ("l: 3", 3), ("Content-length:\t 5 ", 5), ("CONTENT-LENGTH : 05", 5), ("X: y", 5),
        ("L:\n 2", 2),
    ])
    func `the body is as long as Content-Length says, or to the end`(line: String, count: Int) throws {
        let message = try MessageParser.parse(
            datagram: wire("OPTIONS sip:a SIP/2.0\nVia: SIP/2.0/UDP a\n\(line)\n\(Self.rest)12345"))
        #expect(message.defect == nil)
        #expect(message.body.count == count)
    }

    @Test(arguments: [
        "-1", "+1", "1 1", "1,1", "6", "99999999999999999999", "4294967296", "0x1", "1;2", "five", "", "١", "1\u{0}",
    ])
    func `another Content-Length is refused (security 20)`(value: String) throws {
        let message = try MessageParser.parse(
            datagram: wire("OPTIONS sip:a SIP/2.0\nVia: SIP/2.0/UDP a\nContent-Length: \(value)\n\(Self.rest)12345"))
        #expect(message.defect?.status == 400)
    }

    @Test(arguments: [
        ("application/sdp", true), ("APPLICATION/SDP", true), ("application/sdp;charset=utf-8", true),
        ("application / sdp ; x=y", true), ("application/\n sdp", true), ("application/sdpx", false),
        ("application/sdp/x", false), ("text/plain", false), ("sdp", false), ("/", false), ("", false),
        ("application/sdp\nContent-Encoding: gzip", false), ("application/sdp\ne: gzip", false),
    ])
    func `knows a session description by its type`(type: String, isSDP: Bool) throws {
        let text = Texts.invite.replacing("application/sdp", with: type)
        #expect(try MessageParser.parse(datagram: wire(text)).hasSDP == isSDP)
    }

    @Test(arguments: [
        ("Supported: path, gruu", true), ("k: outbound ,PATH", true), ("Supported: pathx", false),
        ("Supported:", false),
        ("Supported: a\nSupported: path", true), ("X: path", false),
    ])
    func `looks tokens up in lists`(line: String, isListed: Bool) throws {
        let message = try MessageParser.parse(
            datagram: wire(Texts.response.replacing("Call-ID", with: line + "\nCall-ID")))
        #expect(message.lists("path", in: .supported) == isListed)
    }

    @Test(arguments: [
        ("a\tb", true), ("\u{1f600} é", true), ("\"\\\u{0}\\\u{7}\\\u{7f}\"", true), ("a\n b", true),
        ("a\n\tb\n c", true),
        ("a\u{0}", false), ("\u{1}", false), ("a\u{7}b", false), ("a\u{b}b", false), ("a\u{1b}[31m", false),
        ("\u{7f}", false), ("a\rb", false), ("a\r b", false),
    ])
    func `control characters stand in no value, but for quoted pairs`(value: String, isFine: Bool) throws {
        // Octet by octet: "\r\n" is one character to Swift.
        let bytes = wire(Texts.invite.replacing("Max-Forwards", with: "X: \(value)\nMax-Forwards"))
        #expect((try MessageParser.parse(datagram: bytes).defect == nil) == isFine)
    }
}
