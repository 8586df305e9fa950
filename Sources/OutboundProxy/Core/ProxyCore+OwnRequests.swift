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
        guard call.state != .ended else { return }
        guard call.deadline <= now else { return schedule(call, at: now) }
        hangUp(call, "the call lasted longer than limits.call_duration", at: now)
    }

    /// Ends an answered call with BYE both ways; an early one is cancelled by its own timers.
    func hangUp(_ call: Call, _ reason: String, at now: Instant) {
        guard call.state == .confirmed else { return }
        counters.callsEndedByUs += 1
        sendBYE(to: call.origin, of: call, reason, at: now)
        sendBYE(to: call.destination, of: call, reason, at: now)
        end(call, "ended by us: \(reason)", at: now)
    }

    /// A BYE in the name of the other party (CSeq one above its highest).
    private func sendBYE(to side: Side, of call: Call, _ reason: String, at now: Instant) {
        let (party, other) = (call[side], call[side.opposite])
        let flow = flow(to: party, on: side)
        guard let listener = identities[flow.listener], !party.target.isEmpty else { return }
        let route = RouteSet(to: party)
        let branch = transactions.newBranch(loop: call.serial)
        var out: [UInt8] = []
        out.reserveCapacity(700)
        out.append(contentsOf: "BYE ".utf8)
        out.append(contentsOf: route.requestURI)
        out.append(contentsOf: " SIP/2.0\r\nVia: SIP/2.0/\(listener.transport.viaName) ".utf8)
        out.append(contentsOf: listener.hostPort)
        out.append(contentsOf: ";rport;branch=".utf8)
        out.append(contentsOf: branch)
        out.append(contentsOf: "\r\nMax-Forwards: 70\r\n".utf8)
        for route in route.routes {
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
            key: TransactionKey(branch: branch[...], method: .bye), flow: flow, method: .bye, purpose: .bye(call),
            request: out, isReliable: listener.transport.isReliable, timers: settings.timers, now: now)
        call.openBYEs += 1
        transactions.add(transaction)
        schedule(transaction)
        send(out, on: flow)
    }

    /// The next hop towards a party: by its route set or target (RFC 3261 §12.2.1.1), where that is an address of its
    /// side; else where its messages come from, as for a peer behind NAT.
    private func flow(to party: Call.Party, on side: Side) -> Flow {
        let text = party.routes.first ?? party.target
        guard let value = NameAddress(0..<text.count, in: text), let uri = URI(value.uri, in: text),
            let ip = uri.address(in: text), isInside(ip) == (side == .inside), !isForbidden(ip),
            ip.isPrivate == party.flow.peer.ip.isPrivate,
            let listener = identities.listener(
                side, family: ip.family, transport: .udp, trunk: identities[party.flow.listener]?.trunk)
        else { return party.flow }
        let address = SocketAddress(ip, uri.port ?? TransportProtocol.udp.defaultPort)
        return identities.side(of: address) == nil ? Flow(listener: listener.id, peer: address) : party.flow
    }

    private func isForbidden(_ address: IPAddress) -> Bool {
        address.embedded.isLoopback || address.embedded.isUnspecified || address.embedded.isMulticast
    }
}

/// Request-URI and Routes of a request to a party (RFC 3261 §12.2.1.1): where the first hop is a strict router its URI
/// is the Request-URI, and the target the last Route.
private struct RouteSet {
    let requestURI: [UInt8]
    let routes: [[UInt8]]

    init(to party: Call.Party) {
        guard let first = party.routes.first, let value = NameAddress(0..<first.count, in: first),
            let uri = URI(value.uri, in: first), !uri.isLoose(in: first)
        else {
            (requestURI, routes) = (party.target, party.routes)
            return
        }
        requestURI = Array(first[value.uri])
        routes = party.routes.dropFirst() + [Array("<".utf8) + party.target + Array(">".utf8)]
    }
}
