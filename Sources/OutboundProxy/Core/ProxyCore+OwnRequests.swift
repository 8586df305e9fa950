public import NetworkTypes
import SIP

// Requests of our own: ACK and CANCEL of a hop (RFC 3261 §17.1.1.3, §9.1), and BYE for a call that we end (design §6).

extension ProxyCore {
    func sendACK(_ client: ClientTransaction, for response: Message) {
        let to = response.header(.to).map { Array(response.bytes[$0.value]) }
        guard let ack = hopRequest("ACK", from: client.request, to: to) else { return }
        client.ack = ack
        send(ack, on: client.flow)
    }

    func sendCANCEL(_ client: ClientTransaction, reason: [UInt8]?, at now: Instant) {
        guard let branch = Self.branch(of: client.request),
            let cancel = hopRequest("CANCEL", from: client.request, to: nil, extra: reason ?? [])
        else { return }
        let transaction = ClientTransaction(
            key: TransactionKey(branch: branch[...], method: .cancel), flow: client.flow, method: .cancel,
            purpose: .cancel, request: cancel,
            isReliable: identities[client.flow.listener]?.transport.isReliable ?? false,
            timers: settings.timers, now: now)
        transactions.add(transaction)
        schedule(transaction)
        send(cancel, on: client.flow)
    }

    private static func branch(of request: [UInt8]) -> [UInt8]? {
        guard let message = try? MessageParser.parse(datagram: request) else { return nil }
        return message.topVia.branch.map { Array(request[$0]) }
    }

    /// ACK or CANCEL for an INVITE that we sent: its Request-URI, top Via, Routes, From, Call-ID and CSeq number.
    private func hopRequest(_ method: String, from invite: [UInt8], to: [UInt8]?, extra: [UInt8] = []) -> [UInt8]? {
        guard let sent = try? MessageParser.parse(datagram: invite) else { return nil }
        var out: [UInt8] = []
        out.reserveCapacity(512)
        out.append(contentsOf: method.utf8)
        out.append(UInt8(ascii: " "))
        out.append(contentsOf: invite[sent.requestURI])
        out.append(contentsOf: " SIP/2.0\r\nVia: ".utf8)
        out.append(contentsOf: invite[sent.topVia.range])
        out.append(contentsOf: "\r\nMax-Forwards: 70\r\n".utf8)
        for field in sent.headers {
            switch field.name {
            case .route, .from, .callID: out.append(contentsOf: invite[field.line])
            case .to:
                out.append(contentsOf: "To: ".utf8)
                out.append(contentsOf: to ?? Array(invite[field.value]))
                out.append(contentsOf: "\r\n".utf8)
            default: break
            }
        }
        out.append(contentsOf: "CSeq: ".utf8)
        out.appendDecimal(sent.cSeq.number)
        out.append(contentsOf: " \(method)\r\n".utf8)
        out.append(contentsOf: extra)
        out.append(contentsOf: "Content-Length: 0\r\n\r\n".utf8)
        return out
    }

    // MARK: Ending calls

    /// No leg of the relay session has had media for too long.
    public func mediaSilent(session: UInt64, at now: Instant) {
        guard let call = callsBySession[session] else { return }
        hangUp(call, "no media from either side", at: now)
    }

    func handleTimeout(of call: Call, at now: Instant) {
        call.scheduled = .distantFuture
        guard call.state != .ended else { return }
        guard call.deadline <= now else { return schedule(call) }
        hangUp(call, "the call lasted longer than limits.call_duration", at: now)
    }

    /// Ends an answered call with BYE both ways; an early one is cancelled by its own timers.
    func hangUp(_ call: Call, _ reason: String, at now: Instant) {
        guard call.state == .confirmed else { return }
        counters.callsEndedByUs += 1
        sendBYE(to: call.caller, from: call.callee, of: call, reason, at: now)
        sendBYE(to: call.callee, from: call.caller, of: call, reason, at: now)
        end(call, "ended by us: \(reason)", at: now)
    }

    /// A BYE in the name of the other party (CSeq one above its highest).
    private func sendBYE(to party: Call.Party, from other: Call.Party, of call: Call, _ reason: String, at now: Instant)
    {
        guard let listener = identities[party.flow.listener], !party.target.isEmpty else { return }
        let branch = transactions.newBranch(loop: call.serial)
        var out: [UInt8] = []
        out.reserveCapacity(700)
        out.append(contentsOf: "BYE ".utf8)
        out.append(contentsOf: party.target)
        out.append(contentsOf: " SIP/2.0\r\nVia: SIP/2.0/\(listener.transport.viaName) ".utf8)
        out.append(contentsOf: listener.hostPort)
        out.append(contentsOf: ";rport;branch=".utf8)
        out.append(contentsOf: branch)
        out.append(contentsOf: "\r\nMax-Forwards: 70\r\n".utf8)
        for route in party.routes {
            out.append(contentsOf: "Route: ".utf8)
            out.append(contentsOf: route)
            out.append(contentsOf: "\r\n".utf8)
        }
        for (name, value) in [("From: ", other.identity), ("To: ", party.identity), ("Call-ID: ", call.callID)] {
            out.append(contentsOf: name.utf8)
            out.append(contentsOf: value)
            out.append(contentsOf: "\r\n".utf8)
        }
        out.append(contentsOf: "CSeq: \(other.cSeq &+ 1) BYE\r\nReason: SIP;text=\"\(reason)\"\r\n".utf8)
        out.append(contentsOf: "Content-Length: 0\r\n\r\n".utf8)
        let transaction = ClientTransaction(
            key: TransactionKey(branch: branch[...], method: .bye), flow: party.flow, method: .bye, purpose: .bye(call),
            request: out, isReliable: listener.transport.isReliable, timers: settings.timers, now: now)
        call.openBYEs += 1
        transactions.add(transaction)
        schedule(transaction)
        send(out, on: party.flow)
    }
}
