import NetworkTypes

// What a body is made of. One that can't be taken apart is refused where it matters: what we don't see would cross.

extension Message {
    /// The body by where its session description is; nil where it has none.
    public func sessionBody() throws(Defect) -> SessionBody? {
        guard !body.isEmpty, let type = header(.contentType) else { return nil }
        if isBody(application: "sdp") {
            guard isPlain else { throw Defect(415, "Encoded Session Description") }
            return SessionBody(wholeOf: body)
        }
        guard let parts = try parts(type) else { return nil }
        return try SessionBody(parts, of: body, in: bytes)
    }

    /// Whether the body has a description of the session that can be anchored.
    public var hasSession: Bool { (try? sessionBody())?.description != nil }

    /// Whether the body is a piece of a session description with ICE candidates (RFC 8840 §9), or has one among its parts.
    public func hasICECandidates() throws(Defect) -> Bool {
        guard !body.isEmpty, let type = header(.contentType) else { return false }
        if isBody(application: "trickle-ice-sdpfrag") { return true }
        return try parts(type)?.contains { $0.isCandidates(in: bytes) } ?? false
    }

    /// The parts of a multipart body; nil of any other.
    private func parts(_ field: HeaderField) throws(Defect) -> [BodyPart]? {
        guard mayBeMultipart(field.value) else { return nil }
        guard let type = MediaType(field.value, in: bytes) else { throw Defect(400, "Malformed Content-Type") }
        guard type.isMultipart(in: bytes) else { return nil }
        guard isPlain, !isTransferEncoded else { throw Defect(415, "Encoded Multipart Body") }
        return try MultipartReader(body, as: type, in: bytes).parts
    }

    /// Whether anybody could take the type for a multipart one.
    private func mayBeMultipart(_ value: Range<Int>) -> Bool {
        let word: StaticString = "multipart"
        let end = value.lowerBound + word.utf8CodeUnitCount
        return end <= value.upperBound && bytes.equals(value.lowerBound..<end, ignoringCase: word)
    }

    private var isPlain: Bool {
        headers.allSatisfy { $0.name != .contentEncoding || bytes.equals($0.value, ignoringCase: "identity") }
    }

    /// SIP has no such field, but MIME has and there are those who write it.
    private var isTransferEncoded: Bool {
        headers.contains {
            $0.name == .other && bytes.equals($0.nameRange, ignoringCase: "Content-Transfer-Encoding")
                && !BodyPart.isIdentity($0.value, in: bytes)
        }
    }
}
