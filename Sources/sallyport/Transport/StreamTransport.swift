import Glibc
import Logging
import NetworkTypes
import OutboundProxy
import Reactor
import SIP
import TLS

/// The stream connections of one shard: accepting, opening, finding and ending them.
///
/// A connection belongs to the shard that accepted or opened it, which its number names. Each peer of a listener has a
/// *home*, a shard that is chosen by a hash: it knows all connections to that peer, and it alone opens one, so that
/// there is one connection to an ITSP however many shards there are.
final class StreamTransport: StreamConnectionOwner {
    private(set) var counters = ConnectionCounters()
    var count: Int { connections.count }
    var pauses: UInt64 { listeners.pauses }

    private let index: Int
    private let loop: EventLoop
    private let links: ShardLinks
    private let limits: StreamLimits
    private let logger: Logger
    private unowned let client: any TransportClient
    private let listeners: StreamListeners
    private let buffer = ReceiveBuffer()
    private var connections: [UInt64: StreamConnection] = [:]
    /// The connections to the peers whose home is here: by listener and peer, of any shard.
    private var byPeer: [Flow: UInt64] = [:]
    /// Begins where no earlier process has come to: what names a connection may outlive it.
    private var serial = (UInt64(truncatingIfNeeded: time(nil)) & 0xffff_ffff) << 16
    private let deadlines: StreamDeadlines
    private var held: [StreamConnection] = []
    private var holdTimer: Timer?
    private let handshakes: HandshakeTurns
    private var sessions = TLSSessionCache()
    private var highWater = HighWater()
    private var ebb: Timer?
    /// Ended in this turn, perhaps by their own call: let go of when the turn ends.
    private var ended: [StreamConnection] = []

    init(
        index: Int, loop: EventLoop, listeners: [Listener], devices: [String?], options: TCPOptions, links: ShardLinks,
        limits: StreamLimits = StreamLimits(), logger: Logger, client: any TransportClient
    ) throws(SystemError) {
        (self.index, self.loop, self.links) = (index, loop, links)
        (self.limits, self.logger, self.client) = (limits, logger, client)
        handshakes = HandshakeTurns(limit: limits.handshakesPerTurn, on: loop)
        self.listeners = StreamListeners(listeners, options)
        deadlines = StreamDeadlines(on: loop, every: min(.seconds(30), limits.message, limits.idle, limits.stalled))
        deadlines.connection = { [unowned self] in connections[$0] }
        try self.listeners.open(on: loop, devices: devices, logger: logger) { [unowned self] in accepted($0, by: $1) }
        holdTimer = Timer(on: loop) { [unowned self] in release() }
        ebb = Timer(on: loop) { [unowned self] in shrink() }
        loop.onTurnEnd { [weak self] in
            self?.ended.removeAll()
            self?.handshakes.turnEnded()
        }
    }

    // MARK: Accepting

    private func accepted(_ accepted: AcceptedConnection, by listener: Listener) {
        let peer = accepted.peer
        let isKnown = client.isKnown(peer.ip, on: listener.id)
        switch links.census.admit(peer.ip, isKnown: isKnown) {
        case .taken: break
        case .tooMany: return counters.refusedLimit += 1
        case .tooManyFromSource: return counters.refusedSource += 1
        }
        let flow = Flow(listener: listener.id, peer: peer, connection: nextID())
        var tls: TLSEngine?
        if listener.transport == .tls {
            guard let engine = links.tls.server(on: listener.side),
                links.census.beginHandshake(peer.ip, isKnown: isKnown)
            else {
                links.census.remove(peer.ip)
                return counters.refusedHandshakes += 1
            }
            tls = engine
        }
        do {
            keep(
                try StreamConnection(
                    accepted, flow, isKnown: isKnown, tls: tls, limits: limits, on: loop, buffer: buffer, owner: self))
            counters.accepted += 1
        } catch {
            links.census.remove(peer.ip)
            if tls != nil { links.census.endHandshake(peer.ip) }
            counters.broken += 1
        }
    }

    // MARK: TLS

    func mayShakeHands(on connection: StreamConnection) -> Bool { handshakes.takeTurn(connection) }

    func secured(_ connection: StreamConnection, isResumed: Bool) {
        counters.handshakes += 1
        if isResumed { counters.resumed += 1 }
        if !connection.isOurs { links.census.endHandshake(connection.flow.peer.ip) }
    }

    /// Numbers are never used twice, and their low bits name the shard.
    private func nextID() -> UInt64 {
        serial += 1
        return serial << 16 | UInt64(index)
    }

    private static func shard(of connection: UInt64) -> Int { Int(connection & 0xffff) }

    private func keep(_ connection: StreamConnection) {
        connections[connection.id] = connection
        highWater.note(connections.count)
        deadlines.watch(connection)
        list(connection.flow, isOpen: true)
    }

    // MARK: Sending

    /// Sends a message on its flow: on the connection that it names, else on any to the peer, else on a new one.
    /// What may not go elsewhere fails where the connection that the flow names has gone.
    func send(_ message: [UInt8], on flow: Flow, orElsewhere mayGoElsewhere: Bool = true) {
        send(.message(message), on: flow, orElsewhere: mayGoElsewhere)
    }

    /// Opens a connection to the flow's peer, unless there is one, and tells that it is open.
    func open(_ flow: Flow) { send(.opening, on: flow) }

    private func send(_ purpose: StreamSend.Purpose, on flow: Flow, orElsewhere mayGoElsewhere: Bool = true) {
        send(
            StreamSend(
                purpose: purpose, origin: SendOrigin(flow: flow, shard: index),
                way: flow.connection == 0 ? .peer : .named, mayGoElsewhere: mayGoElsewhere))
    }

    /// Takes a message one step further, for this shard's core or for another's.
    func send(_ send: StreamSend) {
        switch send.way {
        case .named:
            let id = send.origin.flow.connection
            let owner = Self.shard(of: id)
            if owner != index, links.shards.indices.contains(owner) { return pass(send, to: owner) }
            if let connection = connections[id], connection.isOpen { return put(send, on: connection) }
            guard send.mayGoElsewhere else { return fail(send.origin) }
            var next = send
            next.way = .peer
            self.send(next)
        case .peer:
            let key = send.origin.flow.withoutConnection
            let home = links.home(of: key)
            if home != index { return pass(send, to: home) }
            sendFromHome(send, key)
        case .only(let id):
            guard let connection = connections[id], connection.isOpen else { return fail(send.origin) }
            put(send, on: connection)
        }
    }

    private func sendFromHome(_ send: StreamSend, _ key: Flow) {
        if let id = byPeer[key] {
            let owner = Self.shard(of: id)
            guard owner == index else {
                var next = send
                next.way = .only(id)
                return pass(next, to: owner)
            }
            if let connection = connections[id], connection.isUsable { return put(send, on: connection) }
        }
        open(key, for: send)
    }

    private func pass(_ send: StreamSend, to shard: Int) { links.shards[shard].send(.send(send)) }

    private func put(_ send: StreamSend, on connection: StreamConnection) {
        switch send.purpose {
        case .message(let message): connection.send(message, for: send.origin)
        case .opening: if connection.await(for: send.origin) { tellOpened(send.origin) }
        }
    }

    private func open(_ key: Flow, for send: StreamSend) {
        guard let (listener, options) = listeners[key.listener] else { return fail(send.origin) }
        var flow = key
        flow.connection = nextID()
        var tls: TLSEngine?
        do {
            if listener.transport == .tls {
                tls = try links.tls.client(for: flow, resuming: sessions[key])
            }
        } catch {
            insecure(flow, error)
            return fail(send.origin)
        }
        do {
            let connection = try StreamConnection(
                opening: flow, from: listener, options: options, tls: tls,
                limits: limits, on: loop, buffer: buffer, owner: self)
            links.census.add(flow.peer.ip)
            counters.opened += 1
            keep(connection)
            put(send, on: connection)
        } catch {
            unreachable(flow.peer, error)
            fail(send.origin)
        }
    }

    private func unreachable(_ peer: SocketAddress, _ error: SystemError) {
        counters.unreachable += 1
        logger.warning("a connection can't be opened", metadata: ["to": "\(peer)", "error": "\(error)"])
    }

    private func insecure(_ flow: Flow, _ failure: TLSFailure) {
        counters.insecure += 1
        logger.warning(
            "a connection can't be secured",
            metadata: [
                "to": "\(flow.peer)", "name": "\(links.tls.names[flow.name]?.names.first ?? "\(flow.peer.ip)")",
                "error": "\(failure)",
            ])
    }

    /// Tells the shard whose core wanted it that a message can't be sent.
    private func fail(_ origin: SendOrigin) {
        if origin.shard == index { return client.transportFailed(origin.flow) }
        guard links.shards.indices.contains(origin.shard) else { return }
        links.shards[origin.shard].send(.transportFailed(origin.flow))
    }

    private func tellOpened(_ origin: SendOrigin) {
        if origin.shard == index { return client.flowOpened(origin.flow) }
        guard links.shards.indices.contains(origin.shard) else { return }
        links.shards[origin.shard].send(.flowOpened(origin.flow))
    }

    // MARK: Homes

    /// Says to the peer's home that there is a connection to it, or no longer.
    private func list(_ flow: Flow, isOpen: Bool) {
        let notice = ConnectionNotice(flow: flow, isOpen: isOpen)
        let home = links.home(of: flow.withoutConnection)
        if home == index { note(notice) } else { links.shards[home].send(.connection(notice)) }
    }

    /// A connection to a peer whose home is here has come or gone, with this shard or another.
    func note(_ notice: ConnectionNotice) {
        let key = notice.flow.withoutConnection
        if notice.isOpen {
            byPeer[key] = notice.flow.connection
        } else if byPeer[key] == notice.flow.connection {
            byPeer[key] = nil
        }
    }

    // MARK: What connections tell

    func opened(_ connection: StreamConnection) {
        for origin in connection.waiting { tellOpened(origin) }
    }

    func received(_ message: [UInt8], on connection: StreamConnection) {
        if client.received(message, from: connection.flow) { return }
        // The message is kept in any case, unlike a datagram; but its sender is held back.
        connection.hold(true)
        held.append(connection)
        if holdTimer?.deadline == nil { holdTimer?.schedule(after: .milliseconds(20)) }
    }

    private func release() {
        let waiting = held
        held = []
        for connection in waiting { connection.hold(false) }
    }

    /// What could be read of the request is answered, then the connection ends: nothing on it is believed any more.
    func malformed(_ failure: StreamFramer.Failure, on connection: StreamConnection) {
        counters.malformed += 1
        client.refused(failure, from: connection.flow)
        client.drain()
        connection.finish()
    }

    func hurried(_ connection: StreamConnection) {
        if connections[connection.id] != nil { deadlines.watch(connection) }
    }

    func undelivered(_ answers: [(message: [UInt8], origin: SendOrigin)], on connection: StreamConnection) {
        for answer in answers { send(StreamSend(purpose: .message(answer.message), origin: answer.origin, way: .peer)) }
    }

    func wasRead(_ connection: StreamConnection) { client.drain() }

    func peerFinished(_ connection: StreamConnection) { list(connection.flow, isOpen: false) }

    func closed(_ connection: StreamConnection, _ end: StreamConnection.End) {
        guard connections.removeValue(forKey: connection.id) != nil else { return }
        ended.append(connection)
        // A moment later, when those that end with it have gone as well.
        if highWater.hasEbbed(to: connections.count) { ebb?.schedule(after: .seconds(5)) }
        links.census.remove(connection.flow.peer.ip)
        if connection.isOurs { sessions.keep(connection.session, of: connection.flow) }
        if !connection.isOurs, connection.isUnsecured { links.census.endHandshake(connection.flow.peer.ip) }
        list(connection.flow, isOpen: false)
        count(end, of: connection)
        client.connectionEnded(connection.flow)
        guard connection.hasUnsent || end.isFailure else { return }
        for origin in connection.origins { fail(origin) }
        client.drain()
    }

    private func count(_ end: StreamConnection.End, of connection: StreamConnection) {
        switch end {
        case .peerClosed, .malformed: break
        case .unreachable(let error): unreachable(connection.flow.peer, error)
        case .broken(let error):
            counters.broken += 1
            logger.debug("a connection broke", metadata: ["peer": "\(connection.flow.peer)", "error": "\(error)"])
        case .insecure(let failure):
            if connection.isOurs { return insecure(connection.flow, failure) }
            counters.insecure += 1
            // Scanners fail all the time; what somebody does whom we know is worth a look.
            logger.log(
                level: connection.isKnown ? .warning : .debug, "a peer's TLS failed",
                metadata: ["from": "\(connection.flow.peer)", "error": "\(failure)"])
        case .idle: counters.idle += 1
        case .unfinished: counters.unfinished += 1
        case .overflowed:
            counters.overflowed += 1
            logger.warning(
                "a connection was closed, since its peer takes nothing", metadata: ["peer": "\(connection.flow.peer)"])
        }
    }

    // MARK: Memory

    /// Gives back the memory of a rush of connections: one over TLS takes some 16 kB.
    private func shrink() {
        connections.shrink()
        byPeer.shrink()
        deadlines.shrink()
        ProcessLimits.giveBackMemory()
    }
}

extension StreamConnection.End {
    /// Whether what was sent last may never have arrived.
    fileprivate var isFailure: Bool {
        switch self {
        case .unreachable, .broken, .overflowed, .insecure: true
        case .peerClosed, .idle, .unfinished, .malformed: false
        }
    }
}
