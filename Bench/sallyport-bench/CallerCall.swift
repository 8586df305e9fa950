import CBench
import NetworkTypes

/// One call at the end that placed it.
final class CallerCall: TimedCall {
    private enum State {
        case calling, ringing, cancelling, up, hangingUp
        /// Gone without a word: nothing is sent and nothing answered any more.
        case dead
        case over
    }

    let number: UInt32
    let callID: [UInt8]
    private(set) var stream: RTPStream?
    var scheduled = Instant.distantFuture

    private let plan: CallPlan
    private unowned let agent: UserAgentCaller
    private var state = State.calling
    private var invite: ClientTransaction?
    /// A CANCEL or BYE under way.
    private var ending: ClientTransaction?
    private var dialog: Dialog?
    private var acknowledgement: (message: [UInt8], destination: SocketAddress)?
    private var answers = 0
    private var startedAt: Int64 = 0
    /// When to cancel or hang up, and when to forget a call that is over.
    private var actAt = Instant.distantFuture
    private var lastBYE: (branch: [UInt8], response: [UInt8])?

    init(_ number: UInt32, _ plan: CallPlan, agent: UserAgentCaller) {
        self.number = number
        self.plan = plan
        self.agent = agent
        callID = agent.callID(for: number)
        let user = "\(plan.rawValue).\(number)"
        (requestURI, firstHop) = agent.target(user: agent.settings.number ?? user)
        to = Array("<sip:\(user)@\(agent.settings.outside)>".utf8)
    }

    private let requestURI: [UInt8]
    private let firstHop: SocketAddress
    private let to: [UInt8]
    private var from: [UInt8] { Array("<".utf8) + agent.contactURI + Array(">;tag=".utf8) + agent.tag(for: number) }

    private func fail(_ reason: String) { agent.scoreboard.fail(number, reason) }

    // MARK: Setting up

    /// Sends the INVITE.
    func start(at now: Instant) throws(SystemError) {
        let sdp = try offer()
        let branch = agent.newBranch()
        var builder = request(.invite, branch: branch, to: to)
        builder.field("Contact", agent.contact)
        builder.field("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS")
        let message = builder.finish(sdp: sdp)
        let destination = firstHop
        invite = ClientTransaction(
            method: .invite, branch: branch, number: 1,
            retransmission: Retransmission(of: message, to: destination, isInvite: true, at: now))
        startedAt = CBench_realtime_nanoseconds()
        agent.send(message, to: destination)
    }

    private func offer() throws(SystemError) -> [UInt8] {
        let settings = agent.settings
        var port: UInt16 = 0
        switch settings.audio {
        case .none: return []
        case .stamped where plan.hasMedia, .tones where plan.hasMedia:
            let stream = try agent.media.open(call: number, end: .caller, on: agent.address.ip)
            if settings.audio == .tones { stream.tone = ToneExchange(end: .caller) }
            port = stream.socket.address.port
            self.stream = stream
        default: port = agent.media.portWithoutSocket()
        }
        let address = SocketAddress(agent.address.ip, port)
        return SessionDescription.text(audioAt: address, packetTime: settings.packetTime)
    }

    /// The fields of a request outside a dialog: INVITE, its CANCEL, and its ACK after a refusal.
    private func request(_ method: SIPMethod, branch: [UInt8], to: [UInt8]) -> MessageBuilder {
        var builder = MessageBuilder(method, uri: requestURI)
        builder.field("Via", agent.via(branch: branch))
        if let route = agent.outboundProxy { builder.field("Route", route) }
        builder.field("Max-Forwards", "70")
        builder.field("From", from)
        builder.field("To", to)
        builder.field("Call-ID", callID)
        builder.cseq(1, method)
        return builder
    }

    // MARK: Deadlines

    var nextDeadline: Instant {
        var deadline = actAt
        if let invite { deadline = min(deadline, invite.retransmission.nextDeadline) }
        if let ending { deadline = min(deadline, ending.retransmission.nextDeadline) }
        return deadline
    }

    func handleTimeout(at now: Instant) {
        if let due = invite?.retransmission.due(at: now), let invite { handle(due, of: invite) }
        if let due = ending?.retransmission.due(at: now), let ending { handle(due, of: ending) }
        if now >= actAt { act(at: now) }
    }

    private func handle(_ due: Retransmission.Due, of transaction: ClientTransaction) {
        switch due {
        case .nothing: break
        case .send: agent.sendAgain(transaction.retransmission)
        case .timeout:
            // Straight to an answerer that keeps silent, the caller's own timer B is the planned end.
            let isPlanned = plan == .silence && agent.settings.proxy == nil
            end(isPlanned ? nil : "\(transaction.method.text) had no final response")
        }
    }

    private func act(at now: Instant) {
        actAt = .distantFuture
        switch state {
        case .ringing: cancel(at: now)
        case .up where plan.isEndedByAnswerer: end("the answerer's BYE never came")
        case .up: sendBYE(at: now)
        case .over, .dead: agent.forget(self)
        case .calling, .cancelling, .hangingUp: break
        }
    }

    // MARK: Ending

    /// Hangs up at a moment to come, or, where the answerer is to do it, gives up waiting a good while later.
    func hangUp(at moment: Instant) {
        if state == .up { actAt = plan.isEndedByAnswerer ? moment + .seconds(40) : moment }
    }

    private func cancel(at now: Instant) {
        guard let invite else { return }
        state = .cancelling
        // CANCEL is sent like the INVITE it cancels: same URI, Via, Route, To (RFC 3261 §9.1).
        var builder = request(
            .cancel, branch: invite.branch, to: to)
        ending = send(builder.finish(), .cancel, branch: invite.branch, number: 1, to: firstHop, at: now)
    }

    private func sendBYE(at now: Instant) {
        guard let destination = dialog?.nextHop else { return end("the route set leads to no address") }
        let branch = agent.newBranch()
        guard let (message, number) = dialog?.request(.bye, via: agent.via(branch: branch), contact: agent.contact)
        else { return }
        state = .hangingUp
        ending = send(message, .bye, branch: branch, number: number, to: destination, at: now)
    }

    private func send(
        _ message: [UInt8], _ method: SIPMethod, branch: [UInt8], number: UInt32, to destination: SocketAddress,
        at now: Instant
    ) -> ClientTransaction {
        agent.send(message, to: destination)
        return ClientTransaction(
            method: method, branch: branch, number: number,
            retransmission: Retransmission(of: message, to: destination, at: now))
    }

    /// The call is over, as planned or for the reason given; what still comes for it is answered for a while.
    private func end(_ failure: String? = nil, state final: State = .over) {
        guard state != .over, state != .dead else { return }
        if let failure { fail(failure) } else { agent.scoreboard.end(number, plan.outcome) }
        if dialog != nil { agent.scoreboard.hangUp() }
        state = final
        (invite, ending) = (nil, nil)
        if let stream { agent.media.close(stream) }
        stream = nil
        // What a dead caller is sent goes on for a 2xx and a BYE after it.
        actAt = .now + (final == .dead ? Retransmission.limit * 3 : Retransmission.limit)
        agent.ended()
    }
}

// MARK: Responses

extension CallerCall {
    func handle(response: ReceivedMessage, status: Int, arrived: Int64, at now: Instant) {
        guard state != .dead else { return }
        let vias = response.values(.via)
        guard let cseq = response.cseq, let via = vias.first, let branch = response.parameter("branch", of: via) else {
            return fail("a response without CSeq or Via branch")
        }
        if vias.count != 1 { fail("a response with \(vias.count) Via values") }
        if response.parameter("tag", of: response[.from]) != agent.tag(for: number) {
            return fail("a response with a wrong From tag")
        }
        switch cseq.method {
        case .invite: handleInvite(response, status, branch, arrived: arrived, at: now)
        default: handleEnding(status, branch, cseq)
        }
    }

    private func handleEnding(_ status: Int, _ branch: [UInt8], _ cseq: (number: UInt32, method: SIPMethod)) {
        guard let ending, ending.branch == branch, ending.method == cseq.method, ending.number == cseq.number,
            status >= 200
        else { return }
        self.ending = nil
        if status >= 300 { return end("\(cseq.method.text) was answered \(status)") }
        if cseq.method == .bye { end() }
    }

    private func handleInvite(
        _ response: ReceivedMessage, _ status: Int, _ branch: [UInt8], arrived: Int64, at now: Instant
    ) {
        guard let invite else { return handleRepeated(status) }
        guard invite.branch == branch else { return fail("a response to INVITE with a wrong branch") }
        if status > 100, response.parameter("tag", of: response[.to]) == nil { fail("\(status) without a To tag") }
        switch status {
        case ..<200: proceed(status, at: now)
        case ..<300: answer(response, arrived: arrived, at: now)
        default: refuse(response, status, at: now)
        }
    }

    private func proceed(_ status: Int, at now: Instant) {
        invite?.retransmission.pause(at: now, patience: .seconds(45))
        guard state == .calling, status > 100 else { return }
        state = .ringing
        if plan == .cancelled { actAt = now }
    }

    /// A final response that came again: its ACK was lost.
    private func handleRepeated(_ status: Int) {
        guard status >= 200, let acknowledgement else { return }
        answers += 1
        if plan == .lateack, answers < 3 { return }
        agent.send(acknowledgement.message, to: acknowledgement.destination)
    }

    private func answer(_ response: ReceivedMessage, arrived: Int64, at now: Instant) {
        invite = nil
        guard var dialog = Dialog(response: response, number: 1) else { return end("200 without Contact or tags") }
        guard let destination = dialog.nextHop else { return end("200 with a route set that leads to no address") }
        if agent.settings.proxy != nil, dialog.routeSet.isEmpty { fail("200 without Record-Route") }
        let (ack, _) = dialog.request(.ack, via: agent.via(branch: agent.newBranch()), contact: agent.contact)
        acknowledgement = (ack, destination)
        self.dialog = dialog
        answers = 1
        agent.scoreboard.answer(after: arrived - startedAt)
        if plan == .noack { return end(state: .dead) }
        if plan != .lateack { agent.send(ack, to: destination) }
        if plan == .dies { return end(state: .dead) }
        if state == .cancelling {
            ending = nil
            return sendBYE(at: now)
        }
        state = .up
        startAudio(response, at: now)
        if let delay = agent.settings.hangUpDelay { hangUp(at: now + delay) }
    }

    private func startAudio(_ response: ReceivedMessage, at now: Instant) {
        guard agent.settings.audio != .none else { return }
        guard let address = SessionDescription.audioAddress(in: response.bytes[response.body]) else {
            return fail("200 without usable SDP")
        }
        let expected = agent.settings.mediaAddress(seenFrom: agent.side)
        if address.ip != expected { fail("the answer's SDP names \(address.ip) instead of \(expected)") }
        guard let stream else { return }
        stream.connect(to: address)
        if agent.playsAudio { agent.media.start(stream, frames: agent.settings.framesPerCall, at: now) }
    }

    private func refuse(_ response: ReceivedMessage, _ status: Int, at now: Instant) {
        guard let invite else { return }
        // The ACK for a refusal belongs to the INVITE's transaction: same branch, the response's To (RFC 3261 §17.1.1.3).
        var builder = request(.ack, branch: invite.branch, to: response.slice(response[.to]))
        let message = builder.finish()
        acknowledgement = (message, firstHop)
        agent.send(message, to: firstHop)
        self.invite = nil
        end(plan.expects(status) ? nil : "INVITE was answered \(status) (planned: \(plan.rawValue))")
    }
}

// MARK: Requests

extension CallerCall {
    func handle(
        _ method: SIPMethod, _ uri: Range<Int>, _ request: ReceivedMessage, from source: SocketAddress,
        at now: Instant
    ) {
        guard state != .dead else { return }
        guard method == .bye else { return fail("an unexpected \(method.text)") }
        let branch = request.parameter("branch", of: request.values(.via).first) ?? []
        let destination = agent.responseDestination(request, from: source)
        if let lastBYE, lastBYE.branch == branch { return agent.send(lastBYE.response, to: destination) }
        if let fault = dialog?.fault(of: request) ?? agent.routingFault(of: request, uri) {
            fail("BYE with \(fault)")
        }
        var builder = MessageBuilder(status: 200, reason: "OK", to: request, tag: [])
        let response = builder.finish()
        lastBYE = (branch, response)
        agent.send(response, to: destination)
        end(plan.isEndedByAnswerer ? nil : "the other end hung up")
    }
}

extension CallPlan {
    /// Whether the caller may get this refusal. A proxy answers for an answerer that keeps silent.
    func expects(_ status: Int) -> Bool {
        switch self {
        case .busy: status == 486
        case .declined: status == 603
        case .cancelled: status == 487
        case .silence: [408, 480, 503, 504].contains(status)
        case .answered, .hungup, .lateack, .noack, .dies: false
        }
    }
}
