public import NetworkTypes

/// A transport and port that a side listens on, at each of its addresses.
public struct ListenerConfiguration: Hashable, Sendable, CustomStringConvertible {
    public var transport: TransportProtocol
    public var port: UInt16

    public init(_ transport: TransportProtocol, port: UInt16? = nil) {
        self.transport = transport
        self.port = port ?? transport.defaultPort
    }

    /// `udp`, or `udp:5070` where the port is not the transport's own.
    public var description: String { port == transport.defaultPort ? "\(transport)" : "\(transport):\(port)" }

    /// What a side listens on when the file doesn't say: the transports that are built.
    public static let defaults = [ListenerConfiguration(.udp), ListenerConfiguration(.tcp)]
}

/// The `inside` section.
public struct InsideConfiguration: Hashable, Sendable {
    /// Our addresses on the private network, at most a few of each family; the first of a family is the side's identity.
    public var addresses: [IPAddress]
    public var listen: [ListenerConfiguration]
    /// Who may call out. Empty until ``Configuration/validate(on:isTaken:)`` fills in the subnets of the addresses.
    public var networks: [IPNetwork]
    /// Whether the media of the PBX is SRTP.
    public var srtp = SRTPPolicy.off
    /// How its keys are agreed on where we offer them.
    public var keying = KeyManagement.sdes

    public init(
        addresses: [IPAddress], listen: [ListenerConfiguration] = ListenerConfiguration.defaults,
        networks: [IPNetwork] = []
    ) {
        self.addresses = addresses
        self.listen = listen
        self.networks = networks
    }
}

/// The `outside` section.
public struct OutsideConfiguration: Hashable, Sendable {
    /// Our addresses on the public network.
    public var addresses: [IPAddress]
    public var listen: [ListenerConfiguration]
    /// What the world is told instead of the addresses: at most one address of each family, and one name.
    public var advertise: [AdvertisedHost] = []

    public init(addresses: [IPAddress], listen: [ListenerConfiguration] = ListenerConfiguration.defaults) {
        self.addresses = addresses
        self.listen = listen
    }
}

extension Configuration {
    /// The outside UDP sockets that single trunks have for themselves.
    public var sourcePorts: [(trunk: TrunkConfiguration, address: SocketAddress)] {
        trunks.flatMap { trunk in
            trunk.sourcePort.map { port in outside.addresses.map { (trunk, SocketAddress($0, port)) } } ?? []
        }
    }

    /// What both sides listen on, with the same address and port: only the source of a message tells them apart.
    public var sharedListeners: [(transport: TransportProtocol, address: SocketAddress)] {
        let inner = listeners(of: .inside)
        return listeners(of: .outside).filter { outer in inner.contains { $0 == outer } }
    }

    /// What we call ourselves outside in messages over TLS where we don't listen for it, but only connect. Nowhere that is
    /// the inside's.
    public var connectingTLS: [SocketAddress] {
        guard !outside.listen.contains(where: { $0.transport == .tls }) else { return [] }
        let inner = listeners(of: .inside).filter { $0.transport == .tls }.map(\.address)
        return outside.addresses.map { SocketAddress($0, TransportProtocol.tls.defaultPort) }
            .filter { !inner.contains($0) }
    }

    /// Every SIP socket of one side: each address with each listener; inside also that of remote phones.
    public func listeners(of side: Side) -> [(transport: TransportProtocol, address: SocketAddress)] {
        let (addresses, listen) =
            side == .inside ? (inside.addresses, inside.listen) : (outside.addresses, outside.listen)
        let own = side == .inside ? phoneAddress.map { [$0] } ?? [] : []
        return (addresses + own.filter { !addresses.contains($0) }).flatMap { address in
            listen.map { (transport: $0.transport, address: SocketAddress(address, $0.port)) }
        }
    }
}
