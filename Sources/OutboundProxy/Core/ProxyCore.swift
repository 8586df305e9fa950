public import NetworkTypes
import SIP

/// The proxy of one shard: messages and the time go in, decisions come out (RFC 3261 §16, design §3–§6).
///
/// No socket, no clock, no thread: the driver calls ``receive(_:from:at:)`` and its siblings, then takes the outputs
/// and asks for ``nextDeadline``. All messages of a Call-ID come to the same shard, so nothing here is shared.
public final class ProxyCore {
    let settings: ProxySettings
    private(set) var identities: Identities
    let media: any MediaAnchoring
    let inside: InsideAddresses
    let contacts: ContactMapping
    let hiding: TopologyHiding
    public internal(set) var counters = ProxyCounters()

    var transactions: TransactionTable
    var calls = CallTable()
    var callsBySession: [UInt64: Call] = [:]
    /// How many calls each outside address has with us: a peer of a call is no stranger.
    var callPeers: [IPAddress: Int] = [:]
    var directory: Directory
    var locations = LocationTable()
    var health = TargetHealth()
    var throttles = Throttles()
    /// The requests under way that had passed us before, by their hash: of few is it heard that they come again.
    var spirals: Set<UInt64> = []
    var challenges = ChallengeMemory()
    /// Who wants SRTP offered otherwise than usual.
    var offers = OfferMemory()
    /// Requests that wait for a connection.
    var openings: [Flow: [ServerTransaction]] = [:]
    var nextLargeEvent = Instant.zero
    /// The keys of the phones whose pinholes this shard holds open.
    var pinholes: Set<[UInt8]> = []
    var outputs: [ProxyOutput] = []
    private var timers = DeadlineQueue<TimedObject>()
    private var strangers: SourceBudget
    /// Of all strangers together: no number of sources takes the time of those we know.
    private var allStrangers = TokenBucket(perSecond: 5000)
    private var allStrangersUnderPressure = TokenBucket(perSecond: 500)
    var allStrangerAnswers = TokenBucket(perSecond: 200)
    /// Requests that we refused, by reason, and calls that came to nothing, by the answer they got.
    public internal(set) var refusals = ReasonCounts()
    public internal(set) var failures = ReasonCounts()
    var refusedINVITEs = RefusedINVITEs()
    /// The share of new requests that is refused at the moment (see ``setPressure(_:)``).
    public internal(set) var pressure = 0.0
    /// What is owed to the share of requests that are refused.
    var shedding = 0.0
    var bans: Bans
    var nonces: RelayedNonces
    var strangerAnswers: SourceBudget
    /// Sweeps in which memory is still given back. One isn't enough: the last timers and ended calls of a rush go within
    /// a minute of it, and each keeps a page until then.
    private var shrinksLeft = 0
    private static let shrinksAfterRush = 4
    /// Whether a sweep is in the timer queue.
    private var isSweeping = false

    private enum TimedObject {
        case sweep
        case server(ServerTransaction)
        case client(ClientTransaction)
        case call(Call)
        /// A question that the resolver should have answered by then.
        case location(OpenLocation)
        /// A connection that should be there by then.
        case opening(ServerTransaction)
        /// The request whose offer was refused goes out with another one.
        case offer(ServerTransaction)
        case qualification(Qualification)
        case probe(Qualification.Probe)
        /// The pinhole of a remote phone, by the key of its binding.
        case pinhole([UInt8])
    }

    /// How often a call is looked at: one that has ended is let go of by then.
    private static let callCheck = Duration.seconds(60)

    /// - Parameters:
    ///   - hash: keys branches, tags and tables; random in production.
    ///   - tokens: makes and reads the tokens of design §4.
    public init(settings: ProxySettings, tokens: TokenCodec, media: any MediaAnchoring, hash: KeyedHash) {
        self.settings = settings
        self.media = media
        identities = Identities(settings.listeners, name: settings.advertisedName)
        inside = InsideAddresses(settings)
        contacts = ContactMapping(codec: tokens, inside: inside)
        hiding = TopologyHiding(settings, codec: tokens, inside: inside)
        transactions = TransactionTable(hash: hash)
        directory = Directory(trunks: settings.trunks, phones: settings.phones)
        strangers = SourceBudget(rate: settings.strangerRate, burst: settings.strangerRate, hash: hash)
        strangerAnswers = SourceBudget(rate: 1, burst: 1, hash: hash)
        bans = Bans(hash: hash)
        nonces = RelayedNonces(hash: hash)
    }

    deinit { transactions.disband() }

    // MARK: Events

    /// A datagram has come.
    public func receive(_ bytes: [UInt8], from flow: Flow, at now: Instant) {
        counters.messagesIn += 1
        let flow = sided(flow)
        guard let listener = identities[flow.listener] else { return }
        if listener.side == .outside, !isResponse(bytes), !isKnown(flow.peer.ip, at: now),
            !listens(toStranger: flow.peer.ip, at: now)
        {
            counters.droppedOverBudget += 1
            return
        }
        let known = listener.side == .outside ? hiding.revealed(bytes) : nil
        var message: Message
        do {
            message = try MessageParser.parse(datagram: known?.bytes ?? bytes)
        } catch {
            if error != .keepAlive { receiveNonSIP(bytes, from: flow, on: listener, at: now) }
            return
        }
        var outerCallID = known?.callID
        if listener.side == .outside, let known = hiding.revealed(message, knowsCallID: outerCallID != nil) {
            outerCallID = outerCallID ?? Array(message.bytes[message.callID])
            message = known
        }
        if message.isRequest {
            counters.requests += 1
            receiveRequest(
                Arrival(message: message, flow: flow, listener: listener, now: now, outerCallID: outerCallID))
        } else {
            counters.responses += 1
            receiveResponse(message, from: flow, on: listener, at: now)
        }
    }

    /// The time is `now`: runs what is due.
    public func handleTimeout(at now: Instant) {
        while let object = timers.popDue(at: now) {
            switch object {
            case .server(let transaction): handleTimeout(of: transaction, at: now)
            case .client(let transaction): handleTimeout(of: transaction, at: now)
            case .call(let call): handleTimeout(of: call, at: now)
            case .sweep: sweep(at: now)
            case .location(let location):
                if locations.isOpen(location) { located(location.query, .unavailable, at: now) }
            case .opening(let server): openingTimedOut(server, at: now)
            case .offer(let server): offerOtherwise(server, at: now)
            case .qualification(let qualification): qualify(qualification, at: now)
            case .probe(let probe): send(probe, at: now)
            case .pinhole(let key): holdOpen(key, at: now)
            }
        }
    }

    /// Forgets what has run out, and gives memory back after a rush; goes on for as long as there is anything.
    private func sweep(at now: Instant) {
        directory.sweep(at: now)
        locations.sweep(at: now)
        health.sweep(at: now)
        throttles.sweep(at: now)
        challenges.sweep(at: now)
        offers.sweep(at: now)
        bans.sweep(at: now)
        refusedINVITEs.forget(at: now)
        if transactions.shrink() { shrinksLeft = Self.shrinksAfterRush }
        if shrinksLeft > 0 {
            shrinksLeft -= 1
            calls.shrink()
            callsBySession.shrink()
            callPeers.shrink()
            timers.shrink()
            outputs.append(.shrunk)
        }
        isSweeping = false
        if !timers.isEmpty || !directory.isEmpty || transactions.count > 0 || shrinksLeft > 0 || !bans.isEmpty
            || !throttles.isEmpty
        {
            keepSweeping(from: now)
        }
    }

    /// Sees to it that a sweep comes, when something was kept that runs out.
    func keepSweeping(from now: Instant) {
        guard !isSweeping else { return }
        isSweeping = true
        timers.schedule(.sweep, at: now + .seconds(30))
    }

    /// What became of a ``ProxyOutput/locate(_:)``. May be called while its output is being carried out.
    public func located(_ query: LocationQuery, _ location: Location, at now: Instant) {
        let waiters = locations.close(query, location, at: now)
        note(location, of: query, for: waiters, at: now)
        for waiter in waiters {
            switch waiter {
            case .request(let request): send(request, to: location, at: now)
            case .qualification(let qualification): self.located(qualification, location, at: now)
            }
        }
        keepSweeping(from: now)
    }

    /// What another shard saw, or what a configured trunk's domain resolves to.
    public func apply(_ update: DirectoryUpdate) {
        if case .health(let target, let state) = update {
            if case .down(let until) = state { health.set(target, until) } else { health.set(target, nil) }
        } else if case .ban(let source, let account, let until) = update {
            bans.ban(source, account, until: until)
        } else {
            keep(update)
        }
        keepSweeping(from: .zero)
    }

    /// The transport refused to send to the flow (RFC 3261 §17.1.4).
    public func transportFailed(_ flow: Flow, at now: Instant) {
        counters.transportErrors += 1
        let flow = sided(flow)
        noteFailure(flow, at: now)
        openingFailed(flow.withoutConnection, at: now)
        for transaction in transactions.clients(on: flow) { failTransport(of: transaction, at: now) }
    }

    /// What the name of `outside.advertise` stands for now, at most one address of each family. New messages name these;
    /// what names earlier ones still reaches us. Before the first of them nothing that would name us can leave.
    public func advertise(_ addresses: [IPAddress]) { identities.advertise(addresses) }

    /// When ``handleTimeout(at:)`` wants to be called.
    public var nextDeadline: Instant? { timers.next }

    /// What is to be done, in order; the list is empty afterwards.
    public func takeOutputs() -> [ProxyOutput] {
        defer { outputs.removeAll(keepingCapacity: true) }
        return outputs
    }

    /// The same, without a new buffer each time: `taken` must be empty, and its room is used for what comes next.
    public func takeOutputs(into taken: inout [ProxyOutput]) { swap(&outputs, &taken) }

    /// Whether outputs wait to be taken.
    public var hasOutputs: Bool { !outputs.isEmpty }

    // MARK: For status pages

    public var transactionCount: Int { transactions.count }
    public var callCount: Int { calls.count }
    public var callSummaries: [CallSummary] { calls.all.map(\.summary) }
    public var bindings: [Binding] { directory.registrations.all.sorted { $0.user < $1.user } }
    public var trunkSummaries: [TrunkSummary] { directory.summaries.map { withTargets($0) } }

    /// Where requests to the trunk go: as its domain was last located, and where it is registered.
    private func withTargets(_ trunk: TrunkSummary) -> TrunkSummary {
        var trunk = trunk
        var targets = locations.lastTargets(of: trunk.domain)
        if trunk.isConfigured, let address = IPAddress(trunk.domain) {
            let transport = directory.trunks.named(trunk.name)?.transport ?? .udp
            targets = [Target(transport, SocketAddress(address, transport.defaultPort))]
        }
        for binding in directory.registrations.all where binding.domain == trunk.domain {
            if !targets.contains(binding.registrar) { targets.append(binding.registrar) }
        }
        trunk.targets = targets.map { TargetSummary(target: $0, state: health.state(of: $0)) }
        return trunk
    }

    // MARK: Shared by the extensions

    /// The longest message that UDP carries: 65,535 octets less the headers of IPv4 and UDP. The transport would refuse
    /// a longer one, and that must not look like a peer that can't be reached.
    static let longestDatagram = 65_507

    func send(_ bytes: [UInt8], on flow: Flow) {
        if bytes.count > Self.longestUnfragmented, identities[flow.listener]?.transport == .udp {
            guard bytes.count <= Self.longestDatagram else {
                counters.transportErrors += 1
                return
            }
            counters.largeMessages += 1
        }
        counters.messagesOut += 1
        let carrier = identities.carrier(of: flow)
        let isBound = settings.phones != nil && flow.connection != 0 && !isResponse(bytes)
        outputs.append(isBound ? .sendOnly(bytes, carrier) : .send(bytes, carrier))
    }

    /// The flow on the listener of its peer's side, where both sides share a socket: the one case in which a source
    /// address decides (design §3). Addresses that merely carry an inside one are outside, and refused there.
    func sided(_ flow: Flow) -> Flow {
        guard identities.hasSharedSockets else { return flow }
        let ip = flow.peer.ip
        let isInside =
            settings.insideNetworks.contains { $0.contains(ip) } || settings.pbxs.contains { IPAddress($0.host) == ip }
        var flow = flow
        flow.listener = identities.listener(at: flow.listener, of: isInside ? .inside : .outside)
        return flow
    }

    func schedule(_ transaction: ServerTransaction) {
        guard let deadline = transaction.deadline, deadline < transaction.scheduled else { return }
        transaction.scheduled = deadline
        timers.schedule(.server(transaction), at: deadline)
    }

    func schedule(_ transaction: ClientTransaction) {
        guard let deadline = transaction.deadline, deadline < transaction.scheduled else { return }
        transaction.scheduled = deadline
        timers.schedule(.client(transaction), at: deadline)
    }

    func schedule(_ call: Call, at now: Instant) {
        timers.schedule(.call(call), at: min(call.deadline, call.refreshDeadline, now + Self.callCheck))
    }

    func schedule(opening server: ServerTransaction, at deadline: Instant) {
        timers.schedule(.opening(server), at: deadline)
    }

    func schedule(offerOf server: ServerTransaction, at deadline: Instant) {
        timers.schedule(.offer(server), at: deadline)
    }

    func schedule(_ qualification: Qualification, at deadline: Instant) {
        timers.schedule(.qualification(qualification), at: deadline)
    }

    func schedule(_ probe: Qualification.Probe, at deadline: Instant) { timers.schedule(.probe(probe), at: deadline) }

    func schedule(pinhole key: [UInt8], at deadline: Instant) { timers.schedule(.pinhole(key), at: deadline) }

    func schedule(_ location: OpenLocation, at now: Instant) {
        timers.schedule(.location(location), at: now + LocationTable.patience)
    }

    /// Whether the source is an ITSP of ours, a registered phone, or the peer of a call: such are not limited as strangers are.
    func isKnown(_ address: IPAddress, at now: Instant) -> Bool {
        callPeers[address] != nil || directory.isTrunk(address, at: now) || directory.phones.isPhone(address)
    }

    /// Whether a request of somebody unknown is looked at.
    private func listens(toStranger source: IPAddress, at now: Instant) -> Bool {
        guard strangers.take(source, at: now) else { return false }
        return pressure > 0 ? allStrangersUnderPressure.take(at: now) : allStrangers.take(at: now)
    }

    private func isResponse(_ bytes: [UInt8]) -> Bool {
        bytes.count > 4 && bytes.equals(0..<4, ignoringCase: "SIP/")
    }
}

/// A request with where and when it came.
struct Arrival {
    let message: Message
    let flow: Flow
    let listener: Listener
    let now: Instant
    /// The Call-ID that it came with, where the inside knows another one.
    var outerCallID: [UInt8]?

    var side: Side { listener.side }
}
