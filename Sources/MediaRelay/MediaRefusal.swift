public import NetworkTypes
public import SDP

/// Why an offer or an answer can't be anchored, in the terms of the response that says so.
public enum MediaRefusal: Error, Hashable, Sendable {
    /// No free media ports.
    case capacity
    /// The body is no session description.
    case malformed(SDPError)
    /// The body, or what would become of it, is too long.
    case tooLarge
    /// The session description asks for what the relay can't do.
    case notAcceptable(Reason)
    /// The session description names a media target that its sender has no business with.
    case forbiddenAddress(IPAddress, ForbiddenTarget)

    public enum Reason: Hashable, Sendable {
        /// A secured transport where policy has none, or with keys that can't be used.
        case secureMedia
        /// No keys where policy, or the dialog so far, asks for them.
        case missingKeys
        /// No stream has a transport that can be relayed.
        case noRelayableMedia
        /// We have no media address of that family on that side.
        case noAddress(Side, IPAddress.Family)
        /// Another address family than the leg has, or two in one body.
        case otherFamily
        /// An answer of another kind of media than was offered.
        case otherMedia
        /// An answer to nothing, or from the wrong end.
        case unexpectedAnswer
        /// Too many offers or forks of one session at a time.
        case tooManyExchanges
        /// The session is closed.
        case unknownSession
    }
}

extension MediaRefusal {
    /// The status code of the response to a refused offer (RFC 3261 §21).
    public var statusCode: Int {
        switch self {
        case .capacity: 503
        // RFC 3261 §14.2: a second offer before the first is answered.
        case .notAcceptable(.tooManyExchanges): 500
        case .malformed(.tooManyMedia), .malformed(.tooManyFields): 488
        case .malformed: 400
        case .tooLarge: 513
        case .notAcceptable(.unknownSession): 481
        case .notAcceptable, .forbiddenAddress: 488
        }
    }
}

extension MediaRefusal: CustomStringConvertible {
    /// In plain words, for the reason phrase and the call's verdict.
    public var description: String {
        switch self {
        case .capacity: "No media ports left"
        case .malformed(let error): "Bad session description: \(error)"
        case .tooLarge: "Session description too large"
        case .notAcceptable(let reason): reason.description
        case .forbiddenAddress(let address, let why): "Media address \(address) is \(why)"
        }
    }
}

extension MediaRefusal.Reason {
    var isAboutKeys: Bool { self == .secureMedia || self == .missingKeys }
}

extension MediaRefusal.Reason: CustomStringConvertible {
    public var description: String {
        switch self {
        case .secureMedia: "Secured media without usable keys, or where there may be none (srtp)"
        case .missingKeys: "Media without keys where SRTP is required"
        case .noRelayableMedia: "No media stream that can be relayed"
        case .noAddress(let side, let family): "No \(family == .v4 ? "IPv4" : "IPv6") media address \(side)"
        case .otherFamily: "Media addresses of two families"
        case .otherMedia: "The answer is of another kind of media than the offer"
        case .unexpectedAnswer: "A session description that answers no offer"
        case .tooManyExchanges: "Too many offers or forks at a time"
        case .unknownSession: "The media session is over"
        }
    }
}
