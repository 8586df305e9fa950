import NetworkTypes

/// The sockets of media legs: pairs of ports from a pool for each local address, bound when taken.
final class MediaPorts {
    /// How many pairs are tried in a row: other processes may sit on some ports, but one of them can't make us look for
    /// ever.
    static let maximumAttempts = 32

    private var pools: [IPAddress: PortPool] = [:]
    private let binder: any PortBinder

    init(_ settings: RelaySettings, binder: any PortBinder) {
        self.binder = binder
        for address in settings.inside.addresses + settings.outside.addresses {
            pools[address.local] = PortPool(settings.ports)
        }
    }

    func freePairs(on address: IPAddress) -> Int { pools[address]?.freeCount ?? 0 }

    func hasFreePair(on address: IPAddress) -> Bool { pools[address].map { $0.freeCount > $0.reserve } ?? false }

    func pairs(on address: IPAddress) -> Int { pools[address]?.pairCount ?? 0 }

    /// Whether a leg of ours has this port; nil if the port is none of this pool's.
    func isLive(_ port: UInt16, on address: IPAddress) -> Bool? {
        guard let pool = pools[address], pool.contains(port) else { return nil }
        return pool.isLive(port)
    }

    /// Binds a pair. A pair that can't be bound goes to the end of the queue and is tried again when its turn comes.
    func open(on address: IPAddress, isEmergency: Bool = false) -> LegSockets? {
        for _ in 0..<Self.maximumAttempts {
            guard let port = pools[address]?.take(isEmergency: isEmergency) else { return nil }
            if let sockets = bind(address, port) { return sockets }
            pools[address]?.release(port)
        }
        return nil
    }

    private func bind(_ ip: IPAddress, _ port: UInt16) -> LegSockets? {
        let (even, odd) = (SocketAddress(ip, port), SocketAddress(ip, port | 1))
        guard let rtp = binder.bind(even) else { return nil }
        guard let rtcp = binder.bind(odd) else {
            binder.close(rtp)
            return nil
        }
        return LegSockets(
            rtp: RelaySocket(descriptor: rtp, local: even), rtcp: RelaySocket(descriptor: rtcp, local: odd))
    }

    /// The pair is free again; its descriptors belong to the worker, which closes them.
    func release(_ sockets: LegSockets) { pools[sockets.rtp.local.ip]?.release(sockets.rtp.local.port) }

    /// Takes back a pair that no command has told a worker of.
    func abandon(_ sockets: LegSockets) {
        binder.close(sockets.rtp.descriptor)
        binder.close(sockets.rtcp.descriptor)
        release(sockets)
    }
}
