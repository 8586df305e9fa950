import NetworkTypes

/// A header field's name, as far as a proxy has business with it; every other name is ``other`` and its line stays as
/// it came. Names are compared without case, compact forms (RFC 3261 §7.3.3) are the same name.
public enum HeaderName: UInt8, Hashable, Sendable, CaseIterable {
    case via, from, to, callID, cSeq, contact, route, recordRoute, maxForwards, contentLength, contentType
    case contentEncoding, contentDisposition, proxyRequire, require, supported, expires, path, rSeq, rAck
    case event, subscriptionState, referTo, referredBy, retryAfter, serviceRoute
    case proxyAuthenticate, wwwAuthenticate, proxyAuthorization, authorization, timestamp, reason
    case pAssertedIdentity, pPreferredIdentity, remotePartyID, diversion, historyInfo, warning
    case replaces, join, targetDialog, inReplyTo
    case maxBreadth, sessionExpires
    /// Our own: names the trunk of an inbound request (never taken from outside).
    case sallyportTrunk
    case other

    init(_ range: Range<Int>, in bytes: [UInt8]) {
        guard let last = range.last else {
            self = .other
            return
        }
        let first = bytes[range.lowerBound].lowercased
        if range.count == 1 {
            self = Self.compact(first)
            return
        }
        let candidate = Self.candidate(length: range.count, first: first, last: bytes[last].lowercased)
        self = bytes.equals(range, ignoringCase: candidate.text) ? candidate : .other
    }

    /// RFC 3261 §20; `o` RFC 6665, `r` RFC 3515, `b` RFC 3892, `x` RFC 4028. Compact forms of other names stay ``other``.
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
        case UInt8(ascii: "x"): .sessionExpires
        default: .other
        }
    }

    /// The only name that has that length, first and last letter; the table test tells when a new one breaks that.
    private static func candidate(length: Int, first: UInt8, last: UInt8) -> HeaderName {
        switch (length, first) {
        case (2, UInt8(ascii: "t")): .to
        case (3, UInt8(ascii: "v")): .via
        case (4, UInt8(ascii: "c")): .cSeq
        case (4, UInt8(ascii: "f")): .from
        case (4, UInt8(ascii: "j")): .join
        case (4, UInt8(ascii: "p")): .path
        case (4, UInt8(ascii: "r")): last == UInt8(ascii: "q") ? .rSeq : .rAck
        case (5, UInt8(ascii: "e")): .event
        case (5, UInt8(ascii: "r")): .route
        case (6, UInt8(ascii: "r")): .reason
        case (7, UInt8(ascii: "c")): last == UInt8(ascii: "d") ? .callID : .contact
        case (7, UInt8(ascii: "e")): .expires
        case (7, UInt8(ascii: "r")): .require
        case (7, UInt8(ascii: "w")): .warning
        case (8, UInt8(ascii: "r")): last == UInt8(ascii: "s") ? .replaces : .referTo
        case (9, UInt8(ascii: "d")): .diversion
        case (9, UInt8(ascii: "s")): .supported
        case (9, UInt8(ascii: "t")): .timestamp
        case (11, UInt8(ascii: "i")): .inReplyTo
        case (11, UInt8(ascii: "m")): .maxBreadth
        case (11, UInt8(ascii: "r")): last == UInt8(ascii: "y") ? .referredBy : .retryAfter
        case (12, UInt8(ascii: "c")): .contentType
        case (12, UInt8(ascii: "h")): .historyInfo
        case (12, UInt8(ascii: "m")): .maxForwards
        case (12, UInt8(ascii: "r")): .recordRoute
        case (13, UInt8(ascii: "a")): .authorization
        case (13, UInt8(ascii: "p")): .proxyRequire
        case (13, UInt8(ascii: "s")): .serviceRoute
        case (13, UInt8(ascii: "t")): .targetDialog
        case (14, UInt8(ascii: "c")): .contentLength
        case (15, UInt8(ascii: "r")): .remotePartyID
        case (15, UInt8(ascii: "s")): .sessionExpires
        case (16, UInt8(ascii: "c")): .contentEncoding
        case (16, UInt8(ascii: "w")): .wwwAuthenticate
        case (17, UInt8(ascii: "x")): .sallyportTrunk
        case (18, UInt8(ascii: "p")): .proxyAuthenticate
        case (18, UInt8(ascii: "s")): .subscriptionState
        case (19, UInt8(ascii: "c")): .contentDisposition
        case (19, UInt8(ascii: "p")): last == UInt8(ascii: "y") ? .pAssertedIdentity : .proxyAuthorization
        case (20, UInt8(ascii: "p")): .pPreferredIdentity
        default: .other
        }
    }

    /// The long name; empty for ``other``.
    public var text: StaticString {
        switch self {
        case .via: "Via"
        case .from: "From"
        case .to: "To"
        case .callID: "Call-ID"
        case .cSeq: "CSeq"
        case .contact: "Contact"
        case .route: "Route"
        case .recordRoute: "Record-Route"
        case .maxForwards: "Max-Forwards"
        case .contentLength: "Content-Length"
        case .contentType: "Content-Type"
        case .contentEncoding: "Content-Encoding"
        case .contentDisposition: "Content-Disposition"
        case .proxyRequire: "Proxy-Require"
        case .require: "Require"
        case .supported: "Supported"
        case .expires: "Expires"
        case .path: "Path"
        case .rSeq: "RSeq"
        case .rAck: "RAck"
        case .event: "Event"
        case .subscriptionState: "Subscription-State"
        case .referTo: "Refer-To"
        case .referredBy: "Referred-By"
        case .retryAfter: "Retry-After"
        case .serviceRoute: "Service-Route"
        case .proxyAuthenticate: "Proxy-Authenticate"
        case .wwwAuthenticate: "WWW-Authenticate"
        case .proxyAuthorization: "Proxy-Authorization"
        case .authorization: "Authorization"
        case .timestamp: "Timestamp"
        case .reason: "Reason"
        case .pAssertedIdentity: "P-Asserted-Identity"
        case .pPreferredIdentity: "P-Preferred-Identity"
        case .remotePartyID: "Remote-Party-ID"
        case .diversion: "Diversion"
        case .historyInfo: "History-Info"
        case .warning: "Warning"
        case .replaces: "Replaces"
        case .join: "Join"
        case .targetDialog: "Target-Dialog"
        case .inReplyTo: "In-Reply-To"
        case .maxBreadth: "Max-Breadth"
        case .sessionExpires: "Session-Expires"
        case .sallyportTrunk: "X-Sallyport-Trunk"
        case .other: ""
        }
    }

    /// Whether RFC 3261 allows only one field of that name in a message; a second one is refused (400).
    var isSingle: Bool {
        switch self {
        case .from, .to, .callID, .cSeq, .maxForwards, .contentLength, .contentType, .expires: true
        default: false
        }
    }
}
