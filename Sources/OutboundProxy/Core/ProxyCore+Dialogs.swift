import NetworkTypes
import SIP

// Calls: what requests and responses say about their dialogs, and their offers and answers (RFC 3261 §12, RFC 3264).

extension ProxyCore {
    // MARK: Requests

    /// Finds or makes the call that a request on its way belongs to, and notes what it says about its sender.
    func relate(_ request: PendingRequest, to flow: Flow) {
        let message = request.arrival.message
        if let call = request.forwarding.call {
            if message.method != .ack {
                call[request.arrival.side].cSeq = max(call[request.arrival.side].cSeq, message.cSeq.number)
            }
            request.server?.call = call
        } else if message.method == .invite || message.method == .update && message.isInDialog && message.hasSession,
            let server = request.server
        {
            if let call = server.call {
                // Another target of the same INVITE.
                if call.state == .early { call.callee.flow = flow }
            } else {
                server.call = startCall(request, to: flow)
            }
        }
    }

    /// The call of an INVITE: a new one, or one that a restart made us forget and that its next offer brings back.
    private func startCall(_ request: PendingRequest, to flow: Flow) -> Call? {
        let (message, arrival) = (request.arrival.message, request.arrival)
        guard arrival.side != request.forwarding.egress else { return nil }
        let bytes = message.bytes
        let caller = Call.Party(
            identity: message.header(.from).map { Array(bytes[$0.value]) } ?? [],
            target: target(in: message) ?? [], routes: message.values(.recordRoute).map { Array(bytes[$0]) },
            isRouteKnown: !message.isInDialog, cSeq: message.cSeq.number, flow: arrival.flow)
        // Of a call that a restart made us forget nobody knows how far the other party's numbers have come.
        let calleeCSeq: UInt32 = message.isInDialog ? 1 << 30 : 0
        let callee = Call.Party(
            identity: message.header(.to).map { Array(bytes[$0.value]) } ?? [],
            routes: request.forwarding.routes.beyond.map { Array(bytes[$0]) }, cSeq: calleeCSeq, flow: flow)
        let call = Call(
            serial: request.server?.serial ?? 0, callID: Array(bytes[message.callID]),
            callerTag: Array(bytes[message.dialogFromTag]),
            caller: caller, callee: callee, origin: arrival.side, destination: request.forwarding.egress,
            trunk: request.forwarding.trunk, now: arrival.now, deadline: arrival.now + settings.callDuration)
        call.phone = request.forwarding.phone
        call.isEmergency = request.forwarding.isEmergency
        call.hasCredentials = message.header(.proxyAuthorization) != nil || message.header(.authorization) != nil
        if let server = request.server { swap(&call.place, &server.place) }
        if let toTag = message.toTag { _ = call.fork(bytes[toTag]) }
        calls.add(call)
        schedule(call, at: arrival.now)
        counters.calls += 1
        outputs.append(.event(.callStarted(call.summary)))
        return call
    }

    func target(in message: Message) -> [UInt8]? {
        guard let range = message.values(.contact).first, let value = NameAddress(range, in: message.bytes),
            URI(value.uri, in: message.bytes) != nil
        else { return nil }
        return Array(message.bytes[value.uri])
    }

    // MARK: Responses

    /// What a response says about the dialog: its To tag, and when it is a 2xx the callee's side of it.
    func relate(_ response: Message, of server: ServerTransaction, from flow: Flow, at now: Instant) {
        guard let call = server.call, let toTag = response.toTag, response.status > 100, response.status < 300 else {
            return
        }
        defer { noteSessionTimer(response, of: server, at: now) }
        guard server.serial != call.serial else {
            let fork = call.fork(response.bytes[toTag])
            if (180...189).contains(response.status), call.rangAt == nil { call.rangAt = now }
            if response.status >= 200, call.state == .early {
                confirm(call, fork: fork, by: response, from: flow, at: now)
            }
            return
        }
        guard response.status >= 200, call.state == .confirmed, server.method.carriesTarget else { return }
        // A target refresh counts once it has succeeded, for who asked and for who answers (§12.2.1.2, §12.2.2).
        if let request = server.request, let target = target(in: request) {
            call[server.ingress].target = target
            call[server.ingress].flow = server.flow
        }
        if let target = target(in: response) { call[server.egress].target = target }
    }

    private func confirm(_ call: Call, fork: Int, by response: Message, from flow: Flow, at now: Instant) {
        let bytes = response.bytes
        call.state = .confirmed
        call.confirmedFork = fork
        call.answeredAt = now
        call.callee.identity = response.header(.to).map { Array(bytes[$0.value]) } ?? call.callee.identity
        call.callee.target = target(in: response) ?? []
        call.callee.flow = flow
        let beyond = routesBeyond(response)
        if !beyond.isEmpty { call.callee.routes = beyond }
        counters.callsAnswered += 1
        noteAnswer(of: call, at: now)
        let outside = call[.outside].flow.peer.ip
        call.countedPeer = outside
        callPeers[outside, default: 0] += 1
        if let session = call.session { media.confirm(session: session, fork: UInt32(clamping: fork)) }
        for session in call.takeOthers() { close(session) }
    }

    /// The call is over: its media goes, and the books are closed.
    func end(_ call: Call, _ verdict: String, by ender: CallSummary.Ender, status: Int? = nil, at now: Instant) {
        guard call.state != .ended else { return }
        call.ending = (ender, now, status)
        if let peer = call.countedPeer { forgetPeer(peer) } else { counters.callsFailed += 1 }
        giveBack(&call.place, at: now)
        call.state = .ended
        call.verdict = verdict
        calls.remove(call)
        outputs.append(.event(.callEnded(call.summary)))
        // Its transactions hold the call for another 32 s: only the shell.
        call.caller = Call.Party(flow: call.caller.flow)
        call.callee = Call.Party(flow: call.callee.flow)
        for session in call.takeOthers() { close(session) }
        if let session = call.session { close(session) }
    }

    private func close(_ session: UInt64) {
        callsBySession[session] = nil
        media.close(session: session)
    }

    /// The route set beyond us: what was recorded after we were, nearest first (§12.1.2).
    func routesBeyond(_ response: Message) -> [[UInt8]] {
        let bytes = response.bytes
        var beyond: [[UInt8]] = []
        for range in response.values(.recordRoute) {
            guard let value = NameAddress(range, in: bytes), let uri = URI(value.uri, in: bytes),
                !identities.isOurs(uri, in: bytes)
            else { break }
            beyond.insert(Array(bytes[range]), at: 0)
        }
        return beyond
    }

    private func forgetPeer(_ address: IPAddress) {
        guard let count = callPeers[address] else { return }
        callPeers[address] = count > 1 ? count - 1 : nil
    }

    // MARK: Offers and answers

    /// The body that a request leaves with, when it has a session description: anchored, or without it where nobody asked
    /// for it, since it would show one side's addresses to the other. nil leaves the body as it is.
    func anchored(
        _ request: PendingRequest, to flow: Flow, at now: Instant
    ) throws(MediaFailure) -> [UInt8]? {
        let message = request.arrival.message
        guard request.arrival.side != request.forwarding.egress else { return nil }
        if message.method == .info { try refuseCandidates(of: message) }
        guard message.method.mayCarryMedia, let body = try sessionBody(of: message) else { return nil }
        guard let range = body.description,
            let description = try anchored(message.bytes[range], of: request, to: flow, at: now)
        else { return body.withoutDescription(in: message.bytes) }
        return try replaced(body, with: description, in: message)
    }

    /// The session description that leaves in place of the request's; none where nobody asked for it.
    private func anchored(
        _ body: ArraySlice<UInt8>, of request: PendingRequest, to flow: Flow, at now: Instant
    ) throws(MediaFailure) -> [UInt8]? {
        let message = request.arrival.message
        guard let call = request.server?.call ?? request.forwarding.call, call.state != .ended else { return nil }
        let isFromCaller = request.arrival.side == call.origin
        let settings = request.forwarding.trunkSettings
        let listener = request.arrival.listener
        let sender = party(
            request.arrival.side, request.arrival.flow, listener.local.ip.family, listener.transport, settings)
        var receiver = party(
            request.forwarding.egress, flow, flow.peer.ip.family, identities[flow.listener]?.transport, settings)
        let fork = (isFromCaller ? message.toTag : message.fromTag).map { call.fork(message.bytes[$0]) } ?? 0
        if let exchange = lateOffer(answeredBy: message, fork, in: call), let session = call.session {
            return try media.answer(
                body, session: session, fromCaller: isFromCaller, exchange: exchange, fork: UInt32(clamping: fork),
                sender: sender, now: now)
        }
        guard message.method != .options, message.method != .ack, let server = request.server else { return nil }
        let session = session(
            of: call, caller: isFromCaller ? sender : receiver, callee: isFromCaller ? receiver : sender)
        server.offer = .inRequest
        chooseOffer(of: request, to: &receiver, on: flow, at: now)
        return try media.offer(
            body, session: session, fromCaller: isFromCaller, exchange: server.serial, sender: sender,
            receiver: receiver, now: now)
    }

    /// The exchange whose offer came in a response and is answered by this ACK or PRACK.
    private func lateOffer(answeredBy message: Message, _ fork: Int, in call: Call) -> UInt64? {
        guard let offer = call.lateOffer else { return nil }
        switch message.method {
        case .ack where offer.cSeq == message.cSeq.number: return offer.exchange
        case .prack where !offer.answeredForks.contains(fork):
            call.lateOffer?.answeredForks.insert(fork)
            return offer.exchange
        default: return nil
        }
    }

    /// The body that a response leaves with, when it has a session description: anchored or without it. nil leaves the body
    /// as it is.
    func anchored(_ response: Message, of server: ServerTransaction, from flow: Flow, at now: Instant)
        throws(MediaFailure) -> [UInt8]?
    {
        guard server.method.mayCarryMedia, server.ingress != server.egress, let body = try sessionBody(of: response)
        else { return nil }
        guard let range = body.description,
            let description = try anchored(response.bytes[range], in: response, of: server, from: flow, at: now)
        else { return body.withoutDescription(in: response.bytes) }
        return try replaced(body, with: description, in: response)
    }

    /// The session description that leaves in place of the response's; none where nobody asked for it.
    private func anchored(
        _ body: ArraySlice<UInt8>, in response: Message, of server: ServerTransaction, from flow: Flow, at now: Instant
    ) throws(MediaFailure) -> [UInt8]? {
        guard let inbound = identities[server.flow.listener], let outbound = identities[flow.listener],
            response.status > 100, response.status < 300, let call = server.call, call.state != .ended
        else { return nil }
        let isFromCaller = server.ingress != call.origin
        let settings = directory.trunks.named(server.trunk)
        let sender = party(server.egress, flow, outbound.local.ip.family, outbound.transport, settings)
        // Early dialogs differ by the callee's tag, which a request of the callee's has in its From.
        let fork = (isFromCaller ? response.fromTag : response.toTag).map { call.fork(response.bytes[$0]) } ?? 0
        if server.offer == .inRequest {
            guard let session = call.session else { return nil }
            return try media.answer(
                body, session: session, fromCaller: isFromCaller, exchange: server.serial, fork: UInt32(clamping: fork),
                sender: sender, now: now)
        }
        guard server.method == .invite else { return nil }
        // A late offer: the answer comes with PRACK or ACK.
        // Who refuses this one can't be asked again (RFC 3261 §13.2.1).
        let receiver = party(
            server.ingress, server.flow, inbound.local.ip.family, inbound.transport, settings)
        let session = session(
            of: call, caller: isFromCaller ? sender : receiver, callee: isFromCaller ? receiver : sender)
        server.offer = .inResponse
        if call.lateOffer?.exchange != server.serial {
            call.lateOffer = Call.LateOffer(exchange: server.serial, cSeq: response.cSeq.number)
        }
        return try media.offer(
            body, session: session, fromCaller: isFromCaller, exchange: server.serial, sender: sender,
            receiver: receiver, now: now)
    }

    private func session(of call: Call, caller: MediaPeer, callee: MediaPeer) -> UInt64 {
        if let session = call.session { return session }
        let session = media.open(caller: caller, callee: callee, isEmergency: call.isEmergency)
        call.session = session
        callsBySession[session] = call
        if call.state == .confirmed { media.confirm(session: session, fork: UInt32(clamping: call.confirmedFork ?? 0)) }
        return session
    }

    private func party(
        _ side: Side, _ flow: Flow, _ family: IPAddress.Family, _ transport: TransportProtocol?,
        _ trunk: TrunkSettings?
    ) -> MediaPeer {
        let trunk = side == .outside ? trunk : nil
        var peer = MediaPeer(
            side: side, family: family, signallingAddress: flow.peer.ip, isNAT: trunk?.isNAT ?? false,
            networks: trunk?.mediaNetworks ?? [],
            srtp: side == .inside ? settings.insideSRTP : trunk?.srtp ?? .auto,
            keying: side == .inside ? settings.insideKeying : trunk?.keying ?? .sdes,
            isSignallingSecure: transport == .tls)
        peer.isPhone = trunk.map { isPhones($0.name) } ?? false
        return peer
    }
}

extension Method {
    /// Whether a session description in the request or its responses is an offer, an answer or a statement about
    /// media, so that it never crosses as it stands (RFC 6337 §2, RFC 3261 §11.2).
    fileprivate var mayCarryMedia: Bool {
        switch self {
        case .invite, .ack, .prack, .update, .options: true
        default: false
        }
    }
}
