public import NetworkTypes
import SIP

// OPTIONS of our own to the targets of trunks that are to be watched (design §10: `qualify`).

extension ProxyCore {
    /// Watches the targets of the trunks that want it: the task of one shard, which tells the others.
    public func startQualifying(at now: Instant) {
        let trunks = settings.trunks.compactMap { trunk in trunk.qualify.map { Qualification(trunk, every: $0) } }
        for (index, qualification) in trunks.enumerated() {
            schedule(qualification, at: now + qualification.interval * index / trunks.count)
        }
    }

    /// A round: where the trunk's domain leads now, and then a question to each target.
    func qualify(_ qualification: Qualification, at now: Instant) {
        schedule(qualification, at: now + qualification.interval)
        let trunk = qualification.trunk
        if let address = IPAddress(trunk.domain) {
            let transport = trunk.transport ?? .udp
            return probe(
                [Target(transport, SocketAddress(address, transport.defaultPort))], for: qualification, at: now)
        }
        let reach = identities.reach(.outside, trunk.transport)
        let query = LocationQuery(
            host: trunk.domain, transport: trunk.transport, transports: reach.transports, families: reach.families)
        switch locations.look(up: query, for: .qualification(qualification), at: now) {
        case .targets(let targets): located(qualification, .targets(targets), at: now)
        case .ask(let location): ask(location, at: now)
        case .wait, nil: break
        }
    }

    func located(_ qualification: Qualification, _ location: Location, at now: Instant) {
        guard case .targets(let located) = location else { return }
        let targets = located.map(\.target).filter { isAllowed($0.address, on: .outside) }
        probe(targets, for: qualification, at: now)
    }

    /// Spreads the questions over the interval.
    private func probe(_ targets: [Target], for qualification: Qualification, at now: Instant) {
        for (index, target) in targets.enumerated() {
            schedule(
                Qualification.Probe(qualification, target),
                at: now + qualification.interval * index / targets.count)
        }
    }

    func send(_ probe: Qualification.Probe, at now: Instant) {
        let trunk = probe.qualification.trunk
        let name = probe.target.transport == .tls ? peerName([trunk.domain], of: trunk) : PeerNameID.none
        guard let name, let flow = flow(to: probe.target, on: .outside, ofTrunk: trunk.name, name: name),
            let listener = identities[flow.listener], listener.isAnnounced
        else { return }
        let branch = transactions.newBranch(loop: 0)
        let bytes = options(to: trunk, listener, branch: branch)
        let client = ClientTransaction(
            key: TransactionKey(branch: branch[...], method: .options), flow: flow, method: .options,
            purpose: .qualify(probe.qualification), request: bytes, isReliable: listener.transport.isReliable,
            timers: settings.timers, now: now, end: now + probe.qualification.patience)
        transactions.add(client)
        schedule(client)
        send(bytes, on: flow)
    }

    private func options(to trunk: TrunkSettings, _ listener: Listener, branch: [UInt8]) -> [UInt8] {
        let host = IPAddress(trunk.domain)?.family == .v6 ? "[\(trunk.domain)]" : trunk.domain
        let transport = listener.transport == .udp ? "" : ";transport=\(listener.transport)"
        var out = Array("OPTIONS sip:\(host)\(transport) SIP/2.0\r\nVia: SIP/2.0/\(listener.transport.viaName) ".utf8)
        out.append(contentsOf: listener.hostPort)
        out.append(contentsOf: ";rport;branch=".utf8)
        out.append(contentsOf: branch)
        out.append(contentsOf: "\r\nMax-Forwards: 70\r\nFrom: <sip:".utf8)
        out.append(contentsOf: listener.hostPort)
        out.append(contentsOf: ">;tag=".utf8)
        out.append(contentsOf: transactions.newToken())
        out.append(contentsOf: "\r\nTo: <sip:\(host)>\r\nCall-ID: ".utf8)
        out.append(contentsOf: ownCallID())
        out.append(contentsOf: "\r\nCSeq: 1 OPTIONS\r\nAccept: application/sdp\r\nContent-Length: 0\r\n\r\n".utf8)
        return out
    }

    /// A Call-ID whose messages come to this shard.
    private func ownCallID() -> [UInt8] {
        var callID = transactions.newToken()
        // Each has its chance of one in as many as there are shards.
        for _ in 0..<4096 where !settings.ownsCallID(callID) { callID = transactions.newToken() }
        return callID
    }

    // MARK: No answer

    func failed(_ qualification: Qualification, _ client: ClientTransaction, at now: Instant) {
        guard !client.isAnswered, let target = target(of: client.flow) else { return }
        let wasDown = health.isDown(target)
        let until = now + qualification.pause
        guard health.set(target, until) else { return }
        outputs.append(.directory(.health(target, .down(until: until))))
        if !wasDown { outputs.append(.event(.target(target, .down(until: until)))) }
    }
}
