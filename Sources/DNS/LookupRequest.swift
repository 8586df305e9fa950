public import NetworkTypes

/// What can be looked up: one request is worked on for all who want it.
public enum LookupRequest: Hashable, Sendable {
    /// Where to send a request for a name (RFC 3263).
    case location(LocationQuery)
    /// The addresses of a host.
    case addresses(of: String, families: [IPAddress.Family])
    /// All addresses that the servers of a domain have: those of its NAPTR, SRV and address records.
    case sources(of: String)
}

/// What became of a ``LookupRequest``.
public enum LookupResult: Hashable, Sendable {
    case location(Location)
    case addresses(AddressAnswer)
}

/// What became of a question for the addresses of a name.
public enum AddressAnswer: Hashable, Sendable {
    /// At least one, IPv6 first; ask again when the time is over.
    case addresses([IPAddress], timeToLive: Duration)
    /// The name does not exist, or has no address of the families asked for.
    case unknownName(timeToLive: Duration)
    /// Nobody could be asked in time: worth trying again.
    case unavailable

    /// The addresses; none where there is no answer.
    public var list: [IPAddress] {
        if case .addresses(let addresses, _) = self { addresses } else { [] }
    }
}
