import NetworkTypes

/// One call at the end that is called.
final class AnswererCall: TimedCall {
    private enum State {
        case ringing
        /// A final response is sent again until its ACK comes.
        case refused, answered
        case up, hangingUp, over
    }

    let number: UInt32
    let callID: [UInt8]
    private(set) var stream: RTPStream?
    var scheduled = Instant.distantFuture
    var isOver: Bool { state == .over }

    private let plan: CallPlan
    private unowned let agent: UserAgentAnswerer
    private var state = State.ringing
    private var invite: ReceivedMessage?
    private var inviteBranch: [UInt8] = []
    private var destination = SocketAddress(.unspecified(.v4), 0)
    /// The latest response to the INVITE, for copies of it.
    private var latest: [UInt8] = []
    private var final: Retransmission?
    private var bye: ClientTransaction?
    private var dialog: Dialog?
    private var offered: SocketAddress?
    private var security: SecureAudio?
    /// When to answer or hang up, and when to forget a call that is over.
    private var actAt = Instant.distantFuture
    private var lastBYE: (branch: [UInt8], response: [UInt8])?

    init(_ number: UInt32, _ plan: CallPlan, callID: [UInt8], agent: UserAgentAnswerer) {
        self.number = number
        self.plan = plan
        self.callID = callID
        self.agent = agent
    }

    private var tag: [UInt8] { agent.tag(for: number) }

    private func fail(_ reason: String) { agent.scoreboard.fail(number, reason) }

    // MARK: The INVITE

    /// Takes in the INVITE that made this call.
    func accept(_ request: ReceivedMessage, from source: SocketAddress, at now: Instant) {
        invite = request
        inviteBranch = request.parameter("branch", of: request.values(.via).first) ?? []
        destination = agent.responseDestination(request, from: source)
        guard let dialog = Dialog(request: request, tag: tag) else { return end("INVITE without Contact or tags") }
        self.dialog = dialog
        checkOffer(request)
        switch plan {
        case .busy: refuse(486, "Busy Here", at: now)
        case .declined: refuse(603, "Decline", at: now)
        default:
            respond(180, "Ringing")
            if plan == .cancelled { break }
            if agent.settings.ring > .zero { actAt = now + agent.settings.ring } else { answer(at: now) }
        }
    }

    private func checkOffer(_ request: ReceivedMessage) {
        guard agent.settings.audio != .none else { return }
        guard let address = SessionDescription.audioAddress(in: request.bytes[request.body]) else {
            return fail("INVITE without usable SDP")
        }
        let expected = agent.settings.mediaAddress(seenFrom: agent.side)
        if address.ip != expected { fail("the offer's SDP names \(address.ip) instead of \(expected)") }
        offered = address
        guard agent.settings.answersSecurely else { return }
        security = SecureAudio(answering: request.bytes[request.body])
        if security == nil { fail("the offer has no SRTP keys") }
    }

    private func respond(_ status: Int, _ reason: StaticString, sdp: [UInt8] = []) {
        guard let invite else { return }
        var builder = MessageBuilder(status: status, reason: reason, to: invite, tag: tag)
        if status < 300 { builder.field("Contact", agent.contact) }
        latest = builder.finish(sdp: sdp)
        agent.send(latest, to: destination)
    }

    private func refuse(_ status: Int, _ reason: StaticString, at now: Instant) {
        respond(status, reason)
        state = .refused
        actAt = .distantFuture
        final = Retransmission(of: latest, to: destination, at: now)
    }

    private func answer(at now: Instant) {
        let sdp: [UInt8]
        do { sdp = try makeAnswer() } catch { return end("\(error)") }
        respond(200, "OK", sdp: sdp)
        state = .answered
        final = Retransmission(of: latest, to: destination, at: now)
    }

    private func makeAnswer() throws(SystemError) -> [UInt8] {
        let settings = agent.settings
        var port: UInt16 = 0
        switch settings.audio {
        case .none: return []
        case .stamped where plan.hasMedia, .tones where plan.hasMedia:
            let stream = try agent.media.open(call: number, end: .answerer, on: agent.address.ip)
            if settings.audio == .tones { stream.tone = ToneExchange(end: .answerer) }
            if let offered { stream.connect(to: offered) }
            stream.security = security
            port = stream.socket.address.port
            self.stream = stream
        default: port = agent.media.portWithoutSocket()
        }
        let address = SocketAddress(agent.address.ip, port)
        return SessionDescription.text(audioAt: address, packetTime: settings.packetTime, security: security)
    }

    // MARK: Deadlines

    var nextDeadline: Instant {
        var deadline = actAt
        if let final { deadline = min(deadline, final.nextDeadline) }
        if let bye { deadline = min(deadline, bye.retransmission.nextDeadline) }
        return deadline
    }

    func handleTimeout(at now: Instant) {
        if let due = final?.due(at: now), let final { handle(due, of: final, at: now) }
        if let due = bye?.retransmission.due(at: now), let bye { handle(due, of: bye) }
        if now >= actAt { act(at: now) }
    }

    private func handle(_ due: Retransmission.Due, of response: Retransmission, at now: Instant) {
        switch due {
        case .nothing: break
        case .send: agent.sendAgain(response)
        case .timeout:
            final = nil
            if plan != .noack { fail("no ACK came") }
            // A 2xx whose ACK never comes ends in BYE (RFC 3261 §13.3.1.4), a refusal in silence.
            if state == .answered { sendBYE(at: now) } else { end() }
        }
    }

    private func handle(_ due: Retransmission.Due, of transaction: ClientTransaction) {
        switch due {
        case .nothing: break
        case .send: agent.sendAgain(transaction.retransmission)
        case .timeout: end(callerIsGone ? nil : "the answerer's BYE had no final response")
        }
    }

    /// Whether the plan has the caller gone by the time of the answerer's BYE.
    private var callerIsGone: Bool { plan == .noack || plan == .dies }

    private func act(at now: Instant) {
        actAt = .distantFuture
        switch state {
        case .ringing: answer(at: now)
        case .up: sendBYE(at: now)
        case .over: agent.forget(self)
        case .refused, .answered, .hangingUp: break
        }
    }

    // MARK: Ending

    /// Hangs up at a moment to come, if the call is up and this end is to do it.
    func hangUp(at moment: Instant) {
        if state == .up, plan.isEndedByAnswerer { actAt = moment }
    }

    private func sendBYE(at now: Instant) {
        guard let destination = dialog?.nextHop else { return end("the route set leads to no address") }
        let branch = agent.newBranch()
        guard let (message, number) = dialog?.request(.bye, via: agent.via(branch: branch), contact: agent.contact)
        else { return }
        state = .hangingUp
        bye = ClientTransaction(
            method: .bye, branch: branch, number: number,
            retransmission: Retransmission(of: message, to: destination, at: now))
        agent.send(message, to: destination)
    }

    private func end(_ failure: String? = nil) {
        guard state != .over else { return }
        if let failure { fail(failure) }
        state = .over
        (final, bye, invite) = (nil, nil, nil)
        if let stream { agent.media.close(stream) }
        stream = nil
        actAt = .now + Retransmission.limit
        agent.ended()
    }
}

// MARK: Requests

extension AnswererCall {
    func handle(
        _ method: SIPMethod, _ uri: Range<Int>, _ request: ReceivedMessage, from source: SocketAddress, at now: Instant
    ) {
        let branch = request.parameter("branch", of: request.values(.via).first) ?? []
        switch method {
        case .invite: handleAgain(branch)
        case .ack: acknowledge(request, uri, branch, at: now)
        case .cancel: cancel(request, branch, from: source, at: now)
        case .bye: hangUp(request, uri, branch, from: source)
        default: fail("an unexpected \(method.text)")
        }
    }

    private func handleAgain(_ branch: [UInt8]) {
        guard branch == inviteBranch else { return fail("the INVITE came twice, with two branches") }
        if !latest.isEmpty { agent.send(latest, to: destination) }
    }

    private func acknowledge(_ request: ReceivedMessage, _ uri: Range<Int>, _ branch: [UInt8], at now: Instant) {
        guard request.parameter("tag", of: request[.to]) == tag else { return fail("ACK with a wrong To tag") }
        if state == .refused {
            if branch != inviteBranch { fail("ACK for a refusal with another branch than its INVITE") }
            return end()
        }
        guard state == .answered else { return }
        if let fault = dialog?.fault(of: request) ?? agent.routingFault(of: request, uri) { fail("ACK with \(fault)") }
        if request.cseq?.number != 1 { fail("ACK with another CSeq than its INVITE") }
        final = nil
        state = .up
        startAudio(at: now)
    }

    private func startAudio(at now: Instant) {
        let settings = agent.settings
        if let stream, agent.playsAudio { agent.media.start(stream, frames: settings.framesPerCall, at: now) }
        if let delay = settings.hangUpDelay { hangUp(at: now + delay) }
    }

    private func cancel(_ request: ReceivedMessage, _ branch: [UInt8], from source: SocketAddress, at now: Instant) {
        var builder = MessageBuilder(status: 200, reason: "OK", to: request, tag: tag)
        agent.send(builder.finish(), to: agent.responseDestination(request, from: source))
        if branch != inviteBranch { fail("CANCEL with another branch than its INVITE") }
        if plan != .cancelled { fail("an unexpected CANCEL") }
        if state == .ringing { refuse(487, "Request Terminated", at: now) }
    }

    private func hangUp(_ request: ReceivedMessage, _ uri: Range<Int>, _ branch: [UInt8], from source: SocketAddress) {
        let destination = agent.responseDestination(request, from: source)
        if let lastBYE, lastBYE.branch == branch { return agent.send(lastBYE.response, to: destination) }
        if let fault = dialog?.fault(of: request) ?? agent.routingFault(of: request, uri) { fail("BYE with \(fault)") }
        var builder = MessageBuilder(status: 200, reason: "OK", to: request, tag: tag)
        let response = builder.finish()
        lastBYE = (branch, response)
        agent.send(response, to: destination)
        // A proxy that notices a dead caller may end the call before the answerer does.
        let isPlanned = !plan.isEndedByAnswerer || callerIsGone
        end(isPlanned ? nil : "the caller hung up against the plan")
    }
}

// MARK: Responses

extension AnswererCall {
    /// A response to this end's BYE.
    func handle(response: ReceivedMessage, status: Int, at now: Instant) {
        let branch = response.parameter("branch", of: response.values(.via).first)
        guard let bye, status >= 200, branch == bye.branch, response.cseq?.number == bye.number else { return }
        if status >= 300, !callerIsGone { return end("the answerer's BYE was answered \(status)") }
        end()
    }
}
