import NetworkTypes

/// A header field's name, as far as a proxy has business with it; every other name is ``other`` and its line stays as
/// it came. Names are compared without case, compact forms (RFC 3261 §7.3.3) are the same name.
public enum HeaderName: UInt8, Hashable, Sendable {
    case via, from, to, callID, cSeq, contact, route, recordRoute, maxForwards, contentLength, contentType
    case contentEncoding, contentDisposition, proxyRequire, require, supported, expires, path, rSeq, rAck
    case event, subscriptionState, referTo, referredBy, retryAfter, serviceRoute
    case proxyAuthenticate, wwwAuthenticate, proxyAuthorization, authorization, timestamp, reason
    /// Our own: names the trunk of an inbound request (never taken from outside).
    case sallyportTrunk
    case other

    init(_ range: Range<Int>, in bytes: [UInt8]) {
        if range.count == 1 {
            self = Self.compact(bytes[range.lowerBound].lowercased)
            return
        }
        let candidates: [(StaticString, HeaderName)] = Self.names[min(range.count, Self.names.count - 1)]
        self = candidates.first { bytes.equals(range, ignoringCase: $0.0) }?.1 ?? .other
    }

    private static func compact(_ letter: UInt8) -> HeaderName {
        switch letter {
        case UInt8(ascii: "v"): .via
        case UInt8(ascii: "f"): .from
        case UInt8(ascii: "t"): .to
        case UInt8(ascii: "i"): .callID
        case UInt8(ascii: "m"): .contact
        case UInt8(ascii: "l"): .contentLength
        case UInt8(ascii: "c"): .contentType
        case UInt8(ascii: "e"): .contentEncoding
        case UInt8(ascii: "k"): .supported
        case UInt8(ascii: "o"): .event
        case UInt8(ascii: "r"): .referTo
        case UInt8(ascii: "b"): .referredBy
        default: .other
        }
    }

    /// The long names by their length.
    private static let names: [[(StaticString, HeaderName)]] = {
        let all: [(StaticString, HeaderName)] = [
            ("Via", .via), ("From", .from), ("To", .to), ("Call-ID", .callID), ("CSeq", .cSeq), ("Contact", .contact),
            ("Route", .route), ("Record-Route", .recordRoute), ("Max-Forwards", .maxForwards),
            ("Content-Length", .contentLength), ("Content-Type", .contentType),
            ("Content-Encoding", .contentEncoding), ("Content-Disposition", .contentDisposition),
            ("Proxy-Require", .proxyRequire), ("Require", .require), ("Supported", .supported),
            ("Expires", .expires), ("Path", .path), ("RSeq", .rSeq), ("RAck", .rAck), ("Event", .event),
            ("Subscription-State", .subscriptionState), ("Refer-To", .referTo), ("Referred-By", .referredBy),
            ("Retry-After", .retryAfter), ("Service-Route", .serviceRoute), ("Timestamp", .timestamp),
            ("Proxy-Authenticate", .proxyAuthenticate), ("WWW-Authenticate", .wwwAuthenticate),
            ("Proxy-Authorization", .proxyAuthorization), ("Authorization", .authorization), ("Reason", .reason),
            ("X-Sallyport-Trunk", .sallyportTrunk),
        ]
        var table = [[(StaticString, HeaderName)]](repeating: [], count: 24)
        for entry in all { table[entry.0.utf8CodeUnitCount].append(entry) }
        return table
    }()

    /// Whether RFC 3261 allows only one field of that name in a message; a second one is refused (400).
    var isSingle: Bool {
        switch self {
        case .from, .to, .callID, .cSeq, .maxForwards, .contentLength, .contentType, .expires: true
        default: false
        }
    }
}

/// One header field line: ranges into the message's octets.
public struct HeaderField: Hashable, Sendable {
    public let name: HeaderName
    /// The name's octets, without the white space before the colon.
    public let nameRange: Range<Int>
    /// The value without surrounding white space; folds inside are kept.
    public let value: Range<Int>
    /// The whole line, or lines of a folded field, with the final line end.
    public let line: Range<Int>
}
