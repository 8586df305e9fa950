import NetworkTypes

// Requests: those that come in open server transactions, those that leave are branches of them or ours.

/// One request that the edge has received: its server transaction.
final class ServerRecord {
    let request: SIPText
    let source: SocketAddress
    let side: Side
    let start: Instant
    var lastReceived: Instant
    var acknowledged: Instant?
    var cancelled: Instant?
    var provisional: Instant?
    /// The first final response, and when it was sent.
    var final: (status: Int, bytes: [UInt8], time: Instant)?
    /// The branch whose 2xx was passed on.
    var winner: ClientRecord?
    var branches: [ClientRecord] = []
    /// Timer G: when the final response is due again.
    var g: (next: Instant, interval: Duration)?
    /// Answered without a transaction: there is no timer G.
    var hasStateless = false
    /// A CANCEL of a request that was still open.
    var mustBeAnswered = false

    init(_ request: SIPText, from source: SocketAddress, on side: Side, at now: Instant) {
        self.request = request
        self.source = source
        self.side = side
        start = now
        lastReceived = now
    }

    var isINVITE: Bool { request.method == "INVITE" }

    /// Whether timers H, I, J and L have run out, so that what comes now is a request like any other.
    func isOver(at now: Instant) -> Bool {
        guard let final else {
            // One that may have no response any more (RFC 4320 §4.2) is kept for timer J's time, as one that had it: from
            // the 408 of its last branch, or from when that ran out of time.
            return !isINVITE && !branches.isEmpty
                && branches.allSatisfy { now >= ($0.final?.time ?? $0.start + Referee.timeout) + Referee.timeout }
        }
        if hasStateless { return true }
        if isINVITE, let acknowledged, final.status >= 300 { return now >= acknowledged + .seconds(5) }
        return now >= final.time + Referee.timeout
    }
}

/// One request that the edge has sent: its client transaction.
final class ClientRecord {
    let request: SIPText
    let peer: SocketAddress
    let side: Side
    let start: Instant
    private(set) var server: ServerRecord?
    var provisional: Instant?
    /// The last response that restarts timer C.
    var ringing: Instant?
    var final: (status: Int, time: Instant)?
    var cancel: Instant?
    var acknowledged = false
    var lastACK: Instant?
    /// Another target was tried instead.
    var abandoned: Instant?
    /// A 2xx that came when another target had answered.
    var lateSuccess: SIPText?
    var stopped: Instant?
    /// The transport could not send it: the transaction is over.
    var hasFailed = false
    /// Timers A and E: when the request is due again.
    var retransmission: (next: Instant, interval: Duration)?

    init(_ request: SIPText, to peer: SocketAddress, on side: Side, of server: ServerRecord?, at now: Instant) {
        self.request = request
        self.peer = peer
        self.side = side
        self.server = server
        start = now
        if request.method != "ACK" { retransmission = (now + Referee.t1, Referee.t1) }
    }

    func letGo() { server = nil }

    /// Whether a failure of the transport is one of this transaction's: an INVITE sends nothing between its first
    /// provisional and its final response (RFC 3261 §17.1.1.2, figure 5), nor after a 2xx (RFC 6026 §8.4).
    var isSending: Bool {
        guard request.method == "INVITE" else { return true }
        return final.map { $0.status >= 300 } ?? (provisional == nil)
    }

    typealias Report = (String, SIPText?) -> Void

    /// Nothing is sent again from now on.
    func stop(at now: Instant, _ report: Report) {
        guard stopped == nil else { return }
        stopped = now
        // All targets of a request share the time that its sender waits (RFC 3263 §4.3).
        let end = request.method == "INVITE" ? start : min(start, server?.start ?? start)
        if let due = retransmission?.next, due < min(now, end + Referee.timeout) {
            report("a retransmission due at \(due.text) was not sent", request)
        }
        retransmission = nil
    }

    /// The request leaves once more.
    func sentAgain(_ message: SIPText, to peer: SocketAddress, at now: Instant, _ report: Report) {
        if message.bytes != request.bytes { report("a retransmission differs from the request", message) }
        if peer != self.peer { report("a retransmission goes elsewhere", message) }
        guard let due = retransmission, due.next == now, now < start + Referee.timeout else {
            return report("a retransmission off schedule", message)
        }
        var interval = due.interval * 2
        if request.method != "INVITE" {
            interval = provisional != nil ? Referee.t2 : min(interval, Referee.t2)
        }
        retransmission = (now + interval, interval)
    }

    func checkEnd(_ report: Report) {
        stop(at: start + Referee.timeout, report)
        if request.method == "INVITE", let final, final.status >= 300, !acknowledged {
            report("no ACK for \(final.status)", request)
        }
    }
}

extension Referee {
    func receivedRequest(_ message: SIPText, from source: SocketAddress, on side: Side, at now: Instant) {
        var isOpen = false
        switch message.method {
        case "ACK":
            acks[message.branch + message.callID] = now
            acks[message.sender] = now
            if let server = servers[message.branch + "INVITE"], server.final != nil, server.acknowledged == nil {
                server.acknowledged = now
                server.checkG(at: now, broken)
                server.g = nil
            }
            return
        case "CANCEL":
            if let server = servers[message.branch + "INVITE"], server.cancelled == nil, server.final == nil {
                server.cancelled = now
                isOpen = true
            }
        default: break
        }
        let key = message.branch + message.method
        if let server = servers[key], !server.isOver(at: now) {
            server.lastReceived = now
        } else {
            let server = ServerRecord(message, from: source, on: side, at: now)
            server.mustBeAnswered = isOpen
            servers[key] = server
            if side == .inside { senders[message.sender] = key }
        }
    }

    func sentRequest(_ message: SIPText, to peer: SocketAddress, on side: Side, at now: Instant) {
        switch message.method {
        case "ACK": return sentACK(message, to: peer, at: now)
        case "CANCEL": checkCANCEL(message, to: peer, at: now)
        default: break
        }
        let key = message.branch + message.method
        if let client = clients[key] { return client.sentAgain(message, to: peer, at: now, broken) }
        let server = upstream(of: message, on: side)
        let client = ClientRecord(message, to: peer, on: side, of: server, at: now)
        clients[key] = client
        guard message.vias.count > 1 || server != nil else {
            if message.method != "BYE" && message.method != "CANCEL" { broken("a request of nobody leaves", message) }
            return
        }
        guard let server else { return broken("a request leaves that nobody sent", message) }
        checkForwarded(message, server, to: peer, at: now)
        server.branches.append(client)
    }

    /// The request that it was forwarded for: by the Via below ours, or where that is hidden by who sent it, and as which.
    private func upstream(of message: SIPText, on side: Side) -> ServerRecord? {
        guard message.vias.count > 1 else {
            guard side == .outside, message.method != "CANCEL" else { return nil }
            return senders[message.sender].flatMap { servers[$0] }
        }
        guard let branch = SIPText.parameter("branch", of: message.vias[1]) else { return nil }
        return servers[branch + message.method]
    }

    private func checkForwarded(_ message: SIPText, _ server: ServerRecord, to peer: SocketAddress, at now: Instant) {
        noteTimeouts(at: now)
        for branch in server.branches { checkLeft(branch, for: message, peer, at: now) }
        if server.branches.isEmpty, message.uri.hasSuffix("itsp.example"), isDown(peer, at: now),
            // Where none has answered since it failed, any may be first.
            suspects.count(where: { !$0.ip.isPrivate }) == 1
        {
            broken("a target that is down is tried first", message)
        }
        if server.final != nil { broken("a request is forwarded after its final response", message) }
        if server.side == (clients[message.branch + message.method]?.side) { broken("a request turns back", message) }
        if now > server.start + (server.branches.isEmpty ? Self.patience : Self.timeout) {
            broken("a request is forwarded late", message)
        }
        let hops = Int(message["max-forwards"] ?? "") ?? -1
        if hops != (Int(server.request["max-forwards"] ?? "") ?? 0) - 1 { broken("Max-Forwards", message) }
        // Towards outside our Via stands for all of the inside.
        let isHidden = server.side == .inside
        if message.vias.count != (isHidden ? 1 : server.request.vias.count + 1) { broken("Via stack", message) }
        for (name, value) in [("call-id", message.callID), ("from", ""), ("to", ""), ("cseq", "")]
        where InsideAddresses.neutral(message[name])
            != (value.isEmpty ? InsideAddresses.neutral(server.request[name]) : value)
        {
            broken("\(name) is changed", message)
        }
        if message.method == "INVITE", message.toTag == nil,
            message.values("record-route").count
                != (isHidden ? 1 : server.request.values("record-route").count + 2)
        {
            broken("Record-Route is missing", message)
        }
    }

    /// Another target is tried when one has failed: it is silent for 4 s, or is known to be down and silent all the same;
    /// it says 503, or can't be reached.
    private func checkLeft(_ branch: ClientRecord, for message: SIPText, _ peer: SocketAddress, at now: Instant) {
        if branch.peer == peer { broken("a target is tried twice", message) }
        if let final = branch.final {
            if final.status != 503 { broken("another target is tried after \(final.status)", message) }
        } else if branch.abandoned == nil {
            branch.abandoned = now
            let patience = suspects.contains(branch.peer) ? Duration.milliseconds(500) : .seconds(4)
            let isSilent = branch.provisional == nil && now >= branch.start + patience
            if !isSilent, branch.stopped != now { broken("a target is left that may still answer", message) }
            branch.stop(at: now, broken)
            if branch.hasFailed || !hasAnswered(branch) { noteDown(branch.peer, at: now) }
        }
    }

    /// RFC 3261 §17.1.1.3 for a hop's own ACK; others are forwarded as they come.
    private func sentACK(_ message: SIPText, to peer: SocketAddress, at now: Instant) {
        if message.vias.count > 1 {
            let branch = SIPText.parameter("branch", of: message.vias[1]) ?? ""
            guard let came = acks[branch + message.callID], now <= came + Self.patience else {
                return broken("an ACK leaves that nobody sent", message)
            }
            return
        }
        if clients[message.branch + "INVITE"] == nil, let came = acks[message.sender],
            now <= came + Self.patience
        {
            return
        }
        if let cause, let late = clients[cause.branch + "INVITE"], late.lateSuccess === cause {
            late.acknowledged = true
            return
        }
        guard let client = clients[message.branch + "INVITE"], let final = client.final, final.status >= 300,
            let cause, !cause.isRequest, cause.branch == message.branch, cause.status >= 300
        else { return broken("an ACK without a final response", message) }
        if client.peer != peer { broken("an ACK goes elsewhere", message) }
        if message.uri != client.request.uri || message.vias[0] != client.request.vias[0]
            || message.cSeq != client.request.cSeq || message.values("route") != client.request.values("route")
            || message["to"] != cause["to"]
        {
            broken("an ACK that does not fit its INVITE", message)
        }
        client.acknowledged = true
        client.lastACK = now
    }

    /// RFC 3261 §9.1: only after a provisional response, and like the INVITE.
    private func checkCANCEL(_ message: SIPText, to peer: SocketAddress, at now: Instant) {
        guard let client = clients[message.branch + "INVITE"] else { return broken("a CANCEL of nothing", message) }
        if client.cancel == nil {
            client.cancel = now
            if client.provisional == nil { broken("a CANCEL before any response", message) }
            if client.final != nil { broken("a CANCEL after the final response", message) }
            let isOverdue = now >= (client.ringing ?? client.start) + Self.timerC
            let isOther = client.abandoned != nil || client.server?.final.map { $0.status < 300 } ?? false
            // §16.7 step 5: a 6xx of one is an end to the others.
            let isEnded = client.server?.branches.contains { $0.final.map { $0.status >= 600 } ?? false } ?? false
            if client.server?.cancelled == nil, !isOverdue, !isOther, !isEnded {
                broken("a CANCEL that nobody wanted", message)
            }
        }
        if message.uri != client.request.uri || message.vias != [client.request.vias[0]] || peer != client.peer
            || message["to"] != client.request["to"] || message.cSeq != client.request.cSeq
            || message.values("route") != client.request.values("route")
        {
            broken("a CANCEL that does not fit its INVITE", message)
        }
    }
}

extension Instant {
    /// Seconds since the run began.
    var text: String {
        let micro = (nanoseconds - 1_000_000_000) / 1000
        let fraction = String(micro % 1_000_000 + 1_000_000).dropFirst()
        return "\(micro / 1_000_000).\(fraction)"
    }
}
