import Admin
import Config
import Glibc
import MediaRelay
import NetworkTypes
import OutboundProxy
import Reactor
import TLS

/// Makes the admin server's pages: asks every shard and every worker for a snapshot through its mailbox, and puts the
/// answers together. Belongs to the main loop.
final class StatusSource: AdminSource {
    private let shards: [Mailbox<ShardMessage>]
    private let workers: MediaDriver
    private let settings: ProxySettings
    private let callLimit: Int
    private let connectionLimit: Int
    private let budget: SharedCallBudget?
    private let tls: TLSContexts
    private let loop: EventLoop
    private let started: Instant
    private let shardAnswers: Mailbox<ShardSnapshot>
    private let workerAnswers: Mailbox<MediaSnapshot>
    private var receivers: (Mailbox<ShardSnapshot>.Receiver, Mailbox<MediaSnapshot>.Receiver)?
    private var waiting: [(Overview) -> Void] = []
    private var open = 0
    private var overview = Overview()

    /// Everything that was answered.
    struct Overview {
        var shards: [ShardSnapshot] = []
        var legs: [RelaySessionID: [LegReport]] = [:]
    }

    init(
        on loop: EventLoop, shards: [Mailbox<ShardMessage>], workers: MediaDriver, settings: ProxySettings,
        callLimit: Int, connectionLimit: Int, budget: SharedCallBudget?, tls: TLSContexts
    ) throws(SystemError) {
        self.loop = loop
        self.shards = shards
        self.workers = workers
        self.settings = settings
        self.callLimit = callLimit
        self.connectionLimit = connectionLimit
        self.budget = budget
        self.tls = tls
        started = loop.now
        shardAnswers = try Mailbox()
        workerAnswers = try Mailbox()
        receivers = (
            try shardAnswers.receive(on: loop) { [unowned self] snapshots in
                for snapshot in snapshots { take { $0.shards.append(snapshot) } }
            },
            try workerAnswers.receive(on: loop) { [unowned self] snapshots in
                for snapshot in snapshots { take { $0.legs.merge(snapshot.sessions) { $0 + $1 } } }
            }
        )
    }

    // MARK: Asking

    /// Calls back with an overview; questions that come while one is being answered share its answer.
    private func ask(_ done: @escaping (Overview) -> Void) {
        waiting.append(done)
        guard open == 0 else { return }
        overview = Overview()
        // A mailbox that is full takes no question: who isn't asked isn't waited for.
        let asked = shards.count { $0.send(.snapshot(shardAnswers)) }
        open = asked + workers.requestSnapshots(workerAnswers)
    }

    private func take(_ note: (inout Overview) -> Void) {
        note(&overview)
        open -= 1
        guard open == 0 else { return }
        let callers = waiting
        waiting = []
        for caller in callers { caller(overview) }
    }

    // MARK: Pages

    func status(_ done: @escaping (StatusSnapshot) -> Void) {
        ask { [self] overview in done(status(overview)) }
    }

    private func status(_ overview: Overview) -> StatusSnapshot {
        var status = StatusSnapshot(version: Sallyport.version)
        status.uptimeSeconds = (loop.now - started).seconds
        status.listeners = settings.listeners.filter(\.isOpen).map {
            StatusSnapshot.Listener(side: "\($0.side)", transport: "\($0.transport)", address: "\($0.local)")
        }
        status.calls.limit = callLimit
        status.connections.limit = connectionLimit
        status.registrations = overview.shards.first.map { $0.bindings.count + $0.phones.count } ?? 0
        status.certificates = tls.certificates.map { StatusSnapshot.Certificate($0.name, $0.summary) }
        status.certificateProblem = tls.problem
        for shard in overview.shards { add(shard, to: &status) }
        for report in overview.legs.values.joined() { add(report.counters, to: &status) }
        status.media.totals = MediaTotalsSnapshot(overview.shards.flatMap(\.mediaTotals.values))
        status.take(ProcessUsage.now())
        return status
    }

    private func add(_ shard: ShardSnapshot, to status: inout StatusSnapshot) {
        let counters = shard.counters
        status.calls.now += shard.calls.count
        status.calls.total += counters.calls
        status.transactions += shard.transactions
        status.messages.received += counters.messagesIn
        status.messages.sent += counters.messagesOut
        status.media.sessions += shard.sessions
        status.media.unanchored += shard.unanchoredSessions
        status.media.portsUsed += 2 * shard.pairsUsed
        status.media.portsFree += 2 * (shard.pairs - shard.pairsUsed)
        let named = shard.failures.counts.values.reduce(0, +)
        for (cause, count) in [
            ("failed", counters.callsFailed - min(counters.callsFailed, named)),
            ("ended by us", counters.callsEndedByUs), ("overloaded", counters.overloaded),
            ("too busy", counters.shed),
        ] where count > 0 { status.calls.failed[cause, default: 0] += count }
        status.calls.failed.merge(shard.failures.counts) { $0 + $1 }
        status.refused.merge(shard.refusals.counts) { $0 + $1 }
        status.pressure = max(status.pressure, shard.pressure)
        status.banned += counters.bans
        // Each shard knows all bans.
        if status.bans.isEmpty { status.bans = shard.bans.map { StatusSnapshot.Ban($0, at: shard.time) } }
        addConnections(of: shard, to: &status)
        for (cause, count) in [
            ("not SIP", counters.droppedNotSIP), ("malformed", counters.droppedMalformed),
            ("unadmitted", counters.droppedUnadmitted), ("spoofed", counters.droppedSpoofed),
            ("stray", counters.droppedStray), ("over budget", counters.droppedOverBudget),
            ("banned", counters.droppedBanned),
            ("socket", shard.socketDrops),
        ] where count > 0 { status.messages.dropped[cause, default: 0] += count }
    }

    private func addConnections(of shard: ShardSnapshot, to status: inout StatusSnapshot) {
        let counters = shard.connectionCounters
        status.connections.now += shard.connections
        status.connections.accepted += counters.accepted
        status.connections.opened += counters.opened
        status.connections.handshakes += counters.handshakes
        status.connections.resumed += counters.resumed
        for (cause, count) in [
            ("too many", counters.refusedLimit), ("too many from source", counters.refusedSource),
            ("unreachable", counters.unreachable), ("idle", counters.idle), ("unfinished", counters.unfinished),
            ("insecure", counters.insecure), ("too many handshakes", counters.refusedHandshakes),
            ("malformed", counters.malformed), ("overflowed", counters.overflowed), ("broken", counters.broken),
            ("no descriptors", shard.acceptPauses),
        ] where count > 0 { status.connections.failed[cause, default: 0] += count }
    }

    private func add(_ counters: RelayCounters, to status: inout StatusSnapshot) {
        status.media.packets += counters.packets + counters.controlPackets
        status.media.bytes += counters.bytes
        for (cause, count) in counters.drops { status.media.dropped[cause, default: 0] += count }
    }

    func calls(_ done: @escaping ([CallSnapshot]) -> Void) {
        ask { [self] overview in
            done(overview.shards.flatMap { shard in shard.calls.map { call($0, at: shard.time, overview) } })
        }
    }

    func failedCalls(_ done: @escaping ([CallSnapshot]) -> Void) {
        ask { [self] overview in
            let failed = overview.shards.flatMap { shard in shard.failedCalls.map { call($0, at: shard.time, overview) }
            }
            done(failed.sorted { $0.ageSeconds < $1.ageSeconds })
        }
    }

    private func call(_ call: CallSummary, at now: Instant, _ overview: Overview) -> CallSnapshot {
        let reports = call.session.flatMap { overview.legs[RelaySessionID($0)] } ?? []
        return CallSnapshot(
            callID: call.callID, direction: call.origin == .inside ? .outbound : .inbound, from: call.from, to: call.to,
            trunk: call.trunk.isEmpty ? nil : call.trunk,
            state: call.state == .early ? .early : call.state == .answered ? .confirmed : .ending,
            ageSeconds: (now - call.startedAt).seconds, legs: reports.map { leg($0, of: call) },
            verdict: call.verdict.isEmpty ? nil : call.verdict)
    }

    private func leg(_ report: LegReport, of call: CallSummary) -> CallSnapshot.Leg {
        let side = report.leg == .caller ? call.origin : call.origin.opposite
        var leg = CallSnapshot.Leg(side: "\(side)", local: "\(report.local)", remote: report.source.map { "\($0)" })
        leg.packets = report.counters.packets
        leg.bytes = report.counters.bytes
        leg.lost = report.counters.lost
        leg.outOfOrder = report.counters.outOfOrder
        leg.jitterMilliseconds = report.quality.jitter
        leg.security = report.security.rawValue
        leg.codec = report.quality.codecName
        leg.roundTripMilliseconds = report.quality.roundTrip
        leg.score = report.quality.score
        leg.remoteLoss = report.quality.remoteLoss
        leg.remoteJitterMilliseconds = report.quality.remoteJitter
        for (cause, count) in report.counters.drops { leg.dropped[cause] = count }
        return leg
    }

    func registrations(_ done: @escaping ([RegistrationSnapshot]) -> Void) {
        ask { [settings] overview in
            guard let shard = overview.shards.first else { return done([]) }
            done(
                shard.bindings.map { binding in
                    RegistrationSnapshot(
                        aor: "sip:\(binding.user)@\(binding.domain)",
                        trunk: settings.trunkName(domain: binding.domain, user: binding.user),
                        contact: String(decoding: binding.contact, as: UTF8.self),
                        expiresInSeconds: max(0, (binding.expires - shard.time).seconds))
                } + shard.phones.map { RegistrationSnapshot($0, at: shard.time) })
        }
    }

    func flows(_ done: @escaping ([FlowSnapshot]) -> Void) {
        ask { [settings] overview in
            guard let shard = overview.shards.first else { return done([]) }
            done(shard.phones.map { FlowSnapshot($0, settings.listeners, at: shard.time) })
        }
    }

    func trunks(_ done: @escaping ([TrunkSnapshot]) -> Void) {
        ask { [self] overview in
            guard let first = overview.shards.first else { return done([]) }
            let usage = budget?.usage(at: loop.now) ?? []
            done(
                first.trunks.map { trunk in
                    var snapshot = TrunkSnapshot(
                        name: trunk.name, domain: trunk.domain, isLearned: !trunk.isConfigured,
                        addresses: trunk.addresses.map(\.description).sorted(), registrations: trunk.bindings,
                        calls: overview.shards.reduce(0) { $0 + $1.calls.count { $0.trunk == trunk.name } },
                        targets: overview.shards.flatMap(\.trunks).targets(of: trunk),
                        minutesToday: usage.first { $0.trunk == trunk.name }.map { Double($0.seconds) / 60 })
                    if trunk.isConfigured {
                        snapshot.media = MediaTotalsSnapshot(overview.shards.compactMap { $0.mediaTotals[trunk.name] })
                    }
                    return snapshot
                })
        }
    }
}

extension [TrunkSummary] {
    /// The targets that any shard has used for the trunk: one that has not knows nothing about it.
    fileprivate func targets(of trunk: TrunkSummary) -> [TargetSnapshot] {
        var states: [Target: TargetSnapshot.State] = [:]
        for summary in self where summary.name == trunk.name {
            for target in summary.targets where (states[target.target] ?? .unknown) == .unknown {
                states[target.target] = TargetSnapshot.State(target.state)
            }
        }
        return states.map { TargetSnapshot(target: $0.key.description, state: $0.value) }
            .sorted { $0.target < $1.target }
    }
}

extension StatusSnapshot.Certificate {
    fileprivate init(_ name: String, _ summary: CertificateSummary) {
        self.init(
            name: name, names: summary.names, notAfter: summary.notAfter,
            secondsLeft: Double(summary.notAfter - Int64(time(nil))))
    }
}

extension RegistrationSnapshot {
    fileprivate init(_ phone: PhoneBinding, at now: Instant) {
        self.init(
            aor: phone.aor, trunk: PhoneSettings.trunkName, contact: String(decoding: phone.contact, as: UTF8.self),
            expiresInSeconds: max(0, (phone.expires - now).seconds))
    }
}

extension FlowSnapshot {
    fileprivate init(_ phone: PhoneBinding, _ listeners: [Listener], at now: Instant) {
        let listener = listeners.first { $0.id == phone.flow.listener }
        self.init(
            aor: phone.aor, source: "\(phone.flow.peer)", transport: listener.map { "\($0.transport)" } ?? "",
            listener: listener.map { "\($0.local)" } ?? "", contact: String(decoding: phone.contact, as: UTF8.self),
            expiresInSeconds: max(0, (phone.expires - now).seconds))
    }
}

extension PhoneBinding {
    fileprivate var aor: String { user.isEmpty ? "sip:\(domain)" : "sip:\(user)@\(domain)" }
}

extension StatusSnapshot.Ban {
    fileprivate init(_ ban: Bans.Ban, at now: Instant) {
        self.init(
            source: "\(ban.source)", account: ban.account, secondsLeft: max(0, (ban.until - now).seconds))
    }
}

extension TargetSnapshot.State {
    fileprivate init(_ state: TargetState) {
        switch state {
        case .up: self = .up
        case .down: self = .down
        case .unknown: self = .unknown
        }
    }
}

extension MediaTotalsSnapshot {
    fileprivate init(_ totals: [MediaTotals]) {
        self.init()
        let all = totals.reduce(MediaTotals(), +)
        (legs, scoreSum, jitterSum, packets, lost) = (all.legs, all.scores, all.jitter, all.packets, all.lost)
        scores = zip(MediaTotals.bounds, all.histogram).map { Bucket(bound: $0, count: $1) }
    }
}
