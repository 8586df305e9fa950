import NetworkTypes

/// Writes a SIP message line by line.
struct MessageBuilder {
    private(set) var bytes: [UInt8] = []

    init(_ method: SIPMethod, uri: [UInt8]) {
        bytes.reserveCapacity(1400)
        append(method.text)
        append(" ")
        bytes.append(contentsOf: uri)
        append(" SIP/2.0\r\n")
    }

    init(status: Int, reason: StaticString) {
        bytes.reserveCapacity(1400)
        append("SIP/2.0 ")
        bytes.appendDecimal(status)
        append(" ")
        append(reason)
        append("\r\n")
    }

    mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    /// Adds a header field; its value may come in pieces.
    mutating func field(_ name: StaticString, _ pieces: [UInt8]...) {
        append(name)
        append(": ")
        for piece in pieces { bytes.append(contentsOf: piece) }
        append("\r\n")
    }

    mutating func field(_ name: StaticString, _ value: StaticString) {
        append(name)
        append(": ")
        append(value)
        append("\r\n")
    }

    mutating func cseq(_ number: UInt32, _ method: SIPMethod) {
        append("CSeq: ")
        bytes.appendDecimal(number)
        append(" ")
        append(method.text)
        append("\r\n")
    }

    /// Ends the message, with an SDP body unless it is empty.
    mutating func finish(sdp: [UInt8] = []) -> [UInt8] {
        if !sdp.isEmpty { field("Content-Type", "application/sdp") }
        append("Content-Length: ")
        bytes.appendDecimal(sdp.count)
        append("\r\n\r\n")
        bytes.append(contentsOf: sdp)
        return bytes
    }
}

// MARK: Responses

extension MessageBuilder {
    /// A response with the fields that RFC 3261 §8.2.6 takes over from the request; `tag` is added to To.
    init(status: Int, reason: StaticString, to request: ReceivedMessage, tag: [UInt8]) {
        self.init(status: status, reason: reason)
        for via in request.values(.via) { field("Via", request.slice(via)) }
        if (101...299).contains(status) {
            for route in request.values(.recordRoute) { field("Record-Route", request.slice(route)) }
        }
        field("From", request.slice(request[.from]))
        if tag.isEmpty || request.parameter("tag", of: request[.to]) != nil {
            field("To", request.slice(request[.to]))
        } else {
            field("To", request.slice(request[.to]), Array(";tag=".utf8), tag)
        }
        field("Call-ID", request.slice(request[.callID]))
        field("CSeq", request.slice(request[.cseq]))
    }
}
