import NetworkTypes
import SIP

/// Our own addresses: which URIs name us, and which listener speaks for a side.
struct Identities {
    let listeners: [Listener]
    private let ours: [SocketAddress: Side]

    init(_ listeners: [Listener]) {
        self.listeners = listeners
        var ours: [SocketAddress: Side] = [:]
        for listener in listeners {
            ours[listener.local] = listener.side
            ours[listener.advertised] = listener.side
        }
        self.ours = ours
    }

    subscript(id: ListenerID) -> Listener? {
        listeners.indices.contains(Int(id.index)) ? listeners[Int(id.index)] : nil
    }

    /// The side whose identity the URI names; nil when it is not ours. Without a port the URI means the default one.
    func side(of uri: URI, in bytes: [UInt8]) -> Side? {
        guard uri.scheme == .sip || uri.scheme == .sips, let address = uri.address(in: bytes) else { return nil }
        let port = uri.port ?? (uri.scheme == .sips ? 5061 : uri.transport(in: bytes)?.defaultPort ?? 5060)
        return ours[SocketAddress(address, port)]
    }

    /// The side whose identity the address is.
    func side(of address: SocketAddress) -> Side? { ours[address] }

    /// Whether a Via value is one of ours.
    func isOurs(_ via: Via, in bytes: [UInt8]) -> Bool {
        guard let address = via.address(in: bytes) else { return false }
        return ours[SocketAddress(address, via.port ?? 5060)] != nil
    }

    /// The listener that sends to `address` on that side.
    func listener(_ side: Side, family: IPAddress.Family, transport: TransportProtocol) -> Listener? {
        listeners.first { $0.side == side && $0.transport == transport && $0.local.ip.family == family }
    }
}
