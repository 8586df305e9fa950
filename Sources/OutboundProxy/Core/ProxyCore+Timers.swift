import NetworkTypes
import SIP

// What timers and transport errors do to transactions (RFC 3261 §16.8, §16.9).

extension ProxyCore {
    func handleTimeout(of server: ServerTransaction, at now: Instant) {
        server.scheduled = .distantFuture
        switch server.handleTimeout(at: now) {
        case .none: break
        case .sendTrying:
            if let request = server.request {
                let trying = LocalResponse.build(
                    100, "Trying", to: request, from: server.flow.peer, tag: nil, callID: server.outerCallID,
                    delay: now - server.receivedAt)
                let bytes = server.reportsLoad ? reportingLoad(in: trying, at: now) : trying
                server.lastResponse = bytes
                send(bytes, on: server.replyFlow)
            }
        case .retransmitResponse: resend(server)
        case .timedOut, .terminated:
            transactions.remove(server)
            endSpiral(of: server)
            server.branches = []
            server.failover = nil
            server.otherOffer = nil
            server.lastResponse = nil
            server.call = nil
            giveBack(&server.place, at: now)
            return
        }
        schedule(server)
    }

    func handleTimeout(of client: ClientTransaction, at now: Instant) {
        client.scheduled = .distantFuture
        if let silence = client.silence, silence <= now { return handleSilence(of: client, at: now) }
        if let timerC = client.timerC, timerC <= now { return timerCFired(client, at: now) }
        switch client.handleTimeout(at: now) {
        case .none: break
        case .retransmitRequest where client.isAbandoned: break
        case .retransmitRequest:
            counters.retransmissionsOut += 1
            send(client.request, on: client.flow)
        case .timedOut:
            transactions.remove(client)
            return timedOut(client, at: now)
        case .terminated:
            transactions.remove(client)
            return
        }
        schedule(client)
    }

    /// §16.8: a branch that rings for too long is cancelled; one that never answered counts as 408.
    private func timerCFired(_ client: ClientTransaction, at now: Instant) {
        client.timerC = nil
        if case .branch(let server) = client.purpose, client.cancel(at: now) {
            sendCANCEL(client, reason: server.cancelReason, at: now)
        }
        schedule(client)
    }

    /// No final response came: the next target has it, or nobody.
    private func timedOut(_ client: ClientTransaction, at now: Instant) {
        counters.timeouts += 1
        client.isDone = true
        switch client.purpose {
        case .nobody: break
        case .bye(let call): call.openBYEs -= 1
        case .qualify(let qualification): failed(qualification, client, at: now)
        case .branch(let server):
            if client.isAbandoned { return }
            if !client.isAnswered { noteFailure(client.flow, since: client.sentAt, at: now) }
            guard server.branches.allSatisfy(\.isDone) else { return }
            if !client.isAnswered, tryNext(server, at: now) { return }
            exhausted(server, .timeout, at: now)
        }
    }

    /// A request other than INVITE that nobody answers gets no answer from us either (RFC 4320 §4.2).
    func giveUp(_ server: ServerTransaction, at now: Instant) {
        guard !server.isFinal else { return }
        let call = server.call
        server.giveUp(at: now)
        failed(server, status: 408, reason: "Request Timeout", by: .proxy, at: now)
        server.best = nil
        server.request = nil
        server.otherOffer = nil
        schedule(server)
        // Whoever sent the BYE is gone for good, and so is the call (RFC 3261 §15.1.1).
        guard server.method == .bye, let call, call.state == .confirmed else { return }
        end(call, "BYE was not answered", by: server.ingress.ender, at: now)
    }

    /// The transport can't reach the next hop: 503 (§16.9).
    func failTransport(of client: ClientTransaction, at now: Instant) {
        switch client.transportError() {
        case .none: schedule(client)
        case .terminated: transactions.remove(client)
        case .failed:
            transactions.remove(client)
            client.isDone = true
            switch client.purpose {
            case .nobody: break
            case .bye(let call): call.openBYEs -= 1
            case .qualify(let qualification): failed(qualification, client, at: now)
            case .branch(let server):
                guard !client.isAbandoned, server.branches.allSatisfy(\.isDone) else { return }
                if !tryNext(server, at: now) { exhausted(server, .transport, at: now) }
            }
        }
    }
}
