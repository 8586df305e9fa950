import NetworkTypes

/// A SIP message: the octets it came in, and where in them its parts are (RFC 3261 §7).
///
/// Nothing is copied or re-serialised: what a proxy doesn't touch leaves as it came. Only what every hop needs is read
/// when the message is parsed (top Via, CSeq, tags, Call-ID, Max-Forwards); the rest is read on demand from ``headers``.
public struct Message: Sendable {
    public enum StartLine: Hashable, Sendable {
        /// Method and Request-URI (RFC 3261 §7.1).
        case request(Method, method: Range<Int>, uri: Range<Int>)
        /// Status-Code and Reason-Phrase (RFC 3261 §7.2).
        case response(status: Int, reason: Range<Int>)
    }

    public let bytes: [UInt8]
    public let startLine: StartLine
    public let headers: [HeaderField]
    /// The body, as Content-Length delimits it; without one the rest of the datagram.
    public let body: Range<Int>
    /// The first Via value.
    public let topVia: Via
    /// Empty only where ``defect`` says so.
    public let callID: Range<Int>
    public let cSeq: CSeq
    public let fromTag: Range<Int>?
    public let toTag: Range<Int>?
    /// nil where the request has none (RFC 3261 §16.6: then 70 is added).
    public let maxForwards: UInt8?
    /// What is wrong with a request that can still be answered; a response with a defect is dropped.
    public let defect: Defect?

    /// The answer that a malformed request deserves.
    public struct Defect: Error, Hashable, Sendable {
        public let status: Int
        public let reason: String

        public init(_ status: Int, _ reason: String) {
            self.status = status
            self.reason = reason
        }
    }

    public var isRequest: Bool {
        if case .request = startLine { true } else { false }
    }

    /// The request's method, or the method that a response answers, by its CSeq.
    public var method: Method {
        if case .request(let method, _, _) = startLine { method } else { cSeq.method }
    }

    /// The method's octets: those of the request line, or of the CSeq.
    public var methodRange: Range<Int> {
        if case .request(_, let range, _) = startLine { range } else { cSeq.methodRange }
    }

    /// The Request-URI; empty in a response.
    public var requestURI: Range<Int> {
        if case .request(_, _, let uri) = startLine { uri } else { 0..<0 }
    }

    /// The status code; 0 in a request.
    public var status: Int {
        if case .response(let status, _) = startLine { status } else { 0 }
    }

    /// The From tag as dialogs compare it: one of RFC 2543 has none, which counts as an empty one (RFC 3261 §12.1.1).
    public var dialogFromTag: Range<Int> { fromTag ?? 0..<0 }

    /// Whether the request belongs to a dialog, by its To tag.
    public var isInDialog: Bool { toTag != nil }
}

// MARK: Looking at header fields

extension Message {
    /// The first field of that name.
    public func header(_ name: HeaderName) -> HeaderField? { headers.first { $0.name == name } }

    /// The fields of that name, in order.
    public func all(_ name: HeaderName) -> [HeaderField] { headers.filter { $0.name == name } }

    public func has(_ name: HeaderName) -> Bool { headers.contains { $0.name == name } }

    /// Every value of every field of that name, in order: comma-separated lists are taken apart.
    public func values(_ name: HeaderName) -> [Range<Int>] {
        var values: [Range<Int>] = []
        for field in headers where field.name == name { FieldValues.append(field.value, of: bytes, to: &values) }
        return values
    }

    /// Whether a list of tokens (Supported, Require …) holds `token`.
    public func lists(_ token: StaticString, in name: HeaderName) -> Bool {
        values(name).contains { bytes.equals($0, ignoringCase: token) }
    }

    /// The value of the first field of that name, as text.
    public func text(_ name: HeaderName) -> String? { header(name).map { bytes.text($0.value) } }

    /// Whether the body is a session description (RFC 3261 §20.15), uncompressed.
    public var hasSDP: Bool { isBody(application: "sdp") && !has(.contentEncoding) }

    func isBody(application subtype: StaticString) -> Bool {
        guard !body.isEmpty, let type = header(.contentType) else { return false }
        let range = type.value.lowerBound..<(bytes.first(UInt8(ascii: ";"), in: type.value) ?? type.value.upperBound)
        // The grammar allows white space around the slash; who misses that lets media pass by the relay.
        guard let slash = bytes.first(UInt8(ascii: "/"), in: range) else { return false }
        return bytes.equals(bytes.trimming(range.lowerBound..<slash), ignoringCase: "application")
            && bytes.equals(bytes.trimming((slash + 1)..<range.upperBound), ignoringCase: subtype)
    }
}
