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
            purpose: .nobody, request: cancel,
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
        if call.refreshDeadline <= now { return hangUp(call, "the session was not refreshed in time", at: now) }
        guard call.deadline <= now else { return schedule(call, at: now) }
        hangUp(call, "the call lasted longer than limits.call_duration", at: now)
    }

    /// Ends an answered call with BYE both ways; an early one is cancelled by its own timers.
    func hangUp(_ call: Call, _ reason: String, at now: Instant) {
        guard call.state == .confirmed else { return }
        counters.callsEndedByUs += 1
        sendBYE(to: call.origin, of: call, reason, at: now)
        sendBYE(to: call.destination, of: call, reason, at: now)
        end(call, "ended by us: \(reason)", by: .proxy, at: now)
    }

    /// A BYE in the name of the other party (CSeq one above its highest).
    private func sendBYE(to side: Side, of call: Call, _ reason: String, at now: Instant) {
        let (party, other) = (call[side], call[side.opposite])
        guard !party.target.isEmpty else { return }
        let flow =
            side == .outside && isPhones(call.trunk)
            ? phoneFlow(of: call) : flow(to: party, on: side, directory.trunks.named(call.trunk))
        let dialog = OwnDialog(
            party: party, other: identity(of: other, in: call),
            callID: side == .outside ? call.outsideCallID ?? call.callID : call.callID, serial: call.serial,
            flow: flow)
        call.openBYEs += 1
        sendBYE(in: dialog, cSeq: other.cSeq &+ 1, reason, for: .bye(call), at: now)
    }

    /// How the party is known on the side that is not its own.
    private func identity(of party: Call.Party, in call: Call) -> [UInt8] {
        guard !party.shown.isEmpty else { return party.identity }
        let value = party.shown
        guard let fork = call.confirmedFork, let address = NameAddress(0..<value.count, in: value),
            address.tag(in: value) == nil
        else { return value }
        return value + Array(";tag=".utf8) + call.calleeTags[fork]
    }

    /// A target has accepted the INVITE that another one has answered before: it gets its ACK, and is told at once that
    /// nobody is there (RFC 3261 §13.2.2.4). A 2xx that comes again gets its ACK again.
    func hangUp(
        late response: Message, of client: ClientTransaction, _ server: ServerTransaction, from flow: Flow,
        at now: Instant
    ) {
        let bytes = response.bytes
        guard let contact = target(in: response), let to = response.header(.to), let from = response.header(.from)
        else { return }
        let party = Call.Party(
            identity: Array(bytes[to.value]), target: contact, routes: routesBeyond(response), flow: flow)
        let dialog = OwnDialog(
            party: party, other: Array(bytes[from.value]), callID: sentCallID(of: response, server),
            serial: server.serial,
            flow: server.egress == .outside && isPhones(server.trunk)
                ? flow : self.flow(to: party, on: server.egress, directory.trunks.named(server.trunk)))
        let ack = dialog.request("ACK", cSeq: response.cSeq.number, branch: newBranch(of: dialog), identities)
        send(ack, on: dialog.flow)
        guard !client.isHungUp else { return }
        client.isHungUp = true
        sendBYE(
            in: dialog, cSeq: response.cSeq.number &+ 1, "another target answered first", for: .nobody, at: now)
    }

    /// The Call-ID that the server's request left with.
    private func sentCallID(of response: Message, _ server: ServerTransaction) -> [UInt8] {
        let callID = response.bytes[response.callID]
        let outer =
            server.egress == .outside && server.method == .invite
            ? server.hiding.flatMap { hiding.hidden(callID: callID, $0) } : nil
        return outer ?? Array(callID)
    }

    private func newBranch(of dialog: OwnDialog) -> [UInt8] { transactions.newBranch(loop: dialog.serial) }

    private func sendBYE(
        in dialog: OwnDialog, cSeq: UInt32, _ reason: String, for purpose: ClientTransaction.Purpose, at now: Instant
    ) {
        let branch = newBranch(of: dialog)
        let extra = Array("Reason: SIP;text=\"\(reason)\"\r\n".utf8)
        let bytes = dialog.request("BYE", cSeq: cSeq, branch: branch, identities, extra: extra)
        let transaction = ClientTransaction(
            key: TransactionKey(branch: branch[...], method: .bye), flow: dialog.flow, method: .bye, purpose: purpose,
            request: bytes, isReliable: identities[dialog.flow.listener]?.transport.isReliable ?? false,
            timers: settings.timers, now: now)
        transactions.add(transaction)
        schedule(transaction)
        send(bytes, on: dialog.flow)
    }

    /// The next hop towards a party: by its route set or target (RFC 3261 §12.2.1.1), where that is an address of its
    /// side; else where its messages come from, as for a peer behind NAT.
    private func flow(to party: Call.Party, on side: Side, _ trunk: TrunkSettings?) -> Flow {
        guard party.isRouteKnown else { return party.flow }
        let text = party.routes.first ?? party.target
        // A target is a URI alone: its parameters are its own.
        let whole = 0..<text.count
        let range = party.routes.isEmpty ? whole : NameAddress(whole, in: text)?.uri ?? whole
        guard let uri = URI(range, in: text), let ip = uri.address(in: text), isInside(ip) == (side == .inside),
            !isForbidden(ip),
            ip.isPrivate == party.flow.peer.ip.isPrivate
        else { return party.flow }
        let demanded = uri.demandedTransport(in: text) ?? (side == .outside ? trunk?.transport : nil)
        let transport = demanded ?? .udp
        let address = SocketAddress(ip, uri.port ?? transport.defaultPort)
        let own = identities[party.flow.listener]?.trunk
        guard let listener = identities.listener(side, family: ip.family, transport: transport, trunk: own),
            !identities.isOurs(address)
        else { return party.flow }
        let name = transport == .tls && side == .outside ? peerName(at: ip, of: party, trunk) : PeerNameID.none
        return name.map { Flow(listener: listener.id, peer: address, name: $0) } ?? party.flow
    }

    private func isForbidden(_ address: IPAddress) -> Bool {
        address.embedded.isLoopback || address.embedded.isUnspecified || address.embedded.isMulticast
    }
}
