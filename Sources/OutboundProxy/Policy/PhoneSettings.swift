public import NetworkTypes

/// What is configured about remote phones (design §3, §10: `remote_phones`).
public struct PhoneSettings: Hashable, Sendable {
    /// How a phone's binding leads back to us.
    public enum Contact: Hashable, Sendable {
        /// By a Path with a flow token (RFC 3327); the Contact stays the phone's.
        case path
        /// By the Contact itself, which becomes a URI of ours with a token.
        case parameter
    }

    /// What phones register at, in lower case.
    public var domains: Set<String>
    public var contact: Contact
    /// What their media has to be like.
    public var srtp = SRTPPolicy.auto
    public var keying = KeyManagement.sdes

    public init(domains: [String], contact: Contact = .path) {
        self.domains = Set(domains.map { $0.lowercased() })
        self.contact = contact
    }

    /// What the PBX is told as the trunk of a phone's request.
    public static let trunkName = "phones"

    /// Phones as a trunk: its policy is that of a peer behind NAT.
    var trunk: TrunkSettings {
        var trunk = TrunkSettings(name: Self.trunkName, domain: "", isNAT: true)
        (trunk.srtp, trunk.keying) = (srtp, keying)
        return trunk
    }
}
