import NetworkTypes
import SIP

// Responses: to their branch, to the best of them, upstream (RFC 3261 §16.7).

extension ProxyCore {
    /// A response belongs to a branch of ours or is dropped (RFC 6026 §7.2; security 23).
    func receiveResponse(_ response: Message, from flow: Flow, on listener: Listener, at now: Instant) {
        guard response.defect == nil, identities.isOurs(response.topVia, in: response.bytes) else {
            counters.droppedMalformed += 1
            return
        }
        guard let client = transactions.client(TransactionKey(clientOf: response)),
            client.flow.listener == flow.listener
        else {
            counters.droppedStray += 1
            return
        }
        if !client.isAnswered {
            client.isAnswered = true
            client.silence = nil
            if !health.isWell, let target = target(of: client.flow) { health.trust(target) }
        }
        if client.asksForLoad { noteLoad(response, of: client, at: now) }
        // 100 may be all that comes before a 503.
        if response.status > 100, response.status != 503 { noteAlive(client.flow, at: now) }
        let action = client.receiveResponse(status: response.status, at: now)
        defer { schedule(client) }
        switch action {
        case .ignore: break
        case .retransmitACK:
            counters.retransmissionsOut += 1
            if let ack = client.ack { send(ack, on: client.flow) }
        case .forward: pass(response, of: client, from: flow, at: now)
        case .forwardAndCANCEL:
            if case .branch(let server) = client.purpose { sendCANCEL(client, reason: server.cancelReason, at: now) }
            pass(response, of: client, from: flow, at: now)
        case .forwardAndACK:
            sendACK(client, for: response)
            pass(response, of: client, from: flow, at: now)
        }
    }

    private func pass(_ response: Message, of client: ClientTransaction, from flow: Flow, at now: Instant) {
        switch client.purpose {
        case .nobody, .qualify: break
        case .bye(let call): if response.status >= 200 { call.openBYEs -= 1 }
        case .branch(let server):
            if client.isAbandoned { return passLate(response, of: client, server, from: flow, at: now) }
            pass(response, of: client, to: server, from: flow, at: now)
        }
    }

    func pass(
        _ response: Message, of client: ClientTransaction, to server: ServerTransaction, from flow: Flow,
        at now: Instant
    ) {
        if response.status >= 200 { finish(client) }
        switch response.status {
        case ...100: break
        case ..<200:
            if client.timerC != nil { client.timerC = now + settings.timerC }
            forward(response, of: server, from: flow, at: now)
        case ..<300:
            if server.method == .invite, server.isFinal, !client.isWinner {
                // Another target was faster.
                return hangUp(late: response, of: client, server, from: flow, at: now)
            }
            client.isWinner = true
            learn(from: response, of: server, peer: client.flow.peer.ip, at: now)
            forward(response, of: server, from: flow, at: now)
        default:
            if let kept = recurse(on: response, of: server, at: now) { collect(kept, in: server) }
            remember(response, of: client, server, at: now)
            settle(server, after: response, from: flow, at: now)
        }
    }

    /// The branch has its answer: timer C stops, the octets of its request go unless an ACK may need them.
    func finish(_ client: ClientTransaction) {
        client.isDone = true
        client.timerC = nil
        client.request = []
    }

    /// What a refusal says about its target: one that can't serve is left alone for a while, and one that wants
    /// credentials gets them.
    private func remember(
        _ response: Message, of client: ClientTransaction, _ server: ServerTransaction, at now: Instant
    ) {
        guard server.failover != nil else { return }
        switch response.status {
        case 503: noteFailure(client.flow, for: response.retryAfter, at: now)
        case 401, 407:
            guard let target = target(of: client.flow) else { return }
            let callID = transactions.number(of: response.bytes[response.callID])
            challenges.note(target, callID: callID, method: server.method, at: now)
        default: break
        }
    }

    /// When no branch is open any more, the best response goes upstream; a 503 sends the request to the next target
    /// instead (RFC 3263 §4.3), and one that was redirected to several contacts goes to the next of them.
    func settle(_ server: ServerTransaction, after response: Message, from flow: Flow, at now: Instant) {
        guard server.branches.allSatisfy(\.isDone) else { return }
        if offersOtherwise(server, after: response, at: now) { return }
        let isNextWanted = response.status == 503 || server.failover?.goesOn(after: response.status) == true
        if isNextWanted, tryNext(server, at: now) { return }
        guard let best = server.best else { return exhausted(server, .timeout, at: now) }
        forward(best, of: server, from: flow, at: now)
    }

    // MARK: Upstream

    func forward(_ response: Message, of server: ServerTransaction, from flow: Flow, at now: Instant) {
        // RFC 4320 §4.2: a 408 to anything but INVITE is as good as no response.
        if response.status == 408, server.method != .invite { return giveUp(server, at: now) }
        guard server.sendResponse(status: response.status, at: now) == .send else { return }
        if server.ingress == .outside, server.egress == .inside { noteCredentials(response, of: server, at: now) }
        resumeOffer(of: server, to: flow)
        relate(response, of: server, from: flow, at: now)
        var edits = MessageEdits()
        edits.truncate(at: response.body.upperBound)
        if let listener = identities[server.flow.listener] {
            cross(response, of: server, from: flow, by: listener, at: now, &edits)
        }
        let isStream = server.flow.connection != 0
        var failure: MediaFailure?
        do {
            let body = try anchored(response, of: server, from: flow, at: now)
            BodyEdit.replace(with: body, in: response, isStream: isStream, edits: &edits)
        } catch {
            // What can't be anchored doesn't cross; the call that it answers is ended below.
            BodyEdit.replace(
                with: bodyWithoutSession(of: response), in: response, isStream: isStream, edits: &edits)
            failure = error
        }
        if server.method == .register, server.ingress == .outside, isPhones(server.trunk) {
            registerPhone(response, of: server, at: now, &edits)
        } else if server.egress == .inside, server.ingress == .outside, let listener = identities[server.flow.listener]
        {
            _ = contacts.hideContacts(
                of: response, from: flow.peer.ip, as: listener, mode: contactMode(ofTrunk: server.trunk),
                isSecure: server.request?.isSecure ?? server.senderFields?.isSecure ?? false, edits: &edits)
        }
        if server.method == .register, server.ingress == .inside {
            register(response, of: server, from: flow, at: now, &edits)
        }
        // §16.7 step 6: a 503 from downstream says nothing about us.
        if response.status == 503, case .response(_, let reason) = response.startLine {
            // Some end the line with the code, without the space that the grammar wants.
            let space = response.bytes[reason.lowerBound - 1] == 0x20 ? 1 : 0
            edits.replace((reason.lowerBound - 3 - space)..<reason.upperBound, with: "500 Server Internal Error".utf8)
        }
        if !server.challenges.isEmpty { addChallenges(of: server, to: response, &edits) }
        let bytes = edits.applied(to: response.bytes)
        deliver(bytes, status: response.status, of: server, at: now)
        if response.status >= 300 {
            failed(
                server, status: response.status, reason: reason(of: response), by: server.egress.ender, at: now)
        }
        if let failure, let call = server.call, (200..<300).contains(response.status) {
            hangUp(call, "the answer's media was refused: \(failure.reason)", at: now)
        }
    }

    private func contactMode(ofTrunk name: String) -> ContactMode {
        directory.trunks.named(name)?.contact ?? .parameter
    }

    private func reason(of response: Message) -> String {
        if case .response(_, let reason) = response.startLine { response.bytes.text(reason) } else { "" }
    }

    /// Sends a response of the transaction, keeps it for retransmissions, and lets go of what is no longer needed.
    private func deliver(_ bytes: [UInt8], status: Int, of server: ServerTransaction, at now: Instant) {
        let bytes = server.reportsLoad ? reportingLoad(in: bytes, at: now) : bytes
        send(bytes, on: server.replyFlow)
        // A 2xx to INVITE is repeated by who sent it, never by us.
        server.lastResponse = server.method == .invite && (200..<300).contains(status) ? nil : bytes
        schedule(server)
        guard status >= 200 else { return }
        endSpiral(of: server)
        // What never became a call of ours, or has its own place.
        if server.place != nil { giveBack(&server.place, isChallenged: status == 401 || status == 407, at: now) }
        server.best = nil
        server.challenges = []
        server.request = nil
        // Who accepted the INVITE repeats its 2xx (RFC 3261 §13.3.1.4).
        if server.method != .invite || status >= 300 { server.senderFields = nil }
        server.failover = nil
        server.otherOffer = nil
        transactions.weigh(server, server.lastResponse?.count ?? 0)
        if server.method == .bye, let call = server.call, call.state == .confirmed,
            status < 300 || status == 481
        {
            let verdict = server.ingress == .inside ? "hung up from inside" : "hung up from outside"
            end(call, verdict, by: server.ingress.ender, at: now)
        }
        // What came to nothing has its offer to take back first.
        if status < 300, server.method != .invite { server.call = nil }
    }

    func removeTopVia(of response: Message, _ edits: inout MessageEdits) {
        LoadReport.removeBelowTop(of: response, edits: &edits)
        guard let field = response.header(.via) else { return }
        let top = response.topVia.range
        if top == field.value {
            edits.remove(field.line)
        } else {
            // One line holds several values: ours goes with its comma.
            let rest = response.bytes[top.upperBound..<field.value.upperBound].firstIndex(of: UInt8(ascii: ","))
            edits.remove(top.lowerBound..<(rest.map { $0 + 1 } ?? top.upperBound))
        }
    }

    /// A response of our own to a request that has a transaction.
    func respond(_ server: ServerTransaction, _ status: Int, _ reason: String, extra: [UInt8] = [], at now: Instant) {
        guard let request = server.request, server.sendResponse(status: status, at: now) == .send else { return }
        let tag = status > 100 ? transactions.tag(for: request) : nil
        let bytes = LocalResponse.build(
            status, reason, to: request, from: server.flow.peer, tag: tag, callID: server.outerCallID, extra: extra)
        if status >= 300 {
            let call = server.call
            let isTold = call == nil || server.serial != call?.serial || call?.state != .early
            refused(request, on: server.flow, status, reason, trunk: server.trunk, isTold: isTold)
        }
        deliver(bytes, status: status, of: server, at: now)
        if status >= 300 { failed(server, status: status, reason: reason, by: .proxy, at: now) }
    }

    /// The request came to nothing: so did its offer, and an INVITE that began a call ends it.
    func failed(
        _ server: ServerTransaction, status: Int, reason: String, by ender: CallSummary.Ender, at now: Instant
    ) {
        guard let call = server.call else { return }
        if server.serial == call.serial, call.state == .early {
            failures.add(StatusName.text(status))
            giveBack(&call.place, isChallenged: status == 401 || status == 407, at: now)
            // Who has changed his mind was the one to end it, whatever came back.
            let ender = server.isCancelled ? server.ingress.ender : ender
            end(call, "\(status) \(reason)", by: ender, status: status, at: now)
        } else if call.state != .ended, server.offer != .none, let session = call.session {
            media.rollback(session: session, exchange: server.serial)
        }
        server.call = nil
    }
}

extension Side {
    /// The party on that side, as who ended a call.
    var ender: CallSummary.Ender { self == .inside ? .inside : .outside }
}

extension Message {
    /// The time in the Retry-After field (RFC 3261 §20.33), without comment and parameters.
    fileprivate var retryAfter: Duration? {
        guard let field = header(.retryAfter) else { return nil }
        let end = bytes[field.value].firstIndex { !(0x30...0x39).contains($0) } ?? field.value.upperBound
        return bytes.decimal(field.value.lowerBound..<end, as: UInt32.self).map { .seconds(Int64($0)) }
    }
}
