public import DNS
public import NetworkTypes

/// Whom a ``Resolver`` asks, and for how long.
public struct ResolverSettings: Sendable {
    /// The DNS servers; those of ``resolvConfPath`` where empty.
    public var servers: [SocketAddress] = []
    public var resolvConfPath = "/etc/resolv.conf"
    /// The port of the servers named there.
    public var port: UInt16 = 53
    public var hostsPath = "/etc/hosts"
    /// How long a server is waited for before the next is tried, twice as long in the next round. Two servers and a repetition
    /// fit into the budget of a lookup.
    public var timeout = Duration.milliseconds(400)
    /// How often each server is tried. Rounds beyond the budget still fill the cache.
    public var tries = 3
    /// How often the two files are looked at, at most; only lookups make it look.
    public var fileCheckInterval = Duration.seconds(1)
    public var lookups = LookupSettings()

    public init() {}
}
