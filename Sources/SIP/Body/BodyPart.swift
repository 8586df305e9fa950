import NetworkTypes

/// One part of a multipart body, by where it is in the message (RFC 2046 §5.1).
struct BodyPart: Sendable {
    /// From the dashes before it to those behind it.
    let whole: Range<Int>
    /// The multipart part that it is in; nil for one of the body itself.
    let parent: Int?
    /// What is behind its header fields.
    private(set) var content: Range<Int>
    /// nil is text/plain (RFC 2046 §5.1).
    private(set) var type: MediaType?
    private(set) var length: Range<Int>?
    private var encoding: Range<Int>?
    private var transferEncoding: Range<Int>?
    private var disposition: Range<Int>?

    /// Reads the fields at the start of `range`, which is what two delimiters enclose.
    init(_ range: Range<Int>, whole: Range<Int>, parent: Int?, in bytes: [UInt8]) throws(Message.Defect) {
        self.whole = whole
        self.parent = parent
        content = range
        var position = range.lowerBound
        while position < range.upperBound {
            if bytes.equals(position..<min(position + 2, range.upperBound), exactly: "\r\n") {
                position += 2
                break
            }
            position = try readField(position..<range.upperBound, bytes)
        }
        content = position..<range.upperBound
    }

    private static let malformed = Message.Defect(400, "Malformed Header Field In A Body Part")

    /// Reads the field that `rest` begins with; returns where the next line is.
    private mutating func readField(_ rest: Range<Int>, _ bytes: [UInt8]) throws(Message.Defect) -> Int {
        let end = try endOfField(rest, bytes)
        guard let colon = bytes.first(UInt8(ascii: ":"), in: rest.lowerBound..<end) else { throw Self.malformed }
        var name = rest.lowerBound..<colon
        while let last = name.last, bytes[last].isWhitespace { name = name.lowerBound..<last }
        guard Token.isToken(name, in: bytes) else { throw Self.malformed }
        try note(name, bytes.trimming((colon + 1)..<end), bytes)
        return end
    }

    /// Behind the line end of the field, folded lines included. Nothing but CRLF ends a line, and there are no control
    /// characters: others might read other fields.
    private func endOfField(_ rest: Range<Int>, _ bytes: [UInt8]) throws(Message.Defect) -> Int {
        let octets = bytes.span
        var index = rest.lowerBound
        while index < rest.upperBound {
            let octet = octets[index]
            index += 1
            if octet >= 0x20 && octet != 0x7f || octet == 0x09 { continue }
            guard octet == 13, index < rest.upperBound, octets[index] == 10 else { break }
            index += 1
            if index < rest.upperBound, octets[index].isWhitespace { continue }
            return index
        }
        throw Self.malformed
    }

    private mutating func note(_ name: Range<Int>, _ value: Range<Int>, _ bytes: [UInt8]) throws(Message.Defect) {
        switch HeaderName(name, in: bytes) {
        case .contentType:
            guard type == nil, let value = MediaType(value, in: bytes) else { throw Self.malformed }
            type = value
        case .contentLength:
            guard bytes.decimal(value, as: UInt32.self) != nil else { throw Self.malformed }
            try note(value, in: &length)
        case .contentEncoding: try note(value, in: &encoding)
        case .contentDisposition: try note(value, in: &disposition)
        case .other where bytes.equals(name, ignoringCase: "Content-Transfer-Encoding"):
            try note(value, in: &transferEncoding)
        default: break
        }
    }

    private func note(_ value: Range<Int>, in field: inout Range<Int>?) throws(Message.Defect) {
        guard field == nil else { throw Self.malformed }
        field = value
    }
}

// MARK: What it is

extension BodyPart {
    func isMultipart(in bytes: [UInt8]) -> Bool { type?.isMultipart(in: bytes) ?? false }

    func isSDP(in bytes: [UInt8]) -> Bool { type?.is("application", "sdp", in: bytes) ?? false }

    func isCandidates(in bytes: [UInt8]) -> Bool { type?.is("application", "trickle-ice-sdpfrag", in: bytes) ?? false }

    func isSigned(in bytes: [UInt8]) -> Bool { type?.is("multipart", "signed", in: bytes) ?? false }

    /// Whether its octets are what it says, rather than a code for that.
    func isPlain(in bytes: [UInt8]) -> Bool {
        if let encoding, !bytes.equals(encoding, ignoringCase: "identity") { return false }
        return transferEncoding.map { Self.isIdentity($0, in: bytes) } ?? true
    }

    /// Whether a Content-Transfer-Encoding leaves the octets as they are (RFC 2045 §6.2).
    static func isIdentity(_ transferEncoding: Range<Int>, in bytes: [UInt8]) -> Bool {
        bytes.equals(transferEncoding, ignoringCase: "7bit") || bytes.equals(transferEncoding, ignoringCase: "8bit")
            || bytes.equals(transferEncoding, ignoringCase: "binary")
    }

    /// Whether a session description in it is the one of the session, which it is unless it says otherwise
    /// (RFC 3261 §20.11).
    func isOfSession(in bytes: [UInt8]) -> Bool {
        guard let disposition else { return true }
        let end = bytes.first(UInt8(ascii: ";"), in: disposition) ?? disposition.upperBound
        return bytes.equals(bytes.trimming(disposition.lowerBound..<end), ignoringCase: "session")
    }

    /// Whether who does not understand it may leave it (RFC 3261 §20.11).
    func isOptional(in bytes: [UInt8]) -> Bool {
        guard let disposition, let start = bytes.first(UInt8(ascii: ";"), in: disposition) else { return false }
        let (handling, isWellFormed) = Parameters(start..<disposition.upperBound).only("handling", in: bytes)
        guard isWellFormed, let value = handling?.value else { return false }
        return bytes.equals(value, ignoringCase: "optional")
    }
}
