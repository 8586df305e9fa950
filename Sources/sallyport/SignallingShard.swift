import Glibc
import Logging
import MediaRelay
import NetworkTypes
import OutboundProxy
import Reactor
import Resolver
import SIP

/// The driver of one signalling shard: transports and the clock on one side, ``ProxyCore`` and ``MediaAnchor`` on the
/// other. Everything here belongs to the shard's loop.
///
/// A message's way: transport → (its Call-ID's shard) → core → outputs → transport, which sends once a turn.
final class SignallingShard: TransportClient {
    private let index: Int
    private let loop: EventLoop
    private let core: ProxyCore
    private let media: MediaAdapter
    private let links: ShardLinks
    private let logger: Logger
    private var datagrams: DatagramTransport?
    private var streams: StreamTransport?
    private var isDraining = false
    /// What is being carried out; its room is kept for the next time, unless that was a rush.
    private var taken: [ProxyOutput] = []
    private static let mostKept = 1024
    private let resolver: Resolver
    private var timer: Timer?
    private var receiver: Mailbox<ShardMessage>.Receiver?
    private var trunkSources: TrunkSources?
    private var failedCalls = FailedCalls()
    private var endedCalls: EndedCalls
    private var refusalLog = RefusalLog()
    /// All calls have ended with the process; what comes now is for the next one.
    private var isEnding = false
    private var loadWatch: LoadWatch?
    /// Datagrams that their own shard was too far behind to take.
    private var overflowed: UInt64 = 0
    /// About as many datagrams as a socket's buffer holds.
    private static let mostWaiting = 5_000

    init(
        index: Int, loop: EventLoop, settings: ProxySettings, tokens: TokenCodec, relay: RelaySettings,
        binder: any PortBinder, links: ShardLinks, sockets: SocketSettings, logger: Logger
    ) throws(SystemError) {
        self.index = index
        self.loop = loop
        self.links = links
        self.logger = logger
        endedCalls = EndedCalls(log: links.calls, trunks: settings.trunks.map(\.name))
        media = MediaAdapter(
            MediaAnchor(
                settings: relay, binder: binder, firstSession: UInt64(index + 1),
                sessionStride: UInt64(links.shards.count)))
        var settings = settings
        settings.ownsCallID = { [hash = links.hash, count = links.shards.count] callID in
            count < 2 || Int(hash(callID[...]) % UInt64(count)) == index
        }
        core = ProxyCore(settings: settings, tokens: tokens, media: media, hash: .random())
        resolver = Resolver(on: loop)
        datagrams = try DatagramTransport(
            loop: loop, listeners: settings.sockets, devices: sockets.devices, options: sockets.datagrams,
            logger: logger, client: self)
        streams = try StreamTransport(
            index: index, loop: loop, listeners: settings.sockets, devices: sockets.devices, options: sockets.streams,
            links: links, logger: logger, client: self)
        try start(trunks: settings.trunks)
    }

    private func start(trunks: [TrunkSettings]) throws(SystemError) {
        timer = Timer(on: loop) { [unowned self] in
            core.handleTimeout(at: loop.now)
            drain()
        }
        receiver = try links.shards[index].receive(on: loop) { [unowned self] messages in
            for message in messages { handle(message) }
            drain()
        }
        if let datagrams {
            loadWatch = LoadWatch(on: loop, datagrams) { [unowned self] pressure in
                core.setPressure(pressure)
                tellLeftOut()
            }
        }
        guard index == 0, !trunks.isEmpty else { return }
        core.startQualifying(at: loop.now)
        if let deadline = core.nextDeadline { timer?.schedule(at: deadline) }
        trunkSources = TrunkSources(of: trunks, resolver, on: loop) { [links] update in
            for mailbox in links.shards { mailbox.send(.directory(update)) }
        }
    }

    /// What still waits for its media's counters is written without them.
    deinit {
        if !isEnding { endCalls() }
        endedCalls.flush(at: loop.now)
    }

    // MARK: In

    func received(_ message: [UInt8], from flow: Flow) -> Bool {
        if isEnding { return true }
        let owner = links.shard(of: message) { core.insideCallID($0, from: flow) }
        if owner == index {
            core.receive(message, from: flow, at: loop.now)
            return true
        }
        if links.shards[owner].send(.received(message, flow), unlessWaiting: Self.mostWaiting) { return true }
        // A datagram may be lost; what a stream has brought may not.
        if flow.connection == 0 {
            overflowed += 1
        } else {
            links.shards[owner].send(.received(message, flow))
        }
        return false
    }

    func refused(_ failure: StreamFramer.Failure, from flow: Flow) {
        core.refuse(failure.head, failure.status, failure.reason, from: flow, at: loop.now)
    }

    func transportFailed(_ flow: Flow) {
        core.transportFailed(flow, at: loop.now)
        drain()
    }

    func flowOpened(_ flow: Flow) {
        core.flowOpened(flow, at: loop.now)
        drain()
    }

    func connectionEnded(_ flow: Flow) {
        core.connectionEnded(flow, at: loop.now)
        if core.hasOutputs { drain() }
    }

    func isKnown(_ peer: IPAddress, on listener: ListenerID) -> Bool {
        core.isKnown(peer, on: listener, at: loop.now)
    }

    private func handle(_ message: ShardMessage) {
        switch message {
        case .received(let message, let flow): if !isEnding { core.receive(message, from: flow, at: loop.now) }
        case .send(let send): streams?.send(send)
        case .transportFailed(let flow): core.transportFailed(flow, at: loop.now)
        case .flowOpened(let flow): core.flowOpened(flow, at: loop.now)
        case .connection(let notice): streams?.note(notice)
        case .directory(let update): core.apply(update)
        case .advertise(let addresses):
            core.advertise(addresses)
            media.anchor.advertise(addresses)
        case .relay(.silent(let session)): core.mediaSilent(session: session.value, at: loop.now)
        case .relay(.ended(let session, let reports)):
            log(session, reports)
            endedCalls.add(reports, of: session.value, at: loop.now)
        case .snapshot(let reply): reply.send(snapshot)
        case .end(let allWritten):
            endCalls()
            endedCalls.whenWritten(allWritten)
        }
    }

    private func endCalls() {
        isEnding = true
        endedCalls.expectAll()
        core.endCalls(at: loop.now)
        drain()
    }

    // MARK: Out

    /// Does what the cores decided, and sets the timer to their next deadline.
    func drain() {
        // What can't be sent is told from within, and drained by the same loop.
        guard !isDraining else { return }
        isDraining = true
        defer { isDraining = false }
        while core.hasOutputs {
            core.takeOutputs(into: &taken)
            for output in taken { carryOut(output) }
            taken.removeAll(keepingCapacity: taken.count <= Self.mostKept)
        }
        media.forgetClosed()
        links.media(media.anchor.takeCommands())
        for stream in media.anchor.takeUnanchored() { log(stream) }
        if let deadline = core.nextDeadline { timer?.schedule(at: Self.step(after: deadline)) }
    }

    /// Deadlines are seen to in steps of 10 ms, so that those of many calls wake the thread once.
    private static func step(after deadline: Instant) -> Instant {
        let step: Int64 = 10_000_000
        return deadline + .nanoseconds(step &- deadline.nanoseconds % step)
    }

    private func carryOut(_ output: ProxyOutput) {
        switch output {
        case .send(let bytes, let flow): if datagrams?.send(bytes, on: flow) == false { streams?.send(bytes, on: flow) }
        case .sendOnly(let bytes, let flow): streams?.send(bytes, on: flow, orElsewhere: false)
        case .locate(let query):
            resolver.locate(query) { [unowned self] location in
                if isEnding { return }
                core.located(query, location, at: loop.now)
                drain()
            }
        case .open(let flow): streams?.open(flow)
        case .directory(let update):
            links.record(update, loop.now)
            for (other, mailbox) in links.shards.enumerated() where other != index { mailbox.send(.directory(update)) }
        case .event(let event): log(event)
        case .shrunk: shrink()
        }
    }

    /// A rush is over.
    private func shrink() {
        media.anchor.shrink()
        failedCalls.shrink()
        endedCalls.shrink()
        ProcessLimits.giveBackMemory()
    }

    // MARK: Telling

    private func log(_ event: ProxyEvent) {
        switch event {
        case .callStarted(let call):
            logger.debug(
                "call started", metadata: ["call-id": "\(call.callID)", "from": "\(call.from)", "to": "\(call.to)"])
        case .callEnded(let call):
            if call.answeredAt == nil { failedCalls.add(call) }
            endedCalls.add(call, isReported: call.session.map(media.awaited.contains) ?? false, at: loop.now)
            logger.info(
                "call ended",
                metadata: [
                    "call-id": "\(call.callID)", "from": "\(call.from)", "to": "\(call.to)", "trunk": "\(call.trunk)",
                    "answered": "\(call.answeredAt != nil)", "verdict": "\(call.verdict)",
                ])
        case .target(let target, let state):
            logger.notice(state == .up ? "a target is back" : "a target is down", metadata: ["target": "\(target)"])
        case .large(let callID, let method, let octets, let target):
            logger.warning(
                "a request may be too large for UDP",
                metadata: [
                    "call-id": "\(callID)", "method": "\(method)", "octets": "\(octets)", "to": "\(target)",
                ])
        case .refused(let request): log(request)
        case .banned(let source, let account, let until):
            logger.warning(
                "banned: wrong credentials again and again",
                metadata: [
                    "source": "\(source)", "account": "\(account)", "seconds": "\(Int((until - loop.now).seconds))",
                ])
        }
    }

    private func log(_ request: RefusedRequest) {
        guard refusalLog.admits(request.label) else { return }
        // A flood of one reason does not drive the others out of the list.
        if request.isCall {
            let call = CallSummary(refused: request, at: loop.now)
            failedCalls.add(call)
            endedCalls.add(call, isReported: false, at: loop.now)
        }
        logger.notice(
            "refused",
            metadata: [
                "call-id": "\(request.callID)", "method": "\(request.method)", "from": "\(request.from)",
                "to": "\(request.to)", "side": "\(request.side)", "source": "\(request.source)",
                "trunk": "\(request.trunk)", "status": "\(request.status)", "reason": "\(request.reason)",
            ])
    }

    /// How many refusals had no line of their own lately.
    private func tellLeftOut() {
        for (reason, count) in refusalLog.summary(at: loop.now) {
            logger.notice("refused more of the same", metadata: ["reason": "\(reason)", "requests": "\(count)"])
        }
    }

    private func log(_ stream: UnanchoredStream) {
        logger.warning(
            "stream not anchored",
            metadata: ["session": "\(stream.session.value)", "transport": "\(stream.transport)"])
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
            phones: core.phoneBindings,
            trunks: core.trunkSummaries, transactions: core.transactionCount, sessions: media.anchor.sessionCount,
            unanchoredSessions: media.anchor.unanchoredSessions,
            pairsUsed: used, pairs: all,
            connections: streams?.count ?? 0, connectionCounters: streams?.counters ?? ConnectionCounters(),
            acceptPauses: streams?.pauses ?? 0, socketDrops: overflowed + (datagrams?.drops ?? 0),
            failedCalls: failedCalls.list, refusals: core.refusals, failures: core.failures,
            bans: core.bans(at: loop.now), pressure: core.pressure, mediaTotals: endedCalls.totals)
    }
}

/// How a shard reaches the others and the media workers.
struct ShardLinks: Sendable {
    /// The mailboxes of all shards, by their index.
    let shards: [Mailbox<ShardMessage>]
    /// Names the shard of a Call-ID, and the home of a peer.
    let hash: KeyedHash
    let census: ConnectionCensus
    /// What TLS connections begin with.
    let tls: TLSContexts
    /// Hands commands to the workers that own their sessions.
    let media: @Sendable ([RelayCommand]) -> Void
    /// Where calls that have ended are written down, if anywhere.
    var calls: CallLog?
    /// Writes a registration seen down, for the next start.
    let record: @Sendable (DirectoryUpdate, Instant) -> Void

    /// The shard that owns the message's Call-ID, as the inside knows it; shard 0 takes what has none.
    func shard(of bytes: [UInt8], insideCallID: (ArraySlice<UInt8>) -> [UInt8]?) -> Int {
        guard shards.count > 1, let range = CallIDScanner.callID(in: bytes) else { return 0 }
        return Int(hash(insideCallID(bytes[range])?[...] ?? bytes[range]) % UInt64(shards.count))
    }

    /// The shard that knows the connections to the peer of a flow, and opens one.
    func home(of flow: Flow) -> Int {
        guard shards.count > 1 else { return 0 }
        let (ip, port) = (flow.peer.ip, UInt64(flow.peer.port))
        let place = UInt64(flow.listener.index) << 16 | port
        let name = UInt64(flow.name.number) << 32
        return Int(hash(hash(ip.high) &+ hash(ip.low ^ place ^ name)) % UInt64(shards.count))
    }
}

/// What all shards bind their sockets with.
struct SocketSettings: Sendable {
    var datagrams: UDPSocket.Options
    var streams: TCPOptions
    /// The interface that each listener is tied to.
    var devices: [String?]
}
