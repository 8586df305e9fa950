public import NetworkTypes

/// What the media relay is told by the configuration.
public struct RelaySettings: Sendable {
    /// A media address of ours: the one sockets are bound to, and the one that SDP names.
    public struct MediaAddress: Hashable, Sendable {
        public var local: IPAddress
        public var advertised: IPAddress

        /// Without `advertised` SDP names the local address.
        public init(_ local: IPAddress, advertised: IPAddress? = nil) {
            self.local = local
            self.advertised = advertised ?? local
        }
    }

    /// Our end of one side.
    public struct Edge: Hashable, Sendable {
        public var v4: MediaAddress?
        public var v6: MediaAddress?
        /// The networks that belong to the side, and that the other side's peers may not name as media targets.
        public var networks: [IPNetwork]
        /// Addresses that SDP named before: still ours, whoever names them.
        public var formerAddresses: [IPAddress] = []

        public init(v4: MediaAddress? = nil, v6: MediaAddress? = nil, networks: [IPNetwork] = []) {
            self.v4 = v4
            self.v6 = v6
            self.networks = networks
        }

        public subscript(family: IPAddress.Family) -> MediaAddress? { family == .v4 ? v4 : v6 }

        var addresses: [MediaAddress] { [v4, v6].compactMap { $0 } }
    }

    public var inside: Edge
    public var outside: Edge
    /// The ports of this shard; pairs that are not whole are left out.
    public var ports: ClosedRange<UInt16>
    /// The ports of all shards of the process: SDP may name a port of ours that another shard handed out.
    public var allPorts: ClosedRange<UInt16>
    /// How long an answered session may be without media; nil: for ever.
    public var silence: Duration?
    /// Networks that may be named as media targets though a rule forbids them (`media.allow`).
    public var allowed: [IPNetwork]
    /// Our own addresses beside the media addresses.
    public var ownAddresses: [IPAddress]
    /// Where peers outside may be told of each other (`media.direct_media`): who they are. All shards have the same.
    public var farEnds: (any FarEndSharing)?
    /// What is remembered of remote phones. All shards have the same.
    public var phonesWithICE: (any PhonesWithICESharing)?

    public init(
        inside: Edge, outside: Edge, ports: ClosedRange<UInt16> = 10_000...20_000, silence: Duration? = .seconds(60),
        allowed: [IPNetwork] = [], ownAddresses: [IPAddress] = []
    ) {
        self.inside = inside
        self.outside = outside
        self.ports = ports
        allPorts = ports
        self.silence = silence
        self.allowed = allowed
        self.ownAddresses = ownAddresses
    }

    public subscript(side: Side) -> Edge { side == .inside ? inside : outside }
}

extension RelaySettings {
    /// How many of its former addresses of each family an edge is still known by.
    private static let mostFormer = 4

    /// The outside is known by these addresses from now on; a family that has none here stays as it was.
    mutating func advertise(_ addresses: [IPAddress]) {
        for address in addresses {
            guard let present = outside[address.family], present.advertised != address else { continue }
            outside.formerAddresses.removeAll { $0 == address || $0 == present.advertised }
            outside.formerAddresses.append(present.advertised)
            let own = outside.formerAddresses.filter { $0.family == address.family }.suffix(Self.mostFormer)
            outside.formerAddresses.removeAll { $0.family == address.family && !own.contains($0) }
            if address.family == .v4 { outside.v4?.advertised = address } else { outside.v6?.advertised = address }
        }
    }

    /// The settings of one of `count` shards: the same, with its slice of the ports.
    public func shard(_ index: Int, of count: Int) -> RelaySettings {
        let first = Int(ports.lowerBound) + Int(ports.lowerBound) % 2
        let pairs = max(0, (Int(ports.upperBound) + 1 - first) / 2)
        let shards = max(count, 1)
        let place = min(max(index, 0), shards - 1)
        let (from, to) = (first + 2 * (pairs * place / shards), first + 2 * (pairs * (place + 1) / shards))
        var settings = self
        // A slice without a pair is written as a single odd port, of which no pair can be made.
        settings.ports = from < to ? UInt16(clamping: from)...UInt16(clamping: to - 1) : 1...1
        return settings
    }
}
