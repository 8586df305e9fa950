import NetworkTypes
import OutboundProxy

/// One run: the hosts, the network, the edge and the referee on one virtual clock, all drawn from a seed.
final class World {
    /// How bad the network is.
    enum Weather: CaseIterable {
        /// Nothing is lost: every call must come out as its script says.
        case perfect
        /// Some is lost, doubled and overtaken, but retransmissions always get through.
        case mild
        /// Much is lost, and links part for a while.
        case harsh
        /// The same, and hosts die and return.
        case deaths
        /// Nothing is lost, but the edge itself is started anew in the middle.
        case restart
        /// Nothing is lost, but the nodes of the ITSP die and return, one at a time.
        case failover
    }

    let seed: UInt64
    let weather: Weather
    let queue = EventQueue()
    let network: Network
    private let contact: ContactMode
    private(set) var edge: Edge
    private(set) var restarted: Instant?
    private(set) lazy var referee = Referee { [unowned self] in broken($0) }
    private(set) var violations: [String] = []
    private(set) var digest = Digest()
    private(set) var messages = 0
    var trace: Trace?
    var agents: [SocketAddress: UserAgent] = [:]
    private var deaths: [(name: String, from: Instant, until: Instant)] = []
    let database = Registrar.Database()
    var records: [String: CallRecord] = [:]
    var names: [String: NameScript] = [:]
    private var entangled: [any Entangled] = []

    init(seed: UInt64) {
        self.seed = seed
        weather = Weather.allCases[Int(seed % UInt64(Weather.allCases.count))]
        network = Network(seed: seed, queue: queue)
        contact = seed % 5 == 0 ? .user : .parameter
        edge = Edge(key: seed, contact: contact)
        connect()
    }

    private func connect() {
        edge.onSend = { [unowned self] in edgeSends($0, on: $1, to: $2) }
        edge.onLocate = { [unowned self] in locate($0) }
        edge.onHealth = { [unowned self] target, state in
            trace?.note("the edge thinks that \(target) is \(state == .up ? "up" : "down")", at: now)
        }
    }

    /// The edge stops and starts again: only what it keeps on disk is left.
    func restart() {
        trace?.note("the edge restarts", at: now)
        restarted = now
        let bindings = edge.core.bindings
        edge.windDown(from: now)
        edge = Edge(key: ~seed, contact: contact)
        connect()
        for binding in bindings { edge.restore(binding, at: now) }
        referee.restart()
    }

    /// Takes note of who must let go of others when the run is over.
    func enlist(_ one: any Entangled) { entangled.append(one) }

    /// The run is over: what holds each other, and so would stay in memory, is taken apart. Not by weak references, of
    /// which the leak checker knows nothing.
    func letGo() {
        queue.abandon()
        for one in entangled { one.letGo() }
        entangled = []
        referee.letGo()
        edge.windDown(from: now)
    }

    var now: Instant { queue.now }

    func broken(_ text: String) {
        trace?.note("!!! \(text)", at: now)
        if violations.count < 20 { violations.append("\(now.text): \(text)") }
    }

    func script(of callID: String) -> CallRecord? { records[callID] }

    /// The Contact that an agent writes: a phone of the ITSP stands behind its proxy.
    func contact(of agent: UserAgent, user: String) -> String {
        if agent.side == .inside { return "sip:\(user)@\(agent.address);line=\(agent.random.number(100...999))" }
        let phone = agent.address.ip.family == .v4 ? "203.0.113.99" : "[2001:db8::99]"
        return agent.recordsRoute ? "sip:\(user)@\(phone):5080" : "sip:\(user)@\(agent.address)"
    }

    // MARK: The way of a message

    /// A host sends to the edge.
    func send(_ bytes: [UInt8], from agent: UserAgent, to destination: SocketAddress) {
        guard destination == agent.edge else { return broken("\(agent.name) sends to \(destination)") }
        let fate = network.send(bytes, host: agent.address, toEdge: true) { [self] in arrive(bytes, from: agent) }
        trace?.message(bytes, from: agent.name, to: "edge", fate, at: now)
    }

    private func arrive(_ bytes: [UInt8], from agent: UserAgent) {
        guard let message = try? SIPText(bytes) else { return }
        trace?.arrival(message, at: now)
        referee.received(message, from: agent.address, on: agent.side, at: now)
        edge.receive(bytes, from: agent.address, on: agent.side, at: now)
        referee.settled(at: now)
    }

    /// A host dies, and returns after a while.
    func kill(_ agent: UserAgent, after delay: Duration, for length: Duration, forgetting: Bool, isUnreachable: Bool) {
        deaths.append((agent.name, now + delay, now + delay + length))
        queue.after(delay) { [self] in
            trace?.note("† \(agent.name) dies", at: now)
            agent.goDown(forgetting: forgetting, isUnreachable: isUnreachable)
        }
        queue.after(delay + length) { [self] in
            trace?.note("\(agent.name) is back", at: now)
            agent.comeBack()
        }
    }

    /// Whether a host dies in that time.
    func hasDeath(from: Instant, until: Instant) -> Bool { deaths.contains { $0.from >= from && $0.from <= until } }

    private func edgeSends(_ bytes: [UInt8], on side: Side, to peer: SocketAddress) {
        messages += 1
        digest.add(UInt64(now.nanoseconds))
        digest.add(bytes)
        guard let message = referee.sent(bytes, to: peer, on: side, at: now) else { return }
        guard let agent = agents[peer], agent.side == side else {
            return broken("\(message.kind) of \(message.callID) is sent to \(peer), where nobody is")
        }
        if agent.isUnreachable {
            queue.after(.zero) { [self] in
                trace?.note("the edge can't reach \(agent.name)", at: now)
                referee.transportFailed(peer, at: now)
                edge.transportFailed(side, peer, at: now)
            }
        }
        let fate = network.send(bytes, host: peer, toEdge: false) { [self] in
            if agent.isUp { trace?.arrival(message, in: agent.name, at: now) }
            agent.receive(message, from: agent.edge)
        }
        trace?.message(bytes, from: "edge", to: agent.name, fate, at: now)
    }

    private func locate(_ query: LocationQuery) {
        guard let script = names[query.host] else { return broken("the name \(query.host) is asked for") }
        trace?.note("DNS? \(query.host)", at: now)
        guard let delay = script.delay else { return }
        queue.after(delay) { [self] in
            trace?.note("DNS: \(query.host): \(script.location)", at: now)
            edge.located(query, script.location, at: now)
        }
    }

    /// A packet of audio.
    func sendMedia(_ number: Int, from agent: UserAgent, port: Int, to destination: SocketAddress) {
        guard agent.isUp else { return }
        let source = SocketAddress(agent.address.ip, UInt16(port))
        let packet = Self.packet(number, port)
        network.send(packet, host: source, toEdge: true) { [self] in
            guard let next = edge.receive(media: packet, from: source, at: destination, now: now) else { return }
            network.send(packet, host: next, toEdge: false) { [self] in
                for agent in agents.values where agent.address.ip == next.ip && agent.isUp {
                    agent.receiveMedia(on: next.port)
                }
            }
        }
    }

    /// An RTP packet of PCMU without samples to speak of.
    private static func packet(_ number: Int, _ port: Int) -> [UInt8] {
        let low = UInt8(truncatingIfNeeded: number)
        return [0x80, 0, UInt8(truncatingIfNeeded: number >> 8), low, 0, 0, low, 0]
            + [0, 0, UInt8(truncatingIfNeeded: port >> 8), UInt8(truncatingIfNeeded: port), 0xd5, 0xd5]
    }

    // MARK: Time

    /// Runs until nothing is left to happen, or until the time is up.
    func run(until end: Instant = .distantFuture) {
        while violations.count < 20 {
            let next = min(queue.next ?? .distantFuture, edge.nextDeadline ?? .distantFuture)
            guard next < .distantFuture, next <= end else { break }
            if let due = edge.nextDeadline, due <= next {
                queue.move(to: due)
                edge.handleTimeout(at: now)
            } else {
                queue.step()
            }
        }
        if end < .distantFuture { queue.move(to: end) }
    }
}

/// Who holds others that hold it.
protocol Entangled: AnyObject {
    func letGo()
}

/// What DNS says about a name: nothing at all when there is no delay.
struct NameScript {
    var location: Location
    var delay: Duration?
}
