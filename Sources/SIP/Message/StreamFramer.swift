import NetworkTypes

/// Cuts the octets of a stream into SIP messages by their Content-Length (RFC 3261 §18.3), and finds the keep-alives
/// between them (RFC 5626 §3.5.1).
///
/// Two elements that disagree about where a message ends can be told different things by one stream (security 20).
/// So a head has one reading or none: lines end with CRLF and nothing else, each is a field with a name and a colon or
/// the fold of one, and exactly one of them is a Content-Length, in decimal digits, on one line, with its colon next to
/// its name. Everything else is a ``Failure``, after which nothing of the stream is believed.
///
/// What came is looked at once, however it was cut: octets cost the same one by one as all at once.
public struct StreamFramer {
    public enum Unit: Hashable, Sendable {
        /// A whole message, whose body ``MessageParser`` finds to be as long as the framer did.
        case message([UInt8])
        /// A double CRLF, which wants a single one for an answer.
        case ping
    }

    /// Why the stream can't be followed any further: it is to be closed.
    public struct Failure: Error, Hashable, Sendable {
        /// What a request is to be answered with first.
        public let status: Int
        public let reason: String
        /// The start line and what came of the header fields; empty where it was no SIP.
        public let head: [UInt8]
    }

    /// The most octets of a message, head and body.
    public static let maximumSize = MessageParser.maximumSize

    private enum State {
        /// Before the first octet of a message; how many CRLFs came since the last unit.
        case between(lineEnds: Int)
        case head
        case body(end: Int)
        case failed(Failure)
    }

    private enum Line { case start, field, contentLength }

    private var state = State.between(lineEnds: 0)
    private var buffer: [UInt8] = []
    /// Where the unit that is being read begins, how far it was looked at, and where the line there begins.
    private var start = 0
    private var scanned = 0
    private var lineStart = 0
    private var lastLine = Line.start
    private var contentLength: Int?
    /// What is wrong with the head, told when all of it is there: so the answer can name the request.
    private var defect: Message.Defect?

    public init() {}

    /// Whether nothing of an unfinished unit waits.
    public var isIdle: Bool {
        if case .between = state { return start == buffer.count }
        return false
    }

    /// Takes what was received.
    public mutating func append(_ bytes: [UInt8]) {
        if case .failed = state { return }
        if start == buffer.count {
            (buffer, start) = (bytes, 0)
            return
        }
        // What is moved here came with the last octets that were appended: each octet is moved once.
        if start > 0 { forgetRead() }
        buffer.append(contentsOf: bytes)
    }

    private mutating func forgetRead() {
        buffer.removeSubrange(..<start)
        scanned -= min(start, scanned)
        lineStart -= min(start, lineStart)
        if case .body(let end) = state { state = .body(end: end - start) }
        start = 0
    }

    /// The next whole unit; nil until more was appended.
    public mutating func next() throws(Failure) -> Unit? {
        while true {
            switch state {
            case .between(let lineEnds):
                guard try readLineEnd(after: lineEnds) else { return nil }
                if case .between(lineEnds: 2) = state {
                    state = .between(lineEnds: 0)
                    return .ping
                }
            case .head: guard try readHead() else { return nil }
            case .body(let end):
                guard buffer.count >= end else { return nil }
                return .message(takeMessage(to: end))
            case .failed(let failure): throw failure
            }
        }
    }

    // MARK: Between messages

    /// Reads one CRLF, or finds that a message begins; false when more octets are needed.
    private mutating func readLineEnd(after lineEnds: Int) throws(Failure) -> Bool {
        guard start < buffer.count else { return false }
        let octet = buffer[start]
        guard octet == 13 else {
            (scanned, lineStart) = (start, start)
            (lastLine, contentLength, defect) = (.start, nil, nil)
            state = .head
            // A TLS handshake, an old HTTP scanner, the rest of a message that was cut off.
            if !Token.isTokenOctet(octet) { throw fail("Not SIP") }
            return true
        }
        guard start + 1 < buffer.count else { return false }
        guard buffer[start + 1] == 10 else {
            (scanned, lineStart) = (start, start)
            throw fail("Carriage Return Between Messages")
        }
        start += 2
        state = .between(lineEnds: lineEnds + 1)
        return true
    }

    // MARK: The head

    /// Looks at the octets that were not looked at; true when the head has ended, false when more are needed.
    private mutating func readHead() throws(Failure) -> Bool {
        while let lineEnd = try findLineEnd() {
            guard lineEnd - start <= Self.maximumSize else { break }
            defer { lineStart = lineEnd }
            if lineEnd - lineStart == 2 { return try endHead(at: lineEnd) }
            try readLine(lineStart..<(lineEnd - 2))
        }
        if scanned - start > Self.maximumSize { throw fail("Header Fields Too Long") }
        return false
    }

    /// The position after the CRLF that ends the line; nil while it is not there.
    private mutating func findLineEnd() throws(Failure) -> Int? {
        let index = Self.firstSpecial(in: buffer.span, from: scanned)
        scanned = index
        guard index < buffer.count else { return nil }
        switch buffer[index] {
        case 13:
            // Whether a line feed follows is seen when it has come.
            guard index + 1 < buffer.count else { return nil }
            guard buffer[index + 1] == 10 else { throw fail("Carriage Return In Header Field") }
            scanned = index + 2
            return scanned
        case 10: throw fail("Line Feed Without Carriage Return")
        default: throw fail("NUL In Header Field")
        }
    }

    /// Where the first CR, LF or NUL is; the end where there is none.
    private static func firstSpecial(in octets: Span<UInt8>, from start: Int) -> Int {
        var index = start
        while index < octets.count {
            let octet = octets[index]
            if octet == 13 || octet == 10 || octet == 0 { return index }
            index &+= 1
        }
        return index
    }

    private mutating func readLine(_ line: Range<Int>) throws(Failure) {
        guard lineStart > start else {
            if !isStartLine(line) { throw fail("Not SIP") }
            return
        }
        if buffer[line.lowerBound].isWhitespace { return readFold() }
        var colon = line.lowerBound
        while colon < line.upperBound, Token.isTokenOctet(buffer[colon]) { colon += 1 }
        let name = line.lowerBound..<colon
        while colon < line.upperBound, buffer[colon].isWhitespace { colon += 1 }
        lastLine = .field
        guard !name.isEmpty, colon < line.upperBound, buffer[colon] == UInt8(ascii: ":") else {
            return blame("Malformed Header Field Name")
        }
        if HeaderName(name, in: buffer) == .contentLength {
            lastLine = .contentLength
            if colon > name.upperBound { return blame("White Space In Content-Length") }
            readContentLength((colon + 1)..<line.upperBound)
        } else if buffer.equals(name, ignoringCase: "Transfer-Encoding") {
            blame("Transfer-Encoding In SIP")
        }
    }

    /// Whether the line could begin a message: `SIP/2.0 …`, or `… SIP/2.0`. Other versions of it are the parser's.
    private func isStartLine(_ line: Range<Int>) -> Bool {
        let line = buffer.trimming(line)
        if buffer.equals(line.prefix(4), ignoringCase: "SIP/") { return true }
        guard let space = buffer[line].lastIndex(of: 0x20) else { return false }
        return buffer.equals(((space + 1)..<line.upperBound).prefix(4), ignoringCase: "SIP/")
    }

    private mutating func readFold() {
        switch lastLine {
        case .start: blame("Folded Start Line")
        case .contentLength: blame("Folded Content-Length")
        case .field: break
        }
    }

    private mutating func readContentLength(_ value: Range<Int>) {
        if contentLength != nil { return blame("Repeated Content-Length") }
        guard let length = buffer.decimal(buffer.trimming(value), as: UInt32.self) else {
            return blame("Malformed Content-Length")
        }
        contentLength = Int(length)
    }

    private mutating func endHead(at end: Int) throws(Failure) -> Bool {
        if contentLength == nil { blame("Missing Content-Length") }
        if defect == nil, let length = contentLength, length > Self.maximumSize - (end - start) {
            defect = Message.Defect(513, "Message Too Large")
        }
        if let defect { throw fail(defect.reason, status: defect.status, headEnd: end) }
        state = .body(end: end + (contentLength ?? 0))
        return true
    }

    private mutating func blame(_ reason: String) {
        if defect == nil { defect = Message.Defect(400, reason) }
    }

    // MARK: Ends

    private mutating func takeMessage(to end: Int) -> [UInt8] {
        state = .between(lineEnds: 0)
        // The usual case: what was received is one message, and leaves without being copied.
        let message = start == 0 && end == buffer.count ? buffer : Array(buffer[start..<end])
        start = end
        if end == buffer.count { (buffer, start) = ([], 0) }
        return message
    }

    /// Nothing more is read. Of a head that breaks off, the lines before the bad one are told.
    private mutating func fail(_ reason: String, status: Int = 400, headEnd: Int? = nil) -> Failure {
        let failure = Failure(status: status, reason: reason, head: Array(buffer[start..<(headEnd ?? lineStart)]))
        state = .failed(failure)
        buffer = []
        start = 0
        return failure
    }
}
