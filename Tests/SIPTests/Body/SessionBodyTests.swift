import Testing

@testable import SIP

/// Which part of a body is the session's, and what the body is like with another one in its place (RFC 5621).
@Suite struct SessionBodyTests {
    private static let isup = Parted.part(
        "application/ISUP;version=itu-t92+", "\u{1}\u{0}--\n-", "Content-Disposition: signal;handling=optional\n")
    private static let location = Parted.part("application/pidf+xml", Parted.location)

    private func sdp(_ text: String = "v=0\n", _ fields: String = "") -> String {
        Parted.part("application/sdp", text, fields)
    }

    private func expect(
        _ message: Message, replaced: String, without: String, _ place: SourceLocation = #_sourceLocation
    ) throws {
        let body = try #require(try message.sessionBody(), sourceLocation: place)
        #expect(body.replacing(with: wire("v=1 new\n"), in: message.bytes) == wire(replaced), sourceLocation: place)
        #expect(body.withoutDescription(in: message.bytes) == wire(without), sourceLocation: place)
    }

    @Test func `a body that is nothing else is replaced as a whole`() throws {
        let message = try Parted.message("v=0\n", type: "application/sdp")
        try expect(message, replaced: "v=1 new\n", without: "")
        #expect(message.hasSession)
    }

    @Test func `the others cross octet for octet, preamble and epilogue too`() throws {
        func body(_ middle: String) -> String {
            "hello\n" + Parted.body([Self.isup] + [middle].filter { !$0.isEmpty } + [Self.location]) + "bye\n\n"
        }
        try expect(Parted.message(body(sdp())), replaced: body(sdp("v=1 new\n")), without: body(""))
    }

    @Test func `Content-Length of the part, and of those around it, is put right`() throws {
        func body(_ length: String, _ outer: Int, _ text: String) -> String {
            let inner = Parted.body([Self.location, sdp(text, "Content-Length: \(length)\nX: y\n")], boundary: "in")
            return Parted.body([Parted.part("multipart/alternative;boundary=in", inner, "l: \(outer)\n"), Self.isup])
        }
        let without = Parted.body([
            Parted.part(
                "multipart/alternative;boundary=in", Parted.body([Self.location], boundary: "in"),
                "l: \(wire(Parted.body([Self.location], boundary: "in")).count)\n"), Self.isup,
        ])
        let inner = { (text: String, length: String) in
            wire(Parted.body([Self.location, sdp(text, "Content-Length: \(length)\nX: y\n")], boundary: "in")).count
        }
        try expect(
            Parted.message(body("5", inner("v=0\n", "5"), "v=0\n")),
            replaced: body("9", inner("v=0\n", "5") + 4, "v=1 new\n"), without: without)
    }

    @Test func `a multipart part that has nothing else goes with it, and so does the body`() throws {
        func nested(_ text: String) -> String {
            Parted.part("multipart/mixed;boundary=in", Parted.body([sdp(text)], boundary: "in"))
        }
        try expect(
            Parted.message(Parted.body([nested("v=0\n"), Self.location])),
            replaced: Parted.body([nested("v=1 new\n"), Self.location]), without: Parted.body([Self.location]))
        try expect(
            Parted.message(Parted.body([nested("v=0\n")])), replaced: Parted.body([nested("v=1 new\n")]), without: "")
        try expect(Parted.message(Parted.body([sdp()])), replaced: Parted.body([sdp("v=1 new\n")]), without: "")
    }

    @Test func `of another disposition: left out if that is optional`() throws {
        let early = sdp("v=2\n", "Content-Disposition: early-session; Handling = Optional\n")
        try expect(
            Parted.message(Parted.body([early, sdp(), Self.location])),
            replaced: Parted.body([sdp("v=1 new\n"), Self.location]), without: Parted.body([Self.location]))
        let alone = try Parted.message(Parted.body([early, Self.location]))
        let body = try #require(try alone.sessionBody())
        #expect(body.description == nil && !alone.hasSession)
        #expect(body.withoutDescription(in: alone.bytes) == wire(Parted.body([Self.location])))
    }

    @Test(
        arguments: [
            "", "Content-Disposition: session;handling=optional\n", "Content-Disposition: early-session\n",
            "Content-Disposition: early-session;handling=required\n", "Content-Disposition:\n",
            "Content-Disposition: early-session;handling=optional;handling=required\n",
        ])
    func `two that could be meant are refused, in mixed and in alternative`(fields: String) throws {
        let second = sdp("v=2\n", fields)
        for type in ["mixed", "alternative"] {
            for parts in [
                [sdp(), second], [second, sdp()],
                [sdp(), Parted.part("multipart/mixed;boundary=in", Parted.body([second], boundary: "in"))],
            ] {
                let message = try Parted.message(Parted.body(parts), type: "multipart/\(type);boundary=cut")
                #expect(message.refusal == 415)
                #expect(!message.hasSession)
            }
        }
    }

    @Test func `security 21: one that is named where there is no part of its own is refused`() throws {
        let hidden = "--\nContent-Type: Application/SDP\n\nv=0\n"
        for body in [
            Parted.body([sdp(), Parted.part("message/sipfrag", hidden)]), hidden + Parted.body([sdp()]),
            Parted.body([sdp()]) + hidden, Parted.body([Self.location, "X: application/sdp\n\nv=0\n"]),
            Parted.body([sdp(), Parted.part("message/sipfrag", "c: application \n /\t SDP\n\nv=0\n")]),
        ] { #expect(try Parted.message(body).refusal == 415) }
        // Its own lines are its own.
        #expect(try Parted.message(Parted.body([sdp("v=0\na=accept-types:application/sdp\n")])).hasSession)
    }

    @Test func `a body without one is left alone`() throws {
        for message in [
            try Parted.message(Parted.body([Self.isup, Self.location])),
            try Parted.message("v=0\n", type: "text/plain"),
            try Parted.message("", type: "multipart/mixed;boundary=cut"),
            try Parted.message("v=0\n", type: "multipartx/a"),
        ] {
            #expect(try message.description() == nil)
            #expect(message.refusal == nil && !message.hasSession)
        }
    }

    @Test(
        arguments: [
            ("Content-Encoding: gzip\n", 415), ("e: deflate\n", 415), ("Content-Encoding: identity\n", nil),
            ("Content-Transfer-Encoding: base64\n", 415), ("Content-Transfer-Encoding: binary\n", nil),
        ] as [(String, Int?)])
    func `what is encoded can't be read`(extra: String, status: Int?) throws {
        #expect(try Parted.message(Parted.body([sdp()]), extra: extra).refusal == status)
        // SIP has no transfer encodings of a body.
        let isMIME = extra.hasPrefix("Content-Transfer")
        #expect(try Parted.message("v=0\n", type: "application/sdp", extra: extra).refusal == (isMIME ? nil : status))
    }

    @Test func `candidates are found among parts`() throws {
        let part = Parted.part("application/trickle-ice-sdpfrag", "a=candidate:1\n")
        #expect(try Parted.message(Parted.body([Self.location, part])).hasICECandidates())
        #expect(try !Parted.message(Parted.body([Self.location])).hasICECandidates())
    }

    @Test func `security 21: whatever octet is changed or left out, what is read lies within the body`() throws {
        let inner = Parted.body([Self.location, sdp("v=0\n", "l: 5\n")], boundary: "in")
        let text = Parted.body([Self.isup, Parted.part("multipart/alternative;boundary=in", inner, "l: 1\n")])
        let message = try Parted.message(text, type: "multipart/mixed; boundary=\"cut\"")
        let bytes = message.bytes
        var changed = bytes
        for index in try #require(message.header(.contentType)).line.lowerBound..<bytes.count {
            for octet in Array("\0\t\n\r \"-:;/aZ\\".utf8) + [0x80, 0xff] {
                changed[index] = octet
                read(changed)
            }
            changed[index] = bytes[index]
            read(Array(bytes[..<index]))
            read(Array(bytes[..<index] + bytes[(index + 1)...]))
            read(Array(bytes[..<index] + [13, 10] + bytes[index...]))
        }
    }

    private func read(_ bytes: [UInt8]) {
        guard let message = try? MessageParser.parse(datagram: bytes), let body = try? message.sessionBody() else {
            return
        }
        let new = Array("v=0 other".utf8)
        let (replaced, without) = (body.replacing(with: new, in: bytes), body.withoutDescription(in: bytes))
        guard let range = body.description else { return }
        #expect(range.lowerBound >= message.body.lowerBound && range.upperBound <= message.body.upperBound)
        #expect(replaced.count - message.body.count - new.count + range.count <= 2)
        #expect(without.count < message.body.count)
    }
}
