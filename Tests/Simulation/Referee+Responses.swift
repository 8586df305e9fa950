import NetworkTypes

// Responses: those that come in belong to branches, those that leave to server transactions.

extension Referee {
    func receivedResponse(_ message: SIPText, at now: Instant) {
        guard let client = clients[message.branch + message.cSeqMethod] else { return }
        let isInTime =
            client.request.method == "INVITE" && client.provisional != nil
            ? client.cancel.map { now < $0 + Self.timeout } ?? true : now < deadline(of: client)
        guard !client.hasFailed else { return }
        let server = client.server
        if message.status == 503 { suspects.insert(client.peer) }
        // Timer M: a 2xx may be repeated for as long (RFC 6026 §8.4).
        let isExpected = client.final.map { $0.status < 300 && now < $0.time + Self.timeout } ?? isInTime
        let isKnown = isExpected || (client.final.map { now < $0.time + Self.timeout } ?? false)
        if message.status > 100, message.status != 503, isKnown {
            noteTimeouts(at: now)
            down[client.peer] = nil
            suspects.remove(client.peer)
            answered[client.peer] = now
        }
        if message.cSeqMethod == "INVITE", (200..<300).contains(message.status), isExpected, let server,
            server.final != nil, client !== server.winner, !client.hasFailed
        {
            client.lateSuccess = message
        }
        guard client.final == nil, isInTime else { return }
        if message.status < 200 {
            client.provisional = client.provisional ?? now
            if message.status > 100 { client.ringing = now }
            if message.cSeqMethod == "INVITE" { client.stop(at: now, broken) }
        } else {
            client.final = (message.status, now)
            client.stop(at: now, broken)
        }
    }

    /// A final response that came in time is passed on at once (§16.7).
    func checkPassed(_ client: ClientRecord, _ response: SIPText, at now: Instant) {
        // §17.1.1.2: for timer D's time each copy gets an ACK.
        if response.cSeqMethod == "INVITE", response.status >= 300, let final = client.final, final.status >= 300,
            now < final.time + Self.timeout, client.lastACK != now, !client.hasFailed
        {
            broken("a final response gets no ACK", response)
        }
        if client.lateSuccess === response, !client.acknowledged { broken("a late 2xx is not acknowledged", response) }
        guard let server = client.server, response.status >= 200, client.final?.time == now else { return }
        // What the next target says counts.
        if response.status == 503, server.branches.last !== client { return }
        if client.abandoned != nil, response.status >= 300 { return }
        // Nobody waits for an answer any longer.
        if !server.isINVITE, now >= server.start + Self.timeout { return }
        if response.status == 408, response.cSeqMethod != "INVITE" { return }
        if server.final == nil { broken("a final response is not passed on", response) }
    }

    func sentResponse(_ message: SIPText, to peer: SocketAddress, at now: Instant) {
        if message.cSeqMethod == "ACK" { return broken("a response to an ACK", message) }
        guard let server = servers[message.branch + message.cSeqMethod] else {
            return broken("a response to nothing", message)
        }
        if peer != server.source { broken("a response goes to \(peer), not \(server.source)", message) }
        checkFields(message, server)
        if message.status < 200 {
            sentProvisional(message, server, at: now)
        } else if server.isINVITE, message.status < 300 {
            sentSuccess(message, server, at: now)
        } else if let final = server.final {
            sentAgain(message, server, final, at: now)
        } else {
            sentFinal(message, server, at: now)
        }
    }

    private func checkFields(_ message: SIPText, _ server: ServerRecord) {
        for name in ["from", "call-id", "cseq"] where message[name] != server.request[name] {
            broken("\(name) of a response is changed", message)
        }
        let to = server.request["to"] ?? ""
        if let now = message["to"], now != to, !(server.request.toTag == nil && now.hasPrefix(to)) {
            broken("To of a response is changed", message)
        }
        let (vias, own) = (message.vias, server.request.vias)
        if vias.count != own.count { return broken("Via stack of a response", message) }
        for (via, other) in zip(vias, own)
        where SIPText.parameter("branch", of: via) != SIPText.parameter("branch", of: other) {
            broken("Via stack of a response", message)
        }
        if message.status > 100, message.toTag == nil { broken("no To tag", message) }
    }

    private func sentProvisional(_ message: SIPText, _ server: ServerRecord, at now: Instant) {
        if server.final != nil { broken("a provisional response after the final one", message) }
        defer { server.provisional = server.provisional ?? now }
        if server.isINVITE {
            let isRepeated = server.lastReceived == now && server.provisional != nil
            guard message.status == 100 else { return }
            if !isRepeated, server.provisional != nil || now != server.start + .milliseconds(200) {
                broken("100 Trying out of time", message)
            }
        } else {
            // RFC 4320 §4.1: only 100, and not before the client's timer E is at T2.
            if message.status != 100 { broken("a provisional response to \(message.cSeqMethod)", message) }
            if now < server.start + .milliseconds(3500) { broken("an early 100", message) }
        }
    }

    private func sentSuccess(_ message: SIPText, _ server: ServerRecord, at now: Instant) {
        guard let cause, !cause.isRequest, cause.status == message.status, cause.cSeqMethod == "INVITE" else {
            return broken("a 2xx of our own", message)
        }
        if let final = server.final, final.status >= 300 { return broken("a 2xx after \(final.status)", message) }
        let winner = server.branches.first { $0.request.branch == cause.branch }
        if let known = server.winner, known !== winner { broken("a 2xx of another target", message) }
        server.winner = winner
        guard server.final == nil else { return }
        server.final = (message.status, message.bytes, now)
        count(message)
    }

    private func sentFinal(_ message: SIPText, _ server: ServerRecord, at now: Instant) {
        server.final = (message.status, message.bytes, now)
        count(message)
        if !server.isINVITE, message.status == 408 { broken("408 to \(message.cSeqMethod)", message) }
        if message.status == 503, server.branches.last?.final?.status == 503 {
            broken("503 of a next hop is passed on", message)
        }
        server.hasStateless = server.branches.isEmpty && server.start == now
        if server.isINVITE { server.g = (now + Self.t1, Self.t1) }
        if message.cSeqMethod == "REGISTER" { noteRegistration(message, server, at: now) }
    }

    private func count(_ message: SIPText) { finals[message.status, default: 0] += 1 }

    /// Retransmissions: by timer G, or for a request that has come again.
    private func sentAgain(
        _ message: SIPText, _ server: ServerRecord, _ final: (status: Int, bytes: [UInt8], time: Instant),
        at now: Instant
    ) {
        if message.bytes != final.bytes {
            return broken("a second final response after \(final.status)", message)
        }
        if let g = server.g, g.next == now, server.acknowledged == nil, now < final.time + Self.timeout {
            let interval = min(g.interval * 2, Self.t2)
            server.g = (now + interval, interval)
            server.hasStateless = false
            return
        }
        guard server.lastReceived == now else { return broken("a final response off schedule", message) }
        if server.acknowledged != nil, !server.hasStateless { broken("a final response after its ACK", message) }
    }

    private func noteRegistration(_ message: SIPText, _ server: ServerRecord, at now: Instant) {
        guard message.status == 200, let user = server.request["to"].map(SIPText.uri) else { return }
        let asked = server.request.values("contact").map(SIPText.uri)
        for contact in message.values("contact") where asked.contains(SIPText.uri(of: contact)) {
            let seconds = SIPText.parameter("expires", of: contact).flatMap { Int64($0) } ?? 0
            registrations[user] = (SIPText.uri(of: contact), now + .seconds(seconds))
        }
        if message.values("contact").isEmpty { registrations[user] = nil }
    }
}

extension ServerRecord {
    /// Whether timer G has been kept up to now.
    func checkG(at now: Instant, _ report: ClientRecord.Report) {
        guard let g, let final, !hasStateless else { return }
        if g.next < min(now, final.time + Referee.timeout) { report("timer G was not kept", request) }
    }

    func checkEnd(at now: Instant, _ report: ClientRecord.Report) {
        if acknowledged == nil { checkG(at: now, report) }
        if isINVITE {
            checkLosers(report)
            checkINVITE(at: now, report)
        } else if final == nil {
            // Silence is right where nobody answered (RFC 4320 §4.2).
            if mustBeAnswered { report("a CANCEL gets no response", request) }
        }
    }

    /// Whoever still worked on a call that another has answered is told.
    private func checkLosers(_ report: ClientRecord.Report) {
        guard let winner, let final else { return }
        for branch in branches where branch !== winner && branch.final == nil && !branch.hasFailed {
            guard let provisional = branch.provisional, branch.cancel == nil, provisional < final.time + .seconds(20),
                provisional < branch.start + Referee.timeout
            else { continue }
            report("a target that lost gets no CANCEL", branch.request)
        }
    }

    private func checkINVITE(at now: Instant, _ report: ClientRecord.Report) {
        if provisional ?? final?.time ?? .distantFuture > start + .milliseconds(200) {
            report("an INVITE has no response within 200 ms", request)
        }
        guard let final else { return report("an INVITE gets no final response", request) }
        var limit = start + Referee.patience
        for branch in branches where branch.abandoned == nil {
            var end = branch.start + Referee.timeout
            if branch.provisional != nil {
                end = (branch.ringing ?? branch.start) + Referee.timerC + Referee.timeout
                if let cancel = branch.cancel { end = cancel + Referee.timeout }
            }
            limit = max(limit, end)
        }
        if final.time > limit { report("the final response came at \(final.time.text), not by \(limit.text)", request) }
    }
}
