import Glibc
import Logging
import MediaRelay
import NetworkTypes
import OutboundProxy
import Reactor
import SIP

/// The driver of one signalling shard: sockets and the clock on one side, ``ProxyCore`` and ``MediaAnchor`` on the
/// other. Everything here belongs to the shard's loop.
///
/// A datagram's way: batch → (its Call-ID's shard) → core → outputs → send batches, flushed once a turn.
final class SignallingShard {
    private let index: Int
    private let loop: EventLoop
    private let core: ProxyCore
    private let media: MediaAdapter
    private let links: ShardLinks
    private let logger: Logger
    private let listeners: [Listener]
    private var sockets: [UDPSocket] = []
    private var senders: [SendBatch] = []
    private let batch = PacketBatch(capacity: 32)
    private let resolver: NameResolver
    private var timer: Timer?
    private var receiver: Mailbox<ShardMessage>.Receiver?
    private var trunkTimer: RepeatingTimer?
    /// The last calls that failed, newest last.
    private var failedCalls: [CallSummary] = []
    private var truncated: UInt64 = 0
    /// Datagrams that their own shard was too far behind to take.
    private var overflowed: UInt64 = 0
    /// About as many datagrams as a socket's buffer holds.
    private static let mostWaiting = 5_000

    init(
        index: Int, loop: EventLoop, settings: ProxySettings, tokens: TokenCodec, relay: RelaySettings,
        binder: any PortBinder, links: ShardLinks, socketOptions: UDPSocket.Options, devices: [String?], logger: Logger
    ) throws(SystemError) {
        self.index = index
        self.loop = loop
        self.links = links
        self.logger = logger
        listeners = settings.listeners
        media = MediaAdapter(
            MediaAnchor(
                settings: relay, binder: binder, firstSession: UInt64(index + 1),
                sessionStride: UInt64(links.shards.count)))
        core = ProxyCore(settings: settings, tokens: tokens, media: media, hash: .random())
        resolver = try NameResolver(on: loop)
        for (listener, device) in zip(listeners, devices) {
            let socket = try Self.socket(listener.local, socketOptions, on: device, logger)
            let sender = SendBatch(socket: socket, loop: loop, capacity: 1024)
            sockets.append(socket)
            senders.append(sender)
        }
        try start(trunks: settings.trunks)
    }

    /// A listener's socket, tied to the side's interface: a packet that came in by the other one with a source of this
    /// side is not taken (security 26). Where the system does not allow that, the listener is there all the same.
    private static func socket(
        _ address: SocketAddress, _ options: UDPSocket.Options, on device: String?, _ logger: Logger
    ) throws(SystemError) -> UDPSocket {
        guard let device else { return try UDPSocket(binding: address, options: options) }
        var tied = options
        tied.device = device
        do { return try UDPSocket(binding: address, options: tied) } catch {
            logger.warning(
                "a listener can't be tied to its interface: spoofed sources are not told apart there",
                metadata: ["listener": "\(address)", "interface": "\(device)", "error": "\(error)"])
            return try UDPSocket(binding: address, options: options)
        }
    }

    private func start(trunks: [TrunkSettings]) throws(SystemError) {
        for (position, socket) in sockets.enumerated() {
            senders[position].onRefusal = { [unowned self] destination, error in
                refused(ListenerID(UInt16(position)), destination, error)
            }
            try socket.onReadable(loop) { [unowned self] in read(position) }
        }
        timer = Timer(on: loop) { [unowned self] in
            core.handleTimeout(at: loop.now)
            drain()
        }
        receiver = try links.shards[index].receive(on: loop) { [unowned self] messages in
            for message in messages { handle(message) }
            drain()
        }
        guard index == 0, !trunks.isEmpty else { return }
        resolve(trunks)
        trunkTimer = RepeatingTimer(on: loop, every: .seconds(300)) { [unowned self] in resolve(trunks) }
    }

    // MARK: In

    /// Reads what waits on one socket: at most a few batches, so that a flood on one can't starve the others.
    private func read(_ position: Int) {
        for _ in 0..<4 {
            guard let count = try? batch.receive(from: sockets[position]), count > 0 else { break }
            for slot in 0..<count { receive(slot, on: position) }
            if count < batch.capacity { break }
        }
        drain()
    }

    private func receive(_ slot: Int, on position: Int) {
        guard !batch.isTruncated(slot), let source = batch.source(slot) else {
            truncated += 1
            return
        }
        let bytes = [UInt8](batch.bytes(slot))
        let flow = Flow(listener: ListenerID(UInt16(position)), peer: source)
        let owner = links.shard(of: bytes)
        if owner == index {
            core.receive(bytes, from: flow, at: loop.now)
        } else {
            let isTaken = links.shards[owner].send(.datagram(bytes, flow), unlessWaiting: Self.mostWaiting)
            if !isTaken { overflowed += 1 }
        }
    }

    private func handle(_ message: ShardMessage) {
        switch message {
        case .datagram(let bytes, let flow): core.receive(bytes, from: flow, at: loop.now)
        case .directory(let update): core.apply(update)
        case .relay(.silent(let session)): core.mediaSilent(session: session.value, at: loop.now)
        case .relay(.ended(let session, let reports)): log(session, reports)
        case .snapshot(let reply): reply.send(snapshot)
        }
    }

    // MARK: Out

    /// Does what the cores decided, and sets the timer to their next deadline.
    private func drain() {
        while core.hasOutputs {
            for output in core.takeOutputs() { carryOut(output) }
        }
        links.media(media.anchor.takeCommands())
        if let deadline = core.nextDeadline { timer?.schedule(at: deadline) }
    }

    private func carryOut(_ output: ProxyOutput) {
        switch output {
        case .send(let bytes, let flow): senders[Int(flow.listener.index)].append(bytes, to: flow.peer)
        case .locate(let query):
            resolver.resolve(query.host) { [unowned self] result in
                core.located(query, Location(result.list, for: query), at: loop.now)
                drain()
            }
        case .open(let flow): core.transportFailed(flow, at: loop.now)
        case .directory(let update):
            links.record(update, loop.now)
            for (other, mailbox) in links.shards.enumerated() where other != index { mailbox.send(.directory(update)) }
        case .event(let event): log(event)
        case .shrunk: ProcessLimits.giveBackMemory()
        }
    }

    private func refused(_ listener: ListenerID, _ destination: SocketAddress, _ error: SystemError) {
        logger.warning("a message could not be sent", metadata: ["to": "\(destination)", "error": "\(error)"])
        // A datagram that is too long says nothing about the way to the peer, and must not fail what else goes there.
        guard error.code != EMSGSIZE else { return }
        core.transportFailed(Flow(listener: listener, peer: destination), at: loop.now)
        timer?.schedule(at: loop.now)
    }

    /// The addresses of the configured trunks' domains, which say where their calls may come from.
    private func resolve(_ trunks: [TrunkSettings]) {
        for trunk in trunks where IPAddress(trunk.domain) == nil {
            resolver.resolve(trunk.domain) { [unowned self] result in
                guard !result.list.isEmpty else { return }
                let update = DirectoryUpdate.resolved(domain: trunk.domain, addresses: result.list)
                for mailbox in links.shards { mailbox.send(.directory(update)) }
            }
        }
    }

    // MARK: Telling

    private func log(_ event: ProxyEvent) {
        switch event {
        case .callStarted(let call):
            logger.debug(
                "call started", metadata: ["call-id": "\(call.callID)", "from": "\(call.from)", "to": "\(call.to)"])
        case .callEnded(let call):
            if call.answeredAt == nil { keep(failed: call) }
            logger.info(
                "call ended",
                metadata: [
                    "call-id": "\(call.callID)", "from": "\(call.from)", "to": "\(call.to)", "trunk": "\(call.trunk)",
                    "answered": "\(call.answeredAt != nil)", "verdict": "\(call.verdict)",
                ])
        case .refused(let callID, let method, let from, let status, let reason):
            logger.notice(
                "refused",
                metadata: [
                    "call-id": "\(callID)", "method": "\(method)", "from": "\(from)", "status": "\(status)",
                    "reason": "\(reason)",
                ])
        }
    }

    private func keep(failed call: CallSummary) {
        failedCalls.append(call)
        if failedCalls.count > 100 { failedCalls.removeFirst() }
    }

    /// What a call's media did, in one line; audio that was dropped for its source is named.
    private func log(_ session: RelaySessionID, _ reports: [LegReport]) {
        for report in reports where report.counters.droppedSource > 0 {
            logger.notice(
                "media dropped for its source",
                metadata: [
                    "session": "\(session.value)", "leg": "\(report.leg)",
                    "packets": "\(report.counters.droppedSource)",
                    "believed": "\(report.source.map(\.description) ?? "none")",
                ])
        }
    }

    private var snapshot: ShardSnapshot {
        var (used, all) = (0, 0)
        for side in Side.allCases {
            for family in IPAddress.Family.allCases {
                let pairs = media.anchor.pairs(on: side, family)
                all += pairs
                used += pairs - media.anchor.freePairs(on: side, family)
            }
        }
        return ShardSnapshot(
            shard: index, time: loop.now, counters: core.counters, calls: core.callSummaries, bindings: core.bindings,
            trunks: core.trunkSummaries, transactions: core.transactionCount, sessions: media.anchor.sessionCount,
            pairsUsed: used, pairs: all,
            socketDrops: truncated + overflowed + UInt64(sockets.compactMap(\.receiveDrops).reduce(0, +)),
            failedCalls: failedCalls)
    }
}

/// How a shard reaches the others and the media workers.
struct ShardLinks: Sendable {
    /// The mailboxes of all shards, by their index.
    let shards: [Mailbox<ShardMessage>]
    /// Names the shard of a Call-ID.
    let hash: KeyedHash
    /// Hands commands to the workers that own their sessions.
    let media: @Sendable ([RelayCommand]) -> Void
    /// Writes a registration seen down, for the next start.
    let record: @Sendable (DirectoryUpdate, Instant) -> Void

    /// The shard that owns the message's Call-ID; shard 0 takes what has none.
    func shard(of bytes: [UInt8]) -> Int {
        guard shards.count > 1, let range = CallIDScanner.callID(in: bytes) else { return 0 }
        return Int(hash(bytes[range]) % UInt64(shards.count))
    }
}

extension Location {
    /// Addresses alone, until SRV is asked for: UDP, unless something else is demanded.
    fileprivate init(_ addresses: [IPAddress], for query: LocationQuery) {
        let transport = query.transport ?? .udp
        let targets = addresses.filter { query.families.contains($0.family) }.enumerated().map { rank, address in
            LocatedTarget(Target(transport, SocketAddress(address, query.port ?? transport.defaultPort)), rank: rank)
        }
        self = targets.isEmpty ? .unknownName : .targets(targets)
    }
}

extension NameResolution {
    /// The addresses; none where there is no answer.
    fileprivate var list: [IPAddress] {
        if case .addresses(let addresses) = self { addresses } else { [] }
    }
}
