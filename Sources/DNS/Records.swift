public import NetworkTypes

/// What is known of a ``Question``: the data of all its records, or that there are none.
public enum Records: Hashable, Sendable {
    /// A or AAAA, in the order of the answer.
    case addresses([IPAddress])
    case services([ServiceRecord])
    case authorities([NamingAuthorityRecord])
    /// The name is another's alias, and the answer did not hold that one's records (RFC 1034 §3.6.2).
    case alias(DomainName)
    /// The name does not exist, or has no such records.
    case absent
}

/// An SRV record (RFC 2782).
public struct ServiceRecord: Hashable, Sendable {
    public var priority: UInt16
    public var weight: UInt16
    public var port: UInt16
    /// The root where the service is decidedly not there.
    public var target: DomainName

    public init(priority: UInt16, weight: UInt16, port: UInt16, target: DomainName) {
        self.priority = priority
        self.weight = weight
        self.port = port
        self.target = target
    }
}

/// A NAPTR record (RFC 3403 §4) with a replacement; one with a regular expression is of no use for SIP (RFC 3263 §4.1).
public struct NamingAuthorityRecord: Hashable, Sendable {
    public var order: UInt16
    public var preference: UInt16
    /// What the replacement is, in lower case: `s` for the name of SRV records, `a` for that of addresses.
    public var flags: String
    /// In upper case: `SIP+D2U`.
    public var service: String
    public var replacement: DomainName

    public init(order: UInt16, preference: UInt16, flags: String, service: String, replacement: DomainName) {
        self.order = order
        self.preference = preference
        self.flags = flags
        self.service = service
        self.replacement = replacement
    }
}
