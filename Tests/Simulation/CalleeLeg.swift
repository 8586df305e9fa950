import NetworkTypes

/// The called end of a call until it is answered: what its script says, for each of its forks (RFC 3261 §13.3, §16.7).
final class CalleeLeg: Entangled {
    private unowned let agent: UserAgent
    private let server: ServerExchange
    private let script: CallScript
    private let record: CallRecord
    private var forks: [Dialog] = []

    init(_ agent: UserAgent, _ server: ServerExchange, _ record: CallRecord) {
        self.agent = agent
        self.server = server
        self.record = record
        script = record.script
        agent.world.enlist(self)
    }

    func letGo() { forks = [] }

    func start() {
        let invite = server.request
        guard script.final != .silent else { return }
        record.takenBy.append(agent.name)
        if script.isFirstFull, record.takenBy.allSatisfy({ $0 == agent.name }) {
            server.respond(503, tag: agent.newTag(), extra: [("Retry-After", "5")])
            return
        }
        if script.isChallenged, !Registrar.accepts(invite["proxy-authorization"], of: agent) {
            server.respond(407, tag: agent.newTag(), extra: [("Proxy-Authenticate", Registrar.challenge(of: agent))])
            return
        }
        record.arrived = record.arrived ?? agent.now
        if script.sendsTrying || script.final == .trying { server.respond(100, tag: nil) }
        guard script.final != .trying else { return }
        let user = script.isFromInside ? "5551000" : "asterisk"
        for _ in 0..<script.forks {
            let tag = agent.newTag("t")
            let dialog = Dialog(
                agent, record, answering: invite, tag: tag, contact: agent.world.contact(of: agent, user: user),
                port: agent.newPort())
            agent.add(dialog)
            forks.append(dialog)
        }
        for ring in script.rings {
            for (index, fork) in forks.enumerated() {
                agent.after(ring.after + .milliseconds(17 * index)) { [self] in self.ring(ring, fork) }
            }
        }
        plan()
    }

    private func plan() {
        switch script.final {
        case .answer:
            agent.after(script.finalAfter) { [self] in answer(forks.count - 1) }
            if let second = script.secondAnswer {
                agent.after(script.finalAfter + second) { [self] in
                    if server.final == 200 { answer(0) }
                }
            }
        case .refuse(let status):
            agent.after(script.finalAfter) { [self] in refuse(status) }
        case .never, .trying, .silent: break
        }
    }

    /// The Record-Route of a proxy that stands before this end.
    private var recordRoute: String? { agent.recordsRoute ? "<sip:\(agent.host);lr>" : nil }

    private func ring(_ ring: CallScript.Ring, _ fork: Dialog) {
        fork.ring(server, ring.status, hasBody: ring.hasBody, recordRoute: recordRoute)
    }

    private func answer(_ index: Int) {
        forks[index].whenAcknowledged { [self] in answerNow(index) }
    }

    private func answerNow(_ index: Int) {
        let fork = forks[index]
        guard server.isOpen || server.final == 200, !fork.isOver else { return }
        fork.accept(server, recordRoute: recordRoute)
        fork.confirm()
        record.calleeConfirmed = true
        for (index, other) in forks.enumerated() where !other.isConfirmed {
            if index > 0 || script.secondAnswer == nil { other.end("another fork answered") }
        }
        for planned in script.actions where !planned.isCallers {
            agent.after(planned.after) { fork.act(planned.action) }
        }
        if script.ending == .callee || script.ending == .both {
            agent.after(script.duration) { fork.hangUp() }
        }
    }

    private func refuse(_ status: Int) {
        guard server.isOpen else { return }
        let extra = status == 302 ? [("Contact", "<sip:elsewhere@198.51.100.77>")] : []
        server.respond(status, tag: forks.first?.localTag, extra: extra)
        for fork in forks { fork.end("\(status)") }
    }

    func cancelled() {
        guard script.obeysCANCEL || script.final == .silent || script.final == .trying || script.final == .never else {
            return
        }
        guard server.isOpen else { return }
        server.respond(487, tag: forks.first?.localTag ?? agent.newTag("t"))
        for fork in forks { fork.end("cancelled") }
    }
}
