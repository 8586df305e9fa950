import NetworkTypes

/// A message that a simulated host writes.
struct Outgoing {
    var start: String
    var fields: [(name: String, value: String)]
    var body = ""

    /// As octets; `compact` spells names in their short forms (RFC 3261 §7.3.3).
    func bytes(compact: Bool) -> [UInt8] {
        var text = start + "\r\n"
        for field in fields {
            text += (compact ? Self.short[field.name] ?? field.name : field.name) + ": " + field.value + "\r\n"
        }
        if !body.isEmpty { text += (compact ? "c" : "Content-Type") + ": application/sdp\r\n" }
        text += (compact ? "l" : "Content-Length") + ": \(body.utf8.count)\r\n\r\n" + body
        return Array(text.utf8)
    }

    private static let short = [
        "Via": "v", "From": "f", "To": "t", "Call-ID": "i", "Contact": "m", "Supported": "k",
    ]

    /// A response with what it copies from its request (§8.2.6).
    static func response(
        _ status: Int, to request: SIPText, from source: SocketAddress, tag: String?, contact: String? = nil,
        recordRoute: String? = nil, extra: [(String, String)] = [], body: String = ""
    ) -> Outgoing {
        var fields: [(name: String, value: String)] = []
        var isTop = true
        for via in request.vias {
            var value = via
            if isTop, let range = via.range(of: ";rport") {
                value.replaceSubrange(range, with: ";rport=\(source.port);received=\(source.ip)")
            }
            isTop = false
            fields.append(("Via", value))
        }
        // What a proxy behind the edge has recorded stands above.
        if let recordRoute { fields.append(("Record-Route", recordRoute)) }
        if status > 100 { for route in request.values("record-route") { fields.append(("Record-Route", route)) } }
        var to = request["to"] ?? ""
        if let tag, request.toTag == nil { to += ";tag=" + tag }
        fields += [
            ("From", request["from"] ?? ""), ("To", to), ("Call-ID", request.callID),
            ("CSeq", "\(request.cSeq) \(request.cSeqMethod)"),
        ]
        if let contact { fields.append(("Contact", contact)) }
        fields += extra.map { (name: $0.0, value: $0.1) }
        return Outgoing(start: "SIP/2.0 \(status) \(reasons[status] ?? "Status")", fields: fields, body: body)
    }

    private static let reasons = [
        100: "Trying", 180: "Ringing", 182: "Queued", 183: "Session Progress", 200: "OK", 302: "Moved Temporarily",
        401: "Unauthorized",
        404: "Not Found", 407: "Proxy Authentication Required", 408: "Request Timeout", 480: "Temporarily Unavailable",
        481: "Call/Transaction Does Not Exist", 486: "Busy Here", 487: "Request Terminated",
        482: "Loop Detected", 488: "Not Acceptable Here", 491: "Request Pending", 500: "Server Internal Error",
        503: "Service Unavailable", 504: "Server Time-out",
        603: "Decline",
    ]
}

extension String {
    /// The first place of `text`, octet by octet.
    fileprivate func range(of text: String) -> Range<String.Index>? {
        let (own, other) = (Array(utf8), Array(text.utf8))
        guard own.count >= other.count else { return nil }
        for start in 0...(own.count - other.count) where own[start..<(start + other.count)].elementsEqual(other) {
            let from = utf8.index(utf8.startIndex, offsetBy: start)
            return from..<utf8.index(from, offsetBy: other.count)
        }
        return nil
    }
}
