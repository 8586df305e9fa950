/// One way to frame messages on a stream, right or wrong, and what must come of it (security 20).
public struct Framing: Sendable, CustomStringConvertible {
    public let name: String
    public let bytes: [UInt8]
    /// The Call-IDs of the messages in it, in order; `smuggled` is never one of them.
    public let messages: [String]
    /// Whether the stream ends after them, and what the request that ended it is answered with, if it can be.
    public let isClosed: Bool
    public let status: Int?
    /// Keep-alives that want an answer.
    public let pings: Int

    public var description: String { name }

    init(
        _ name: String, _ bytes: [UInt8], _ messages: [String], isClosed: Bool = false, status: Int? = nil,
        pings: Int = 0
    ) {
        (self.name, self.bytes, self.messages) = (name, bytes, messages)
        (self.isClosed, self.status, self.pings) = (isClosed, status, pings)
    }
}

extension Framing {
    /// An OPTIONS to `target`, over a stream from `source`, with these lines where its Content-Length belongs.
    static func options(_ callID: String, _ lines: String, _ ends: Ends, _ body: String = "") -> [UInt8] {
        Array(
            """
            OPTIONS sip:\(ends.target) SIP/2.0\r
            Via: SIP/2.0/TCP \(ends.source);branch=z9hG4bK\(callID)\r
            Max-Forwards: 70\r
            From: <sip:a@\(ends.source)>;tag=\(callID)\r
            To: <sip:\(ends.target)>\r
            Call-ID: \(callID)\r
            CSeq: 1 OPTIONS\r
            \(lines)\r
            \r
            \(body)
            """.utf8)
    }

    /// Where the messages say that they come from and go to.
    public struct Ends: Sendable {
        public let source: String
        public let target: String

        public init(source: String, target: String) { (self.source, self.target) = (source, target) }
    }

    /// All framings, between these ends.
    public static func all(_ ends: Ends) -> [Framing] { right(ends) + wrongLengths(ends) + wrongHeads(ends) }

    private static func right(_ ends: Ends) -> [Framing] {
        func options(_ callID: String, _ lines: String = "Content-Length: 0", _ body: String = "") -> [UInt8] {
            Self.options(callID, lines, ends, body)
        }
        let smuggled = String(decoding: options("smuggled"), as: UTF8.self)
        let end: [UInt8] = [13, 10]
        return [
            Framing("one message", options("a"), ["a"]),
            Framing("three in a row", options("a") + options("b") + options("c"), ["a", "b", "c"]),
            Framing("with a body", options("a", "Content-Length: 5", "hello") + options("b"), ["a", "b"]),
            Framing("a message as a body", options("a", "Content-Length: \(smuggled.utf8.count)", smuggled), ["a"]),
            Framing("compact form", options("a", "l: 5", "hello") + options("b"), ["a", "b"]),
            Framing("capitals", options("a", "CONTENT-LENGTH:5", "hello") + options("b"), ["a", "b"]),
            Framing("white space around", options("a", "Content-Length: \t 5 \t", "hello") + options("b"), ["a", "b"]),
            Framing("leading zeros", options("a", "Content-Length: 0000000005", "hello") + options("b"), ["a", "b"]),
            Framing("an underscore", options("a", "Content_Length: 50\r\nContent-Length: 0"), ["a"]),
            Framing("another name's end", options("a", "X-Content-Length: 50\r\nContent-Length: 0"), ["a"]),
            Framing(
                "a fold before", options("a", "Subject: a\r\n Content-Length: 50\r\nContent-Length: 0") + options("b"),
                ["a", "b"]),
            Framing(
                "a fold of white space", options("a", "Subject: a\r\n \t\r\nContent-Length: 0") + options("b"),
                ["a", "b"]),
            Framing("line ends before", end + options("a") + end + options("b"), ["a", "b"]),
            Framing("keep-alives", end + end + options("a") + end + end + options("b") + end, ["a", "b"], pings: 2),
            Framing("a lone pong", end, []),
        ]
    }

    private static func wrongLengths(_ ends: Ends) -> [Framing] {
        func wrong(_ name: String, _ lines: String, _ body: String = "hello", status: Int? = 400) -> Framing {
            Framing(
                name,
                options("a", "Content-Length: 0", ends) + options("b", lines, ends, body)
                    + options("smuggled", "Content-Length: 0", ends), ["a"], isClosed: true, status: status)
        }
        let hidden = String(decoding: options("smuggled", "Content-Length: 0", ends), as: UTF8.self)
        return [
            wrong("none", "Subject: a"),
            wrong("a plus", "Content-Length: +5"),
            wrong("a minus", "Content-Length: -1"),
            wrong("2^32 and one", "Content-Length: 4294967297"),
            wrong("2^64 and five", "Content-Length: 18446744073709551621"),
            wrong("a list", "Content-Length: 5, 5"),
            wrong("two numbers", "Content-Length: 5 5"),
            wrong("hexadecimal", "Content-Length: 0x5"),
            wrong("an exponent", "Content-Length: 5e0"),
            wrong("a fraction", "Content-Length: 5.0"),
            wrong("a parameter", "Content-Length: 5;x=1"),
            wrong("quotes", "Content-Length: \"5\""),
            wrong("a word", "Content-Length: five"),
            wrong("nothing", "Content-Length:"),
            wrong("another script's digits", "Content-Length: \u{0665}"),
            wrong("a vertical tab", "Content-Length: \u{0b}5"),
            wrong("twice", "Content-Length: 5\r\nContent-Length: 5"),
            wrong("two that differ", "Content-Length: \(hidden.utf8.count)\r\nContent-Length: 0", hidden),
            wrong("two that differ, the short one first", "Content-Length: 0\r\nContent-Length: 400", hidden),
            wrong("both forms", "l: 0\r\nContent-Length: \(hidden.utf8.count)", hidden),
            wrong("both forms, the other way round", "Content-Length: 0\r\nL: \(hidden.utf8.count)", hidden),
            wrong(
                "within another value's quotes", "X: \"\r\nContent-Length: 400\r\nY: \"\r\nContent-Length: 0", hidden),
            wrong("a space before the colon", "Content-Length : 5"),
            wrong("a tab before the colon", "Content-Length\t: 5"),
            wrong("folded", "Content-Length:\r\n 5"),
            wrong("folded on", "Content-Length: 5\r\n 0"),
            wrong("chunked", "Transfer-Encoding: chunked\r\nContent-Length: 0", "5\r\nhello\r\n0\r\n\r\n"),
            wrong("too large", "Content-Length: 65535", status: 513),
        ]
    }

    private static func wrongHeads(_ ends: Ends) -> [Framing] {
        let (first, last) = (options("a", "Content-Length: 0", ends), options("smuggled", "Content-Length: 0", ends))
        func wrong(_ name: String, _ text: [UInt8], status: Int? = nil) -> Framing {
            Framing(name, first + text + last, ["a"], isClosed: true, status: status)
        }
        func head(_ name: String, _ lines: String, status: Int? = 400) -> Framing {
            wrong(name, options("b", lines, ends), status: status)
        }
        let plain = String(decoding: options("b", "Content-Length: 0", ends), as: UTF8.self)
        return [
            head("a field without colon", "Content-Length 5\r\nContent-Length: 0"),
            head("a field without name", ": 5\r\nContent-Length: 0"),
            head("a vertical tab in the name", "Content-Length\u{0b}: 400\r\nContent-Length: 0"),
            head("an invisible letter in the name", "\u{feff}Content-Length: 400\r\nContent-Length: 0"),
            head("NUL in a value", "X: a\0b\r\nContent-Length: 0"),
            head("NUL in the name", "Content-Length\0: 400\r\nContent-Length: 0"),
            head("a line feed that hides a length", "X: a\nContent-Length: 400\r\nContent-Length: 0"),
            head("a carriage return that hides a length", "X: a\rContent-Length: 400\r\nContent-Length: 0"),
            head("two carriage returns", "X: a\r\r\nContent-Length: 0"),
            head("an empty line of line feeds", "X: a\n\nContent-Length: 0"),
            wrong("line feeds alone", plain.utf8.filter { $0 != 13 }),
            wrong(
                "a folded start line", Array(plain.replacing("SIP/2.0\r\nVia", with: "SIP/2.0\r\n x\r\nVia").utf8),
                status: 400),
            wrong("a line feed between messages", [10]),
            wrong("a carriage return between messages", [13]),
            wrong("white space between messages", [0x20]),
            wrong("the rest of a longer body", Array("\u{1}rest".utf8)),
            wrong("HTTP", Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)),
            wrong("TLS", [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01]),
            Framing(
                "a body longer than said", first + options("b", "Content-Length: 0", ends, "\"hello") + last,
                ["a", "b"],
                isClosed: true),
        ]
    }
}
