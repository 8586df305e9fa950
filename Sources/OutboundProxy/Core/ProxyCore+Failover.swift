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
        if let best = server.best, let flow = server.branches.last?.flow {
            return forward(best, of: server, from: flow, at: now)
        }
        if server.isCancelled, server.method == .invite { return respond(server, 487, "Request Terminated", at: now) }
        switch failure {
        case .unreachable(let reason): respond(server, 503, reason, extra: Self.retryLater, at: now)
        case .transport:
            let call = server.call
            respond(server, 503, "Next Hop Unreachable", extra: Self.retryLater, at: now)
            if server.method == .bye, let call, call.state == .confirmed {
                end(call, "BYE could not be delivered", at: now)
            }
        // 408 for INVITE, silence for the rest (RFC 4320 §4.2).
        case .timeout where server.method == .invite: respond(server, 408, "Request Timeout", at: now)
        case .timeout: giveUp(server, at: now)
        }
    }

    /// A target has said nothing for too long and there is another: its branch stays for what may come late, but is not
    /// repeated any more.
    func leave(_ client: ClientTransaction, at now: Instant) {
        client.silence = nil
        guard case .branch(let server) = client.purpose, !client.isAnswered, !server.isCancelled,
            server.failover?.hasNext == true
        else { return schedule(client) }
        noteFailure(client.flow, at: now)
        client.isAbandoned = true
        client.isDone = true
        client.timerC = nil
        // From now on a provisional response is answered by CANCEL.
        _ = client.cancel(at: now)
        schedule(client)
        if !tryNext(server, at: now) { exhausted(server, .timeout, at: now) }
    }

    /// A response from a target that was given up: only a 2xx counts, and only as long as nobody else has answered.
    func passLate(
        _ response: Message, of client: ClientTransaction, _ server: ServerTransaction, from flow: Flow, at now: Instant
    ) {
        if response.status >= 200 { finish(client) }
        guard response.status >= 200, response.status < 300 else { return }
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
        guard server.offer == .inRequest, let body = server.failover?.body else { return true }
        return body.family == client.flow.peer.ip.family
    }

    // MARK: Health

    /// The target at the end of the flow has answered.
    func noteAlive(_ flow: Flow) {
        guard let listener = identities[flow.listener], listener.side == .outside || health.downs > 0 else { return }
        let target = Target(listener.transport, flow.peer)
        if health.succeeded(target) { publish(target, .up) }
    }

    /// The target at the end of the flow did not answer, or said that it can't.
    func noteFailure(_ flow: Flow, for pause: Duration? = nil, at now: Instant) {
        guard let target = target(of: flow) else { return }
        let wasDown = health.isDown(target)
        guard let until = health.failed(target, for: pause, at: now) else { return }
        if wasDown { return outputs.append(.directory(.health(target, .down(until: until)))) }
        publish(target, .down(until: until))
    }

    func publish(_ target: Target, _ state: TargetState) {
        outputs.append(.directory(.health(target, state)))
        outputs.append(.event(.target(target, state)))
    }
}
