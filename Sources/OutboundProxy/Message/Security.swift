import NetworkTypes
import SIP

// Whether a message asks for TLS on its whole way (RFC 3261 §26.2.2): then it goes over TLS or not at all.

extension PendingRequest {
    /// Whether it leaves for a `sips:` URI.
    var isSecure: Bool {
        if let uri = forwarding.uri { return uri.isSecure(0..<uri.count) }
        return arrival.message.isSecure
    }

    /// Whether our Record-Route has to be a `sips:` one: also where the next Route is (§16.6 step 4).
    var recordsSecurely: Bool {
        isSecure || forwarding.routes.next.map { arrival.message.bytes.isSecure($0.uri) } ?? false
    }
}

extension Message {
    /// Of a request: whether it came for a `sips:` URI.
    var isSecure: Bool { isRequest && bytes.isSecure(requestURI) }
}

extension [UInt8] {
    /// Whether the URI in that range is a `sips:` one.
    func isSecure(_ uri: Range<Int>) -> Bool {
        uri.count > 5 && equals(uri.lowerBound..<uri.lowerBound + 5, ignoringCase: "sips:")
    }
}
