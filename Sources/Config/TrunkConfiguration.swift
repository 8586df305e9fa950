public import NetworkTypes

/// One entry of `trunks`: policy for one ITSP account or gateway group.
public struct TrunkConfiguration: Hashable, Sendable {
    /// What logs, pages and `X-Sallyport-Trunk` call it; unique.
    public var name: String
    /// Matched against Route, Request-URI and From, in lower case; a host name or an address.
    public var domain: String
    /// Tells accounts apart that share a domain.
    public var user: String?
    /// Where its calls come from, beside what the domain resolves to.
    public var networks: [IPNetwork] = []
    /// Where its RTP may come from, beside what SDP says.
    public var mediaNetworks: [IPNetwork] = []
    /// Whether the trunk itself is behind NAT: its media then latches to the SIP source, provisionally to any source.
    public var isBehindNAT = false
    /// Whether requests that come over UDP, whose source can be forged, are taken from it.
    public var trustsUDP = true
    /// Where its calls go that no registration claims, before the default `pbx`.
    public var pbx: [SIPTarget] = []
    /// How requests go to it; nil: as DNS says.
    public var transport: TransportProtocol?
    /// An outside UDP port of its own.
    public var sourcePort: UInt16?
    public var contact = ContactMode.parameter
    /// What differs for connections to it over TLS.
    public var tls = TrunkTLSConfiguration()
    /// Calls at once, in both directions; nil: no limit, as for the next two.
    public var maxCalls: Int?
    /// Calls a second that we place there.
    public var callsPerSecond: Int?
    /// Answered minutes a day (UTC) of calls that we place there.
    public var minutesPerDay: Int?
    /// What becomes of its 3xx.
    public var redirects = RedirectMode.pass
    /// Whether its media is SRTP.
    public var srtp = SRTPPolicy.auto
    /// How its keys are agreed on where we offer them.
    public var keying = KeyManagement.sdes
    /// Whether it is asked for its load, and heeded (RFC 7339).
    public var hasOverloadControl = false
    /// How often we ask it whether it is there; nil: never.
    public var qualify: Duration?
    /// Whether it is kept from seeing the topology of the inside.
    public var hidesTopology = true
    /// Which Call-IDs it does not get to see, where topology is hidden.
    public var hideCallID = CallIDHiding.auto
    /// The host in From and other identities where that would be an inside one; nil: our outside address.
    public var fromDomain: String?
    public var identity = Identity.keep

    /// Where our token is in a Contact that leaves.
    public enum ContactMode: String, Hashable, Sendable, CaseIterable {
        /// In a parameter of the URI.
        case parameter
        /// In its user.
        case user
        /// In a Path as well, where the PBX supports it (RFC 3327).
        case path
    }

    /// Which Call-IDs are hidden.
    public enum CallIDHiding: String, Hashable, Sendable, CaseIterable {
        /// Those that contain an inside address.
        case auto
        case yes, no
    }

    /// What becomes of P-Asserted-Identity, either way (RFC 3325).
    public enum Identity: String, Hashable, Sendable, CaseIterable { case keep, remove }

    /// Who goes where a 3xx says.
    public enum RedirectMode: String, Hashable, Sendable, CaseIterable {
        /// The PBX, if it wants to.
        case pass
        /// We do, outside only.
        case follow
    }

    public init(name: String, domain: String) {
        self.name = name
        self.domain = domain
    }
}
