public import NetworkTypes
import SIP

// Sending a request to one target: with its own branch, identity and media (RFC 3261 §16.6, §18.1.1).

extension ProxyCore {
    /// A request longer than this may be fragmented on its way by UDP (RFC 3261 §18.1.1).
    static let longestUnfragmented = 1300

    /// Sends the request on: with a branch of its own, or as an ACK without a transaction.
    func send(_ request: PendingRequest, on flow: Flow, at now: Instant) {
        guard let listener = identities[flow.listener] else {
            return stuck(request, .unreachable("No Route To Next Hop"), at: now)
        }
        guard listener.transport == .tls || !request.isSecure else {
            return stuck(request, .unreachable("No TLS Transport"), at: now)
        }
        guard listener.isAnnounced, request.arrival.listener.isAnnounced else {
            return stuck(request, .unreachable("Advertised Name Does Not Resolve"), at: now)
        }
        if isHeldBack(request, on: flow, at: now) {
            return stuck(request, .unreachable("Next Hop Is Overloaded"), at: now)
        }
        let message = request.arrival.message
        let branch = transactions.newBranch(loop: transactions.loopHash(of: message))
        if message.method == .invite || message.isInDialog { relate(request, to: flow) }
        var rewriter = RequestRewriter(request: request, out: listener, branch: branch, peer: flow.peer)
        rewriter.crossing = crossing(of: request, by: listener, at: now)
        rewriter.asksForLoad = listener.side == .outside && request.forwarding.trunkSettings?.asksForLoad ?? false
        rewriter.outerCallID = outerCallID(rewriter.crossing?.settings ?? HidingSettings())
        if let server = request.server, server.failover != nil {
            rewriter.breadth = shareOfBreadth(in: server)
        }
        do {
            rewriter.body = try body(of: request, to: flow, at: now)
        } catch {
            return refuse(request, &rewriter, on: flow, error, at: now)
        }
        if listener.side == .outside, rewriter.body == nil, let crossing = rewriter.crossing, crossing.settings.isOn {
            rewriter.body = hiding.hiddenBody(of: message, as: listener, crossing.settings)
        }
        let bytes = rewriter.rewritten(contacts: contacts)
        if bytes.count > Self.longestUnfragmented, !listener.transport.isReliable {
            if opensStream(for: request, insteadOf: flow, at: now) { return }
            guard bytes.count <= Self.longestDatagram else { return outgrown(request, at: now) }
            note(large: bytes.count, request, to: flow, at: now)
        }
        send(bytes, on: flow)
        guard let server = request.server else { return }
        server.contacts = rewriter.sentContacts
        server.otherOffer?.follow(request, to: flow)
        add(
            branch, bytes, on: flow, listener.transport, to: server, breadth: rewriter.breadth ?? 0,
            asksForLoad: rewriter.asksForLoad, at: now)
    }

    /// The branch of a request that has just been sent.
    private func add(
        _ branch: [UInt8], _ bytes: [UInt8], on flow: Flow, _ transport: TransportProtocol,
        to server: ServerTransaction, breadth: UInt8, asksForLoad: Bool, at now: Instant
    ) {
        let failover = server.failover
        let client = ClientTransaction(
            key: TransactionKey(branch: branch[...], method: server.method), flow: flow, method: server.method,
            purpose: .branch(of: server), request: bytes, isReliable: transport.isReliable, timers: settings.timers,
            now: now, end: failover?.deadline ?? .distantFuture)
        client.breadth = breadth
        client.asksForLoad = asksForLoad
        client.offerChanges = server.offerChanges
        if server.method == .invite { client.timerC = now + settings.timerC }
        // Only a stream's server may be silent while it works on another request (RFC 4320 §4.1).
        if let failover, failover.hasNext, !transport.isReliable || server.method == .invite {
            client.silence = now + Failover.doubt
        }
        if !server.branches.isEmpty { transactions.weigh(server, server.weight + bytes.count) }
        server.branches.append(client)
        transactions.add(client)
        schedule(client)
    }

    /// The body for the target: another target of the same family gets the same, another family an offer of its own, and
    /// so does a target over a transport that keys may not be seen on, or may. That of a new call has a relay session of its own, since a target that was left may still answer what it was offered.
    private func body(of request: PendingRequest, to flow: Flow, at now: Instant) throws(MediaFailure) -> [UInt8]? {
        let leg = mediaLeg(to: flow)
        guard let server = request.server, let failover = server.failover else {
            return try anchored(request, to: flow, at: now)
        }
        if let known = failover.bodies.first(where: { $0.leg == leg || server.offer != .inRequest }) {
            if let session = known.session { server.call?.resume(session) }
            return known.octets
        }
        if !failover.bodies.isEmpty, let call = server.call {
            if call.serial == server.serial {
                call.setAside()
            } else if let session = call.session {
                media.rollback(session: session, exchange: server.serial)
                failover.bodies = []
            }
        }
        let octets = try anchored(request, to: flow, at: now)
        failover.bodies.append(
            Failover.AnchoredBody(leg: leg, octets: octets, session: server.call?.session))
        return octets
    }

    func mediaLeg(to flow: Flow) -> Failover.MediaLegKind {
        Failover.MediaLegKind(family: flow.peer.ip.family, isSecure: identities[flow.listener]?.transport == .tls)
    }

    /// The request's media can't be anchored. An ACK arrives in any case; the call whose answer it should have brought is
    /// over.
    private func refuse(
        _ request: PendingRequest, _ rewriter: inout RequestRewriter, on flow: Flow, _ failure: MediaFailure,
        at now: Instant
    ) {
        guard let server = request.server else {
            rewriter.body = bodyWithoutSession(of: request.arrival.message)
            send(rewriter.rewritten(contacts: contacts), on: flow)
            if let call = request.forwarding.call {
                hangUp(call, "the answer's media was refused: \(failure.reason)", at: now)
            }
            return
        }
        if tryNext(server, at: now) { return }
        let extra = failure.status == 503 ? Self.retryLater : []
        respond(server, failure.status, failure.reason, extra: extra, at: now)
    }

    /// With what we add the request no longer fits a datagram.
    private func outgrown(_ request: PendingRequest, at now: Instant) {
        guard let server = request.server else {
            counters.droppedStray += 1
            return
        }
        if !tryNext(server, at: now) { respond(server, 513, "Message Too Large", at: now) }
    }

    // MARK: Too large for UDP

    /// Asks for a connection that takes a request too large for UDP: only where the trunk leaves the transport to us and
    /// DNS names a TCP target, and never away from a registration by UDP.
    private func opensStream(for request: PendingRequest, insteadOf flow: Flow, at now: Instant) -> Bool {
        guard let server = request.server, let failover = server.failover, !failover.hasTriedStream,
            request.forwarding.egress == .outside, request.forwarding.trunkSettings?.transport == nil,
            let present = target(of: flow), registeredTarget(of: request, at: now)?.transport != .udp
        else { return false }
        let streams = failover.targets.filter { $0.transport == .tcp && !health.isDown($0) }
        guard let stream = streams.first(where: { $0.address.ip == flow.peer.ip }) ?? streams.first,
            let opening = self.flow(to: stream, on: .outside)
        else { return false }
        failover.hasTriedStream = true
        failover.targets = ([present] + failover.targets.filter { $0 != stream })[...]
        failover.opening = opening
        openings[opening, default: []].append(server)
        schedule(opening: server, at: now + Failover.connectionPatience)
        outputs.append(.open(identities.carrier(of: opening)))
        return true
    }

    /// A connection that ``ProxyOutput/open(_:)`` asked for is there.
    public func flowOpened(_ flow: Flow, at now: Instant) {
        let flow = sided(flow)
        noteAlive(flow, at: now)
        for server in takeOpenings(flow.withoutConnection) {
            guard let failover = server.failover, !server.isFinal else { continue }
            send(pending(server, failover), on: flow, at: now)
        }
    }

    /// No connection, or not soon enough: the request goes by UDP after all.
    func openingFailed(_ flow: Flow, at now: Instant) {
        for server in takeOpenings(flow) where !server.isFinal && !tryNext(server, at: now) {
            exhausted(server, .transport, at: now)
        }
    }

    func openingTimedOut(_ server: ServerTransaction, at now: Instant) {
        guard let flow = server.failover?.opening else { return }
        noteFailure(flow, at: now)
        openingFailed(flow, at: now)
    }

    private func takeOpenings(_ flow: Flow) -> [ServerTransaction] {
        let servers = openings.removeValue(forKey: flow) ?? []
        for server in servers { server.failover?.opening = nil }
        return servers
    }

    private func note(large octets: Int, _ request: PendingRequest, to flow: Flow, at now: Instant) {
        guard now >= nextLargeEvent, let target = target(of: flow) else { return }
        nextLargeEvent = now + .seconds(10)
        let message = request.arrival.message
        outputs.append(
            .event(
                .large(
                    callID: message.bytes.text(message.callID), method: message.bytes.text(message.methodRange),
                    octets: octets, target: target)))
    }
}
