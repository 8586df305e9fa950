import NetworkTypes
import SIP

// Requests: matching transactions, the verdict, and sending on (RFC 3261 §16.3–§16.6, §16.10).

extension ProxyCore {
    func receiveRequest(_ arrival: Arrival) {
        switch arrival.message.method {
        case .ack: receiveACK(arrival)
        case .cancel: receiveCANCEL(arrival)
        default:
            if let server = server(for: arrival, method: nil) {
                counters.retransmissionsIn += 1
                if server.receiveRetransmission() == .retransmitResponse { resend(server) }
                return
            }
            if pressure > 0, shedsEarly(arrival) { return }
            let arrival = withoutOwnMaddr(arrival)
            carryOut(verdict(on: arrival), arrival)
        }
    }

    /// The server transaction of the request: from the peer that started it, and nobody else.
    private func server(for arrival: Arrival, method: Method?) -> ServerTransaction? {
        guard let server = transactions.server(TransactionKey(serverOf: arrival.message, method: method)),
            server.flow.listener == arrival.flow.listener, server.flow.peer.ip == arrival.flow.peer.ip
        else { return nil }
        return server
    }

    func resend(_ server: ServerTransaction) {
        guard let response = server.lastResponse else { return }
        counters.retransmissionsOut += 1
        send(response, on: server.replyFlow)
    }

    private func carryOut(_ verdict: Verdict, _ arrival: Arrival) {
        switch verdict {
        case .drop(let counter):
            counters[keyPath: counter] += 1
            // Who can't have forged its address is told (design §3).
            if arrival.listener.transport.isReliable { answerStranger(arrival, 403, "Forbidden") }
        case .answer(let status, let reason, let extra): answer(arrival, status, reason, extra)
        case .answerStranger(let status, let reason): answerStranger(arrival, status, reason)
        case .forward(let forwarding):
            var forwarding = forwarding
            switch turn(of: arrival.message) {
            case .loop: return answer(arrival, 482, "Loop Detected", [])
            case .spiral(let hash): forwarding.spiral = hash
            case .first: break
            }
            admit(arrival, forwarding)
        }
    }

    static let retryLater = Array("Retry-After: 10\r\n".utf8)

    /// Answers without keeping state: the tag is made from the request, so a retransmission gets the same answer.
    func answer(
        _ arrival: Arrival, _ status: Int, _ reason: String, _ extra: [UInt8], label: String? = nil, trunk: String = ""
    ) {
        let message = arrival.message
        guard message.method != .ack else { return }
        let tag = transactions.tag(for: message)
        let response = LocalResponse.build(
            status, reason, to: message, from: arrival.flow.peer, tag: tag, callID: arrival.outerCallID, extra: extra)
        if status >= 300 {
            refused(message, on: arrival.flow, status, reason, label: label, trunk: trunk)
        }
        reply(response, to: arrival)
    }

    /// A stranger over UDP may not be who it says: it never gets more than it sent, and no line in a log.
    func answerStranger(_ arrival: Arrival, _ status: Int, _ reason: String) {
        let message = arrival.message
        guard message.method != .ack else { return }
        let response = LocalResponse.build(
            status, reason, to: message, from: arrival.flow.peer, tag: transactions.tag(for: message),
            callID: arrival.outerCallID)
        guard response.count <= message.bytes.count || arrival.listener.transport.isReliable else {
            counters.droppedUnadmitted += 1
            return
        }
        reply(response, to: arrival)
    }

    func reply(_ response: [UInt8], to arrival: Arrival) {
        var flow = arrival.flow
        flow.peer = replyAddress(of: arrival, isPhones: isPhone(arrival.flow))
        send(reportsLoad(to: arrival) ? reportingLoad(in: response, at: arrival.now) : response, on: flow)
    }

    /// A request was refused by us: it is counted, and told unless the end of its call tells it.
    func refused(
        _ message: Message, on flow: Flow, _ status: Int, _ reason: String, label: String? = nil, trunk: String = "",
        isTold: Bool = true
    ) {
        counters.refused += 1
        let label = label ?? "\(status) \(reason)"
        refusals.add(label)
        guard isTold, let side = identities[flow.listener]?.side else { return }
        outputs.append(
            .event(
                .refused(
                    RefusedRequest(
                        message: message, source: flow.peer, side: side, trunk: trunk, status: status, reason: reason,
                        label: label))))
    }

    /// Whether a request has passed us before (RFC 3261 §16.3 step 4).
    private enum Turn {
        case first
        /// It has, as another one; this is its hash now.
        case spiral(UInt64)
        case loop
    }

    /// A loop has a Via of ours whose branch holds the hash of this very request. Where topology is hidden the Vias of
    /// earlier turns are gone: then a spiral that comes round once more while it is under way is one, too (RFC 5393 §4).
    private func turn(of message: Message) -> Turn {
        var known: (hash: UInt64, suffix: [UInt8])?
        for range in message.values(.via) {
            guard let via = Via(range, in: message.bytes), identities.isOurs(via, in: message.bytes),
                let branch = via.branch
            else { continue }
            let own = known ?? Self.loopSuffix(transactions.loopHash(of: message))
            known = own
            if message.bytes[branch].suffix(own.suffix.count).elementsEqual(own.suffix) { return .loop }
        }
        guard let hash = known?.hash else { return .first }
        return spirals.contains(hash) ? .loop : .spiral(hash)
    }

    private static func loopSuffix(_ hash: UInt64) -> (hash: UInt64, suffix: [UInt8]) {
        var suffix = [UInt8(ascii: "-")]
        suffix.appendHexadecimal(hash)
        return (hash, suffix)
    }

    /// The request is done: the same may come again.
    func endSpiral(of server: ServerTransaction) {
        guard let hash = server.spiral else { return }
        server.spiral = nil
        spirals.remove(hash)
    }

    // MARK: ACK and CANCEL

    /// An ACK belongs to our own refusal, to an INVITE transaction that failed, or it goes on to where the 2xx came from.
    private func receiveACK(_ arrival: Arrival) {
        let message = arrival.message
        if let server = server(for: arrival, method: .invite) {
            guard server.receiveACK(at: arrival.now) else { return schedule(server) }
        } else if let tag = message.toTag, isOwnTag(tag, of: message) {
            return
        }
        let arrival = withoutOwnMaddr(arrival)
        guard message.defect == nil, message.isInDialog, case .forward(let forwarding) = verdict(on: arrival) else {
            counters.droppedStray += 1
            return
        }
        start(PendingRequest(arrival: arrival, forwarding: forwarding, server: nil), at: arrival.now)
    }

    private func isOwnTag(_ tag: Range<Int>, of message: Message) -> Bool {
        var own: [UInt8] = []
        own.appendHexadecimal(transactions.tag(for: message))
        return message.bytes[tag].elementsEqual(own)
    }

    /// RFC 3261 §16.10: the INVITE's branches are cancelled, the CANCEL itself gets 200.
    private func receiveCANCEL(_ arrival: Arrival) {
        guard let server = server(for: arrival, method: .invite) else {
            if arrival.side == .outside, callPeers[arrival.flow.peer.ip] == nil {
                counters.droppedStray += 1
            } else {
                answer(arrival, 481, "Call/Transaction Does Not Exist", [])
            }
            return
        }
        answer(arrival, 200, "OK", [])
        guard !server.isFinal, !server.isCancelled else { return }
        server.isCancelled = true
        server.cancelReason = arrival.message.header(.reason).map { Array(arrival.message.bytes[$0.line]) }
        cancelBranches(of: server, at: arrival.now)
    }

    func cancelBranches(of server: ServerTransaction, at now: Instant) {
        for branch in server.branches where !branch.isDone {
            if branch.cancel(at: now) { sendCANCEL(branch, reason: server.cancelReason, at: now) }
            schedule(branch)
        }
        // Nothing is out yet, or nothing any more: a name is being asked for, or a connection opened.
        if !server.isFinal, server.branches.allSatisfy(\.isDone) {
            respond(server, 487, "Request Terminated", at: now)
        }
    }

    // MARK: Forwarding

    func forward(_ arrival: Arrival, _ forwarding: Forwarding, _ place: CallPlace? = nil) {
        let message = arrival.message
        let key = TransactionKey(serverOf: message)
        // Somebody else's branch, seen on the way: its transaction stays.
        guard transactions.server(key) == nil else {
            counters.droppedStray += 1
            var place = place
            return giveBack(&place, at: arrival.now)
        }
        let server = ServerTransaction(
            key: key, serial: transactions.nextSerial(), request: message,
            flow: arrival.flow,
            replyFlow: Flow(
                listener: arrival.flow.listener,
                peer: replyAddress(of: arrival, isPhones: forwarding.isPhones),
                connection: arrival.flow.connection),
            ingress: arrival.side, egress: forwarding.egress, trunk: forwarding.trunk,
            isReliable: arrival.listener.transport.isReliable, timers: settings.timers, now: arrival.now)
        server.outerCallID = arrival.outerCallID
        let hiding = forwarding.trunkSettings?.hiding ?? HidingSettings()
        if hiding.isOn, arrival.side != forwarding.egress { server.hiding = hiding }
        server.place = place
        server.reportsLoad = LoadReport.isWanted(by: message)
        if let spiral = forwarding.spiral, spirals.insert(spiral).inserted { server.spiral = spiral }
        transactions.add(server)
        keepSweeping(from: arrival.now)
        schedule(server)
        start(PendingRequest(arrival: arrival, forwarding: forwarding, server: server), at: arrival.now)
    }
}
