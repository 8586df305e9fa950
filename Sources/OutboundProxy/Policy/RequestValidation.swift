import NetworkTypes
import SIP

/// A final answer instead of forwarding.
struct Refusal: Error {
    let status: Int
    let reason: String
    /// Header lines to add.
    var extra: [UInt8] = []
}

/// The checks of RFC 3261 §16.3 that need nothing but the request.
enum RequestValidation {
    /// The longest Request-URI that is looked at: its parameters are compared with those of a Contact.
    private static let maximumURI = 2048

    /// nil when the request may go on.
    static func refusal(of request: Message, emergency: EmergencyNumbers? = nil) -> Refusal? {
        if let defect = request.defect { return Refusal(status: defect.status, reason: defect.reason) }
        if request.requestURI.count > maximumURI { return Refusal(status: 414, reason: "Request-URI Too Long") }
        guard let uri = URI(request.requestURI, in: request.bytes) else {
            return Refusal(status: 400, reason: "Malformed Request-URI")
        }
        // They may not go on (RFC 3261 §19.1.5, RFC 4475 §3.1.2.11).
        if !uri.headers.isEmpty { return Refusal(status: 400, reason: "Header Fields In Request-URI") }
        if hasMalformedContact(request) { return Refusal(status: 400, reason: "Malformed Contact") }
        if uri.scheme == .other, emergency?.contains(request.requestURI, in: request.bytes) != true {
            return Refusal(status: 416, reason: "Unsupported URI Scheme")
        }
        if request.maxForwards == 0, request.method != .options || request.isInDialog {
            return Refusal(status: 483, reason: "Too Many Hops")
        }
        // Not even one branch is allowed (RFC 5393 §5.3.3).
        if request.has(.maxBreadth), Breadth.incoming(request) == 0, request.method != .ack {
            return Refusal(status: 440, reason: "Max-Breadth Exceeded")
        }
        return proxyRequire(request)
    }

    /// Whether a Contact can't be read: it might be one that must be replaced.
    private static func hasMalformedContact(_ request: Message) -> Bool {
        request.values(.contact).contains { range in
            guard let value = NameAddress(range, in: request.bytes) else { return true }
            return URI(value.uri, in: request.bytes) == nil && !request.bytes.equals(range, ignoringCase: "*")
        }
    }

    /// RFC 3261 §16.3 step 5: no extension is demanded of proxies that we know.
    private static func proxyRequire(_ request: Message) -> Refusal? {
        let demanded = request.values(.proxyRequire)
        guard !demanded.isEmpty, request.method != .ack, request.method != .cancel else { return nil }
        var extra = Array("Unsupported: ".utf8)
        for (index, value) in demanded.enumerated() {
            if index > 0 { extra.append(contentsOf: ", ".utf8) }
            extra.append(contentsOf: request.bytes[value])
        }
        extra.append(contentsOf: "\r\n".utf8)
        return Refusal(status: 420, reason: "Bad Extension", extra: extra)
    }
}
