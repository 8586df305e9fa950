import NetworkTypes
import SIP

/// Our own addresses: which URIs name us, and which listener speaks for a side.
struct Identities {
    let listeners: [Listener]
    /// Places in ``listeners``.
    private let ours: [SocketAddress: Int]
    private let hasTrunkPorts: Bool
    /// By side and demanded transport: see ``reach(_:_:)``.
    private let reaches: [Reach]

    /// What we can send by to a name.
    struct Reach {
        let transports: [TransportProtocol]
        let families: [IPAddress.Family]
    }

    init(_ listeners: [Listener]) {
        self.listeners = listeners
        hasTrunkPorts = listeners.contains { $0.trunk != nil }
        var ours: [SocketAddress: Int] = [:]
        for (place, listener) in listeners.enumerated() {
            ours[listener.local] = place
            ours[listener.advertised] = place
        }
        self.ours = ours
        reaches = Side.allCases.flatMap { side in
            Self.demands.map { Self.reach(listeners.filter { $0.side == side && $0.trunk == nil }, $0) }
        }
    }

    subscript(id: ListenerID) -> Listener? {
        listeners.indices.contains(Int(id.index)) ? listeners[Int(id.index)] : nil
    }

    /// The side whose identity the URI names; nil when it is not ours. Without a port the URI means the default one.
    func side(of uri: URI, in bytes: [UInt8]) -> Side? { place(of: uri, in: bytes).map { listeners[$0].side } }

    /// The trunk whose own port the URI names.
    func trunk(of uri: URI, in bytes: [UInt8]) -> String? {
        hasTrunkPorts ? place(of: uri, in: bytes).flatMap { listeners[$0].trunk } : nil
    }

    private func place(of uri: URI, in bytes: [UInt8]) -> Int? {
        guard uri.scheme == .sip || uri.scheme == .sips, let address = uri.address(in: bytes) else { return nil }
        let port = uri.port ?? (uri.scheme == .sips ? 5061 : uri.transport(in: bytes)?.defaultPort ?? 5060)
        return ours[SocketAddress(address, port)]
    }

    /// The side whose identity the address is.
    func side(of address: SocketAddress) -> Side? { ours[address].map { listeners[$0].side } }

    /// Whether a Via value is one of ours.
    func isOurs(_ via: Via, in bytes: [UInt8]) -> Bool {
        guard let address = via.address(in: bytes) else { return false }
        return ours[SocketAddress(address, via.port ?? 5060)] != nil
    }

    /// Whether we speak the transport anywhere.
    func speaks(_ transport: TransportProtocol) -> Bool { listeners.contains { $0.transport == transport } }

    /// The transports and families that a name on `side` may be located for. TLS is used only where it is demanded: a
    /// peer that offers it may want a certificate of ours.
    func reach(_ side: Side, _ demanded: TransportProtocol?) -> Reach {
        reaches[Int(side.rawValue) * Self.demands.count + (demanded.map { Int($0.rawValue) + 1 } ?? 0)]
    }

    private static let demands: [TransportProtocol?] = [nil] + TransportProtocol.allCases

    private static func reach(_ listeners: [Listener], _ demanded: TransportProtocol?) -> Reach {
        // RFC 3263 §4.1: TCP before UDP, where DNS leaves it to us.
        let order: [TransportProtocol] = demanded.map { [$0] } ?? [.tcp, .udp]
        let transports = order.filter { transport in listeners.contains { $0.transport == transport } }
        let families = IPAddress.Family.allCases.filter { family in
            listeners.contains { $0.local.ip.family == family && transports.contains($0.transport) }
        }
        return Reach(transports: transports, families: families)
    }

    /// The listener that sends to addresses of that family: the trunk's own, where it has one.
    func listener(
        _ side: Side, family: IPAddress.Family, transport: TransportProtocol, trunk: String? = nil
    ) -> Listener? {
        func first(of trunk: String?) -> Listener? {
            listeners.first {
                $0.side == side && $0.transport == transport && $0.local.ip.family == family && $0.trunk == trunk
            }
        }
        guard hasTrunkPorts, let trunk else { return first(of: nil) }
        return first(of: trunk) ?? first(of: nil)
    }
}
