import NetworkTypes
import SIP

/// Our own addresses: which URIs name us, and which listener speaks for a side.
struct Identities {
    private(set) var listeners: [Listener]
    /// Who of us is at an address; by any transport.
    private var ours: [SocketAddress: Tenancy] = [:]
    /// The trunks that have a port of their own, by its addresses.
    private var trunkPorts: [SocketAddress: String] = [:]
    /// Addresses that the outside had before the present one, the latest last: dialogs still name them.
    private var former: [IPAddress] = []
    /// What the configuration calls the outside (`outside.advertise`), where that is a name; in lower case.
    private let name: [UInt8]?
    /// Whether two listeners share a socket anywhere.
    let hasSharedSockets: Bool
    /// By side and demanded transport: see ``reach(_:_:)``.
    private let reaches: [Reach]

    /// What we can send by to a name.
    struct Reach {
        let transports: [TransportProtocol]
        let families: [IPAddress.Family]
    }

    private enum Tenancy: Equatable {
        case one(Side)
        /// A one-armed host: the port is no help, so the URI or the context has to tell.
        case both
    }

    /// How many addresses of the past are still ours, of each family.
    private static let mostFormer = 4

    init(_ listeners: [Listener], name: String? = nil) {
        self.listeners = listeners
        self.name = name.map { Array($0.utf8) }
        hasSharedSockets = listeners.contains { $0.socket != $0.id }
        reaches = Side.allCases.flatMap { side in
            Self.demands.map { Self.reach(listeners.filter { $0.side == side && $0.trunk == nil }, $0) }
        }
        index()
    }

    subscript(id: ListenerID) -> Listener? {
        listeners.indices.contains(Int(id.index)) ? listeners[Int(id.index)] : nil
    }

    // MARK: Changing

    /// The outside is known by these addresses from now on, at most one of each family; a family that has none here
    /// stays as it was. Those that it was known by are still ours.
    mutating func advertise(_ addresses: [IPAddress]) {
        for place in listeners.indices where listeners[place].side == .outside {
            let listener = listeners[place]
            listeners[place].isAnnounced = true
            guard let address = addresses.first(where: { $0.family == listener.local.ip.family }),
                address != listener.advertised.ip
            else { continue }
            if listener.isAnnounced, listener.advertised.ip != listener.local.ip { remember(listener.advertised.ip) }
            listeners[place].advertised.ip = address
        }
        former.removeAll { address in listeners.contains { $0.side == .outside && $0.advertised.ip == address } }
        index()
    }

    private mutating func remember(_ address: IPAddress) {
        former.removeAll { $0 == address }
        former.append(address)
        guard former.count(where: { $0.family == address.family }) > Self.mostFormer,
            let oldest = former.firstIndex(where: { $0.family == address.family })
        else { return }
        former.remove(at: oldest)
    }

    private mutating func index() {
        ours = [:]
        trunkPorts = [:]
        for listener in listeners {
            note(listener.local, listener.side)
            if let trunk = listener.trunk {
                (trunkPorts[listener.local], trunkPorts[listener.advertised]) = (trunk, trunk)
            }
            if listener.isAnnounced { note(listener.advertised, listener.side) }
            guard listener.side == .outside else { continue }
            for address in former where address.family == listener.local.ip.family {
                note(SocketAddress(address, listener.local.port), .outside)
            }
        }
        for place in listeners.indices {
            let listener = listeners[place]
            listeners[place].isAmbiguous = listeners.contains {
                $0.side != listener.side && $0.transport == listener.transport && $0.advertised == listener.advertised
            }
        }
    }

    private mutating func note(_ address: SocketAddress, _ side: Side) {
        ours[address] = ours[address].map { $0 == .one(side) ? $0 : .both } ?? .one(side)
    }

    // MARK: Whose address it is

    /// The side whose identity the URI names; nil when it is not ours. Without a port the URI means the default one.
    /// Where both sides have the address, the URI's marker or transport decides, else it is `context`.
    func side(of uri: URI, in bytes: [UInt8], as context: Side) -> Side? {
        guard uri.scheme == .sip || uri.scheme == .sips else { return nil }
        let transport = uri.demandedTransport(in: bytes)
        let port = uri.port ?? transport?.defaultPort ?? 5060
        guard let ip = uri.address(in: bytes) else { return isName(uri.host, in: bytes, port) ? .outside : nil }
        let address = SocketAddress(ip.unmapped, port)
        switch ours[address] {
        case nil: return nil
        case .one(let side)?: return side
        case .both?:
            if let marker = uri.parameters.first(Self.marker, in: bytes)?.value {
                return bytes.equals(marker, ignoringCase: "inside") ? .inside : .outside
            }
            let sides = Set(listeners.filter { $0.isAt(address) && $0.transport == transport ?? .udp }.map(\.side))
            return sides.count == 1 ? sides.first : context
        }
    }

    /// Whether any trunk has a port of its own.
    var hasTrunkPorts: Bool { !trunkPorts.isEmpty }

    /// The trunk whose own port the URI names.
    func trunk(of uri: URI, in bytes: [UInt8]) -> String? {
        guard !trunkPorts.isEmpty, let ip = uri.address(in: bytes), let port = uri.port else { return nil }
        return trunkPorts[SocketAddress(ip.unmapped, port)]
    }

    private func isName(_ host: Range<Int>, in bytes: [UInt8], _ port: UInt16) -> Bool {
        guard let name, host.count == name.count else { return false }
        return bytes[host].lazy.map(\.lowercased).elementsEqual(name)
            && listeners.contains { $0.side == .outside && $0.local.port == port }
    }

    /// The URI parameter of a Record-Route whose address both sides have.
    static let marker: StaticString = "side"

    /// Whether the URI names us.
    func isOurs(_ uri: URI, in bytes: [UInt8]) -> Bool { side(of: uri, in: bytes, as: .inside) != nil }

    /// Whether the address is one of ours.
    func isOurs(_ address: SocketAddress) -> Bool { ours[SocketAddress(address.ip.unmapped, address.port)] != nil }

    /// Whether a Via value is one of ours.
    func isOurs(_ via: Via, in bytes: [UInt8]) -> Bool {
        guard let address = via.address(in: bytes) else { return false }
        let isTLS = bytes.equals(via.transport, ignoringCase: "TLS")
        return isOurs(SocketAddress(address, via.port ?? (isTLS ? TransportProtocol.tls : .udp).defaultPort))
    }

    /// Whether we speak the transport anywhere.
    func speaks(_ transport: TransportProtocol, on side: Side) -> Bool {
        listeners.contains { $0.transport == transport && $0.side == side }
    }

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

    // MARK: Listeners

    /// The listener that sends to addresses of that family: the trunk's own, where it has one.
    func listener(
        _ side: Side, family: IPAddress.Family, transport: TransportProtocol, trunk: String? = nil
    ) -> Listener? {
        func first(of trunk: String?) -> Listener? {
            listeners.first {
                $0.side == side && $0.transport == transport && $0.local.ip.family == family && $0.trunk == trunk
            }
        }
        guard !trunkPorts.isEmpty, let trunk else { return first(of: nil) }
        return first(of: trunk) ?? first(of: nil)
    }

    /// The listener of `side` that a message belongs to, which came to the socket of `id`.
    func listener(at id: ListenerID, of side: Side) -> ListenerID {
        listeners.first { $0.socket == id && $0.side == side }?.id ?? id
    }

    /// The flow as the owner of its socket knows it.
    func carrier(of flow: Flow) -> Flow {
        guard hasSharedSockets, let listener = self[flow.listener] else { return flow }
        return Flow(listener: listener.socket, peer: flow.peer, connection: flow.connection, name: flow.name)
    }
}

extension Listener {
    fileprivate func isAt(_ address: SocketAddress) -> Bool { local == address || advertised == address }
}
