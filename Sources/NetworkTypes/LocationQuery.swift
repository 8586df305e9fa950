/// What must be found out before a request can be sent to a name: RFC 3263 §4's input, with what we can speak.
///
/// Two requests with equal queries share one answer, so the query holds everything that decides it. A host that is an
/// address needs no query.
public struct LocationQuery: Hashable, Sendable {
    /// A domain name in lower case, without the dot at its end.
    public var host: String
    /// The port that the URI names: with it there is neither NAPTR nor SRV (RFC 3263 §4.1, §4.2).
    public var port: UInt16?
    /// The transport that the URI or the trunk demands.
    public var transport: TransportProtocol?
    /// Whether the URI is a `sips:` one: TLS or nothing.
    public var isSecure: Bool
    /// The transports that we could use, best first where DNS leaves the choice to us.
    public var transports: [TransportProtocol]
    /// The families that we have an address of on that side.
    public var families: [IPAddress.Family]

    public init(
        host: String, port: UInt16? = nil, transport: TransportProtocol? = nil, isSecure: Bool = false,
        transports: [TransportProtocol], families: [IPAddress.Family]
    ) {
        self.host = host
        self.port = port
        self.transport = transport
        self.isSecure = isSecure
        self.transports = transports
        self.families = families
    }
}

/// What became of a ``LocationQuery``.
public enum Location: Hashable, Sendable {
    /// At least one place, by rising rank.
    case targets([LocatedTarget])
    /// The name does not exist, or has no address that we could use.
    case unknownName
    /// Nobody could be asked in time: worth trying again.
    case unavailable
}

/// One place that a name stands for, with its place among the others (RFC 2782).
public struct LocatedTarget: Hashable, Sendable {
    public var target: Target
    /// All of a rank are tried before any of the next; made from NAPTR order, SRV priority and transport.
    public var rank: Int
    /// The share of requests among those of one rank (RFC 2782's weight). Addresses of one SRV record share its weight.
    public var weight: UInt16

    public init(_ target: Target, rank: Int = 0, weight: UInt16 = 0) {
        self.target = target
        self.rank = rank
        self.weight = weight
    }
}

/// Where a request can be sent: a transport, an address and a port (RFC 3263 §4).
public struct Target: Hashable, Sendable, CustomStringConvertible {
    public var transport: TransportProtocol
    public var address: SocketAddress

    public init(_ transport: TransportProtocol, _ address: SocketAddress) {
        self.transport = transport
        self.address = address
    }

    /// Reads what ``description`` writes.
    public init?(_ text: String) {
        guard let colon = text.firstIndex(of: ":"),
            let transport = TransportProtocol.allCases.first(where: { $0.description == text[..<colon] }),
            let address = SocketAddress(String(text[text.index(after: colon)...]))
        else { return nil }
        self.init(transport, address)
    }

    /// `udp:192.0.2.1:5060`
    public var description: String { "\(transport):\(address)" }
}
