import NetworkTypes
import SIP

// When a target fails: the next one, and what still comes from the one before (RFC 3263 §4.3, RFC 3261 §16.7–§16.9).

/// Why a request could not be sent, or got no answer.
enum Failure {
    /// It was not sent, for that reason.
    case unreachable(String)
    case transport
    case timeout
}

extension ProxyCore {
    /// No target is left: the best response goes up, else one of ours (design §5).
    func exhausted(_ server: ServerTransaction, _ failure: Failure, at now: Instant) {
        guard !server.isFinal else { return }
        if let best = server.best, let flow = server.branches.last?.flow, !isOutdone(best, by: failure, server) {
            return forward(best, of: server, from: flow, at: now)
        }
        if server.isCancelled, server.method == .invite { return respond(server, 487, "Request Terminated", at: now) }
        switch failure {
        case .unreachable(let reason): respond(server, 503, reason, extra: Self.retryLater, at: now)
        case .transport:
            let call = server.call
            if server.egress == .outside, isPhones(server.trunk) {
                respond(server, 430, "Flow Failed", at: now)
            } else {
                respond(server, 503, "Next Hop Unreachable", extra: Self.retryLater, at: now)
            }
            if server.method == .bye, let call, call.state == .confirmed {
                end(call, "BYE could not be delivered", by: server.ingress.ender, at: now)
            }
        // 408 for INVITE, silence for the rest (RFC 4320 §4.2).
        case .timeout where server.method == .invite: respond(server, 408, "Request Timeout", at: now)
        case .timeout: giveUp(server, at: now)
        }
    }

    /// An INVITE that timed out counts as answered by 408, which is of a better class than a 5xx (RFC 3261 §16.7 step 6,
    /// §16.8).
    private func isOutdone(_ best: Message, by failure: Failure, _ server: ServerTransaction) -> Bool {
        guard case .timeout = failure else { return false }
        return server.method == .invite && !server.isCancelled && (500..<600).contains(best.status)
    }

    /// A target has said nothing so far and there is another: new requests go there first, and in the end this one, too.
    func handleSilence(of client: ClientTransaction, at now: Instant) {
        let end = client.sentAt + Failover.patience
        let isDown = target(of: client.flow).map(health.isDown) ?? false
        guard now < end, !isDown else { return leave(client, at: now) }
        if let target = target(of: client.flow) { health.doubt(target, until: end) }
        client.silence = end
        keepSweeping(from: now)
        handleTimeout(of: client, at: now)
    }

    /// A target has said nothing for too long and there is another: its branch stays for what may come late, but is not
    /// repeated any more.
    func leave(_ client: ClientTransaction, at now: Instant) {
        client.silence = nil
        guard case .branch(let server) = client.purpose, !client.isAnswered, !server.isCancelled,
            server.failover?.hasNext == true, breadth(of: server) > 0
        else { return schedule(client) }
        if noteFailure(client.flow, since: client.sentAt, at: now) { hasten(client.flow, at: now) }
        client.isAbandoned = true
        client.isDone = true
        client.timerC = nil
        // From now on a provisional response is answered by CANCEL.
        _ = client.cancel(at: now)
        schedule(client)
        if !tryNext(server, at: now) { exhausted(server, .timeout, at: now) }
    }

    /// The target at the end of the flow is down: who waits for it with another one to try does not wait much longer.
    private func hasten(_ flow: Flow, at now: Instant) {
        for client in transactions.clients(on: flow) {
            guard let silence = client.silence else { continue }
            client.silence = min(silence, max(now, client.sentAt + Failover.leastPatience))
            schedule(client)
        }
    }

    /// A response from a target that was given up: a 2xx counts as long as nobody else has answered, a refusal is one of
    /// those that the best is chosen from, and a 6xx ends the search (RFC 3261 §16.7 step 5).
    func passLate(
        _ response: Message, of client: ClientTransaction, _ server: ServerTransaction, from flow: Flow, at now: Instant
    ) {
        if response.status >= 200 { finish(client) }
        if response.status >= 300 { return collect(late: response, in: server, from: flow, at: now) }
        guard response.status >= 200 else { return }
        guard !server.isFinal, isAnchored(client, server) else {
            if server.method == .invite { hangUp(late: response, of: client, server, from: flow, at: now) }
            return
        }
        client.isAbandoned = false
        server.failover?.targets = []
        server.failover?.alternatives = []
        pass(response, of: client, to: server, from: flow, at: now)
        cancelBranches(of: server, at: now)
    }

    /// Whether the offer that the target got is still the one that is anchored.
    private func isAnchored(_ client: ClientTransaction, _ server: ServerTransaction) -> Bool {
        guard client.offerChanges == server.offerChanges else { return false }
        guard server.offer == .inRequest, let bodies = server.failover?.bodies, !bodies.isEmpty else { return true }
        return bodies.contains { $0.leg == mediaLeg(to: client.flow) }
    }

    /// The response is about the offer that its sender got.
    func resumeOffer(of server: ServerTransaction, to flow: Flow) {
        guard let bodies = server.failover?.bodies, bodies.count > 1 else { return }
        let body = bodies.first { $0.leg == mediaLeg(to: flow) }
        if let session = body?.session { server.call?.resume(session) }
    }

    // MARK: Health

    /// The target at the end of the flow has answered.
    func noteAlive(_ flow: Flow, at now: Instant) {
        guard let listener = identities[flow.listener] else { return }
        let target = Target(listener.transport, flow.peer)
        if health.succeeded(target, on: listener.side, at: now) { publish(target, .up) }
    }

    /// The target at the end of the flow did not answer what was sent at `start`, or said that it can't: whether that is
    /// news.
    @discardableResult
    func noteFailure(
        _ flow: Flow, for pause: Duration? = nil, since start: Instant? = nil, at now: Instant
    ) -> Bool {
        // A phone that is switched off is no news, and nothing else goes where it was.
        guard !isPhone(flow), let target = target(of: flow) else { return false }
        let wasDown = health.isDown(target)
        guard let until = health.failed(target, for: pause, since: start, at: now) else { return false }
        if wasDown {
            outputs.append(.directory(.health(target, .down(until: until))))
            return false
        }
        publish(target, .down(until: until))
        return true
    }

    func publish(_ target: Target, _ state: TargetState) {
        outputs.append(.directory(.health(target, state)))
        outputs.append(.event(.target(target, state)))
    }
}
