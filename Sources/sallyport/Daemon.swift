import Admin
import Config
import Dispatch
import Glibc
import Logging
import MediaRelay
import NetworkTypes
public import OutboundProxy
import Reactor
public import TLS

/// Builds everything that runs, joins it, and takes it down again: shards, media workers, state and the admin page.
///
/// The thread that runs it owns signals and the admin page; each shard and each worker has a thread of its own.
final class Daemon {
    private let configuration: Configuration
    private let logger: Logger
    private let shardCount: Int
    private let ending: Mailbox<Void>?
    private let advertiseInterval: ClosedRange<Duration>
    private let certificateInterval: Duration

    /// - Parameters:
    ///   - shards: How many signalling threads; by default one for every two processors.
    ///   - ending: What a message ends the run through; without it SIGTERM and SIGINT do, of which a process has one
    ///     handler only.
    ///   - certificateInterval: How often the files of TLS are looked at.
    ///   - advertiseInterval: How often the name of `outside.advertise` is looked up again, at most and at least.
    init(
        configuration: Configuration, logger: Logger, shards: Int? = nil, ending: Mailbox<Void>? = nil,
        advertiseInterval: ClosedRange<Duration> = .seconds(5) ... .seconds(300),
        certificateInterval: Duration = .seconds(2)
    ) {
        self.certificateInterval = certificateInterval
        self.advertiseInterval = advertiseInterval
        self.configuration = configuration
        self.logger = logger
        self.ending = ending
        shardCount = shards ?? max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)) / 2)
    }

    /// Runs until it is told to end; the exit status.
    func run() throws -> Int32 {
        let descriptors = try ProcessLimits.raiseFileLimit()
        ProcessLimits.keepLittleFreeMemory()
        let state = try StateDirectory(path: configuration.state)
        let keys = try state.tokenKeys()
        let store = try state.tokenStore()
        let loop = try EventLoop()
        let registrations = try RegistrationJournal(state, now: loop.now)
        let phones = try PhoneJournal(state, now: loop.now)
        let calls = configuration.callCapacity(descriptors: descriptors)
        let budget = try SharedCallBudget(configuration, state: state, now: loop.now)
        var settings = configuration.proxySettings(calls: max(1, callLimit / shardCount))
        settings.admission = budget
        let tls = TLSContexts(try TLSContexts.Contexts(configuration))
        settings.numberOfName = { tls.names.id(of: $0) }
        let callLog = try configuration.log.calls.map { try CallLog($0) }
        let mailboxes = try (0..<shardCount).map { _ in try Mailbox<ShardMessage>() }
        let workers = try startWorkers(mailboxes)
        let links = ShardLinks(
            shards: mailboxes, hash: .random(),
            census: ConnectionCensus(configuration.connectionLimits(descriptors: descriptors)),
            tls: tls, media: { workers.send($0) }, calls: callLog,
            record: {
                registrations.record($0, now: $1)
                phones.record($0, now: $1)
            })
        // Before the first datagram can be read: the mailboxes keep them for the shards.
        for update in registrations.loaded.map(DirectoryUpdate.bind) + phones.loaded.map(DirectoryUpdate.phone) {
            for mailbox in mailboxes { mailbox.send(.directory(update)) }
        }
        let shards = try startShards(settings, keys: keys, store: store, links: links)
        let source = try StatusSource(
            on: loop, shards: mailboxes, workers: workers, settings: settings, callLimit: calls,
            connectionLimit: configuration.connectionCapacity(descriptors: descriptors), budget: budget, tls: tls)
        let certificates = CertificateWatch(configuration, tls, on: loop, every: certificateInterval, logger: logger)
        let recording = budget.map { budget in
            RepeatingTimer(on: loop, every: .seconds(10)) { [unowned loop] in budget.record(at: loop.now) }
        }
        let advertised = configuration.followAdvertisedName(
            on: loop, every: advertiseInterval, telling: mailboxes, logger: logger)
        try serve(loop, source, certificates, callLog, calls: calls, descriptors: descriptors)
        withExtendedLifetime((advertised, recording)) {}
        writeCalls(of: mailboxes)
        for shard in shards { shard.stop() }
        for shard in shards { shard.join() }
        workers.stop()
        registrations.flush()
        phones.flush()
        budget?.flush(at: loop.now)
        store.flush()
        if let callLog, !callLog.close() {
            logger.error("call records are lost: their file did not take them", metadata: ["file": "\(callLog.path)"])
        }
        logger.info("stopped")
        return 0
    }

    /// The most calls at once. Where the configuration names no number the ports decide, call by call: an offer that
    /// finds none is refused, and a call without media needs none.
    private var callLimit: Int {
        if case .exactly(let limit) = configuration.limits.calls { limit } else { 200_000 }
    }

    private func startWorkers(_ mailboxes: [Mailbox<ShardMessage>]) throws -> MediaDriver {
        var workers = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)) / 2)
        if case .exactly(let count) = configuration.media.workers { workers = count }
        let count = UInt64(shardCount)
        return try MediaDriver(workers: workers) { event in
            // A session's number says which shard made it (MediaAnchor: firstSession, sessionStride).
            mailboxes[Int((event.session.value &- 1) % count)].send(.relay(event))
        }
    }

    private func startShards(
        _ settings: ProxySettings, keys: TokenKeyFile.Keys, store: DurableTokenStore, links: ShardLinks
    ) throws -> [LoopThread] {
        let relay = configuration.relaySettings
        let (count, dscp) = (shardCount, configuration.dscp)
        let sockets = socketSettings(for: settings.listeners)
        return try (0..<count).map { [logger] index in
            try LoopThread.start(name: "sip-\(index)") { loop in
                try SignallingShard(
                    index: index, loop: loop, settings: settings,
                    tokens: TokenCodec(
                        cipher: DeterministicCipher(current: keys.current, previous: keys.previous), store: store),
                    relay: relay.shard(index, of: count), binder: SystemPortBinder(dscp: dscp.rtp), links: links,
                    sockets: sockets, logger: logger)
            }
        }
    }

    private func socketSettings(for listeners: [Listener]) -> SocketSettings {
        var datagrams = UDPSocket.Options()
        datagrams.receiveBuffer = 4 << 20
        datagrams.sendBuffer = 4 << 20
        datagrams.dscp = configuration.dscp.sip
        datagrams.reusesPort = shardCount > 1
        var streams = TCPOptions()
        streams.dscp = configuration.dscp.sip
        streams.reusesPort = shardCount > 1
        return SocketSettings(
            datagrams: datagrams, streams: streams,
            devices: configuration.devices(of: listeners, on: .ofThisMachine()))
    }

    /// Serves the admin page until the end.
    private func serve(
        _ loop: EventLoop, _ source: StatusSource, _ certificates: CertificateWatch, _ callLog: CallLog?, calls: Int,
        descriptors: Int
    ) throws {
        let admin = try AdminServer(on: loop, listen: configuration.admin.listen)
        admin.servePages(of: source)
        let endings = try endings(on: loop)
        // Where a message ends the run, the process is not ours alone, and neither are its signals.
        let hangUp =
            try ending == nil
            ? SignalSource(.hangUp, on: loop) { [logger] in
                certificates.reload("SIGHUP")
                do { try callLog?.reopen() } catch {
                    logger.error("the call log can't be opened anew", metadata: ["error": "\(error)"])
                }
            } : nil
        let listeners = Side.allCases.flatMap { side in
            configuration.listeners(of: side).map { "\(side) \($0.transport) \($0.address)" }
        }
        logger.info(
            "serving",
            metadata: [
                "listeners": "\(listeners.joined(separator: ", "))", "calls": "\(calls)",
                "descriptors": "\(descriptors)", "admin": "\(configuration.admin.listen)",
            ])
        loop.run()
        withExtendedLifetime((endings, hangUp, certificates, admin)) {}
        logger.info("stopping")
    }

    /// Lets the shards write down the calls that are up, as soon as the workers have told how their media was; a worker
    /// that hangs does not keep the process from ending.
    private func writeCalls(of shards: [Mailbox<ShardMessage>]) {
        let written = DispatchSemaphore(value: 0)
        for shard in shards { shard.send(.end { written.signal() }) }
        let deadline = DispatchTime.now() + .seconds(5)
        for _ in shards where written.wait(timeout: deadline) == .timedOut {
            return logger.warning("calls are written down without what their media counted")
        }
    }

    /// What stops the loop, for as long as it is kept.
    private func endings(on loop: EventLoop) throws(SystemError) -> [AnyObject] {
        if let ending { return [try ending.receive(on: loop) { [unowned loop] _ in loop.stop() }] }
        return try [SignalSource.Signal.terminate, .interrupt].map { signal throws(SystemError) in
            try SignalSource(signal, on: loop) { [unowned loop] in loop.stop() }
        }
    }
}

extension DeterministicCipher: TokenCipher {}

extension RelayEvent {
    /// The session that the event is about.
    var session: RelaySessionID {
        switch self {
        case .silent(let session), .ended(let session, _): session
        }
    }
}
