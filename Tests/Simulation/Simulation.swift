import NetworkTypes
import OutboundProxy

/// Draws a run from its number, lets it happen, and says what was wrong with it.
final class Simulation {
    /// New calls begin within this time, and faults of the network are over by its end.
    static let traffic = Duration.seconds(180)

    let world: World
    private let start: Instant
    private var random: SeededRandom
    private let pbx: UserAgent
    /// Takes the calls that the first can't.
    private let standby: UserAgent
    private let nodes: [UserAgent]

    init(seed: UInt64, isTraced: Bool = false) {
        world = World(seed: seed)
        start = world.now
        random = SeededRandom(seed: seed)
        if isTraced { world.trace = Trace() }
        pbx = UserAgent("pbx", .inside, SocketAddress("192.168.0.2:5060")!, in: world, seed: seed)
        standby = UserAgent("standby", .inside, SocketAddress("192.168.0.3:5060")!, in: world, seed: seed)
        let addresses = ["203.0.113.10:5060", random.chance(0.3) ? "[2001:db8::11]:5060" : "203.0.113.11:5060"]
        nodes = addresses.enumerated().map { [world] index, address in
            UserAgent("itsp\(index)", .outside, SocketAddress(address)!, in: world, seed: seed)
        }
        for agent in [pbx, standby] + nodes { world.agents[agent.address] = agent }
        drawHosts()
        drawNetwork()
        drawRegistrations()
        drawCalls()
        drawQuestions()
    }

    private var hosts: [UserAgent] { [pbx, standby] + nodes }

    /// Whether every call must come out as its script says.
    private var isFair: Bool { world.weather == .perfect || world.weather == .mild }
    /// Whether only links and hosts fail, if anything, and not names.
    private var hasNames: Bool { world.weather != .harsh && world.weather != .deaths }

    // MARK: Drawing

    private func drawHosts() {
        for agent in hosts {
            agent.isCompact = random.chance(0.15)
            agent.usesRport = random.chance(0.7)
        }
        for node in nodes {
            node.recordsRoute = random.chance(0.4)
            node.registrar.challenges = random.chance(0.5)
        }
        let delay = random.chance(0.8) ? random.time(0...2.3) : random.chance(0.5) ? random.time(2.3...6) : nil
        let isWeighted = random.chance(0.5)
        let targets = nodes.enumerated().map { index, node in
            LocatedTarget(Target(.udp, node.address), rank: isWeighted ? 0 : index, weight: isWeighted ? 10 : 0)
        }
        world.names["itsp.example"] = NameScript(
            location: hasNames || random.chance(0.9)
                ? .targets(targets) : random.chance(0.5) ? .unknownName : .unavailable,
            delay: world.weather == .failover
                ? .milliseconds(30) : hasNames ? min(delay ?? .zero, .milliseconds(2300)) : delay)
    }

    private func drawNetwork() {
        if world.weather == .restart {
            world.queue.after(random.time(10...150)) { [world] in world.restart() }
        }
        for agent in hosts { world.network.links[agent.address.ip] = link() }
        if world.weather == .failover { drawTurns() }
        guard world.weather == .deaths else { return }
        for agent in hosts where random.chance(0.6) { kill(agent, after: random.time(0...150)) }
    }

    private func kill(_ agent: UserAgent, after delay: Duration, for length: Duration? = nil) {
        world.kill(
            agent, after: delay, for: length ?? random.time(0.5...60), forgetting: random.chance(0.5),
            isUnreachable: random.chance(0.4))
    }

    /// The nodes, or the PBXs, die in turn: one of them is always there.
    private func drawTurns() {
        let candidates = random.chance(0.7) ? nodes : [pbx, standby]
        var time = random.chance(0.4) ? Duration.zero : random.time(0...40)
        while time < .seconds(150) {
            let length = random.time(1...60)
            kill(random.pick(candidates), after: time, for: length)
            time += length + random.time(1...60)
        }
    }

    private func link() -> LinkProfile {
        var link = LinkProfile()
        link.delay = random.real(0.0005...0.08)
        switch world.weather {
        case .perfect, .restart, .failover: link.jitter = random.real(0...0.0001)
        case .mild:
            link.loss = random.real(0...0.04)
            link.duplication = random.chance(0.5) ? random.real(0...0.3) : 0
            link.jitter = random.real(0...0.05)
            link.reordering = random.chance(0.5) ? random.real(0...0.2) : 0
            link.heldBack = 0.8
        case .harsh, .deaths:
            link.loss = random.chance(0.3) ? random.real(0...0.7) : random.real(0...0.25)
            link.duplication = random.chance(0.6) ? random.real(0...0.5) : 0
            link.jitter = random.real(0...0.5)
            link.reordering = random.chance(0.6) ? random.real(0...0.4) : 0
            link.heldBack = random.real(0.1...3)
            for _ in 0..<random.pick([0, 0, 1, 1, 2]) {
                let (from, length) = (random.time(0...150), random.time(0.5...50))
                link.partitions.append(
                    .init(
                        from: start + from, until: start + from + length,
                        direction: random.pick([.both, .both, .toEdge, .toHost])))
            }
        }
        return link
    }

    private func drawRegistrations() {
        let (pbx, world) = (pbx, world)
        for user in ["1000", "1001"].prefix(random.pick([0, 1, 1, 2])) {
            let domain = random.chance(0.5) ? "itsp.example" : random.pick(nodes).host
            let registration = Registration(
                pbx, user: user, domain: domain, expires: random.pick([60, 90, 180, 300]),
                end: start + Self.traffic, removes: random.chance(0.4))
            world.queue.after(random.time(0...20)) { registration.start() }
        }
    }

    private func drawCalls() {
        for number in 0..<random.number(1...6) {
            var script = CallScript(number: number, nodes: nodes.count, &random)
            if world.weather == .failover { script.goByName() }
            let record = CallRecord(script)
            world.records[script.callID] = record
            world.queue.after(script.start) { [self] in begin(record) }
        }
    }

    private func begin(_ record: CallRecord) {
        let script = record.script
        let agent = script.isFromInside ? pbx : nodes[script.node]
        guard agent.isUp else { return }
        CallerLeg(agent, record, uri: uri(of: script)).start()
    }

    private func uri(of script: CallScript) -> String {
        if script.isFromInside {
            return script.target == .name ? "sip:5551000@itsp.example" : "sip:5551000@\(nodes[script.node].host)"
        }
        let aor = "sip:1000@\(script.number % 2 == 0 ? "itsp.example" : nodes[script.node].host)"
        if script.target == .binding, let contact = world.database.contact(of: aor, at: world.now) {
            return contact
        }
        // Nobody has registered for a number without user 1000.
        return "sip:\(world.weather == .failover ? "8005551212" : "1000")@\(nodes[script.node].edge)"
    }

    /// OPTIONS and MESSAGE outside any dialog, both ways; some get no answer.
    private func drawQuestions() {
        let world = world
        for number in 0..<random.number(0...4) {
            let node = random.pick(nodes)
            let (agent, uri) =
                random.chance(0.6)
                ? (pbx, "sip:ping@\(node.host)") : (node, "sip:asterisk@\(node.edge)")
            let (method, silence) = random.pick([
                ("OPTIONS", ""), ("MESSAGE", ""), ("MESSAGE", "1"), ("MESSAGE", "408"),
            ])
            let isSilent = !silence.isEmpty
            var fields: [(name: String, value: String)] = agent === pbx ? [("Route", "<sip:192.168.0.1;lr>")] : []
            fields += [
                ("From", "<sip:q@example.com>;tag=q\(number)"), ("To", "<\(uri)>"), ("Call-ID", "question\(number)"),
                ("CSeq", "1 \(method)"), ("Max-Forwards", "70"),
            ]
            if isSilent { fields.append(("X-Silent", silence)) }
            let isPerfect = world.weather == .perfect
            world.queue.after(random.time(0...120)) {
                guard agent.isUp else { return }
                let via = (name: "Via", value: agent.via(agent.newBranch()))
                let message = Outgoing(start: "\(method) \(uri) SIP/2.0", fields: [via] + fields)
                agent.exchange(message, to: agent.edge) { response in
                    guard isPerfect, response.map({ $0.status >= 200 }) ?? true else { return }
                    if (response == nil) != isSilent || response.map({ $0.status != 200 }) ?? false {
                        world.broken("question \(number) gets \(response?.status ?? 0)")
                    }
                }
            }
        }
    }

    // MARK: Running

    /// Lets everything happen; what was wrong, and nothing if all is well.
    func run() -> [String] {
        defer { world.letGo() }
        world.run(until: start + Self.traffic + .seconds(40))
        checkBindings()
        world.run(until: start + .seconds(7200))
        if let next = world.edge.nextDeadline { world.broken("the edge does not come to rest: \(next.text)") }
        world.referee.finish(at: world.now)
        for fault in world.edge.leftovers { world.broken("left over: \(fault)") }
        checkCalls()
        return world.violations
    }

    /// The bindings are what the last REGISTER that succeeded has said.
    private func checkBindings() {
        var expected: [String: String] = [:]
        for (user, binding) in world.referee.registrations where binding.expires > world.now {
            expected[user] = "\(binding.contact) until \(binding.expires.text)"
        }
        var known: [String: String] = [:]
        for binding in world.edge.core.bindings where binding.expires > world.now {
            known["sip:\(binding.user)@\(binding.domain)"] =
                "\(String(decoding: binding.contact, as: UTF8.self)) until \(binding.expires.text)"
        }
        if expected != known { world.broken("bindings are \(known), not \(expected)") }
    }

    private func checkCalls() {
        for agent in hosts where world.weather == .perfect {
            for dialog in agent.openDialogs where dialog.isConfirmed {
                world.broken("\(agent.name) is still in \(dialog.callID)")
            }
        }
        if let restarted = world.restarted {
            for (callID, record) in world.records.sorted(by: { $0.key < $1.key }) {
                for fault in record.faultsAfterRestart(at: restarted) { world.broken("\(callID): \(fault)") }
            }
        }
        if world.weather == .failover {
            for (callID, record) in world.records.sorted(by: { $0.key < $1.key }) {
                for fault in record.faultsOfFailover(hasDeath: world.hasDeath) { world.broken("\(callID): \(fault)") }
            }
        }
        guard isFair else { return }
        for (callID, record) in world.records.sorted(by: { $0.key < $1.key }) {
            for fault in record.faults(isPerfect: world.weather == .perfect) { world.broken("\(callID): \(fault)") }
        }
    }
}
