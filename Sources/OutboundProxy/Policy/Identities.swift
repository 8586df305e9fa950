import NetworkTypes
import SIP

/// Our own addresses: which URIs name us, and which listener speaks for a side.
struct Identities {
    let listeners: [Listener]
    /// Places in ``listeners``.
    private let ours: [SocketAddress: Int]
    private let hasTrunkPorts: Bool

    init(_ listeners: [Listener]) {
        self.listeners = listeners
        hasTrunkPorts = listeners.contains { $0.trunk != nil }
        var ours: [SocketAddress: Int] = [:]
        for (place, listener) in listeners.enumerated() {
            ours[listener.local] = place
            ours[listener.advertised] = place
        }
        self.ours = ours
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
