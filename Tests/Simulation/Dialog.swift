import NetworkTypes

/// One end of a dialog as its UA sees it (RFC 3261 §12), with its media and what its script makes it do.
final class Dialog: Entangled {
    unowned let agent: UserAgent
    let record: CallRecord
    let isCaller: Bool
    let callID: String
    let localTag: String
    let remoteTag: String
    private let local: String
    private let remote: String
    private var target: String
    private let routes: [String]
    private var cSeq: Int
    private var remoteCSeq: Int?
    var contact: String
    var media: MediaEnd
    private(set) var isConfirmed = false
    private(set) var isOver = false
    private var ownINVITE: ClientExchange?
    private var theirINVITE: ServerExchange?
    private var invites: [Int: ServerExchange] = [:]
    /// ACKs by CSeq number, to send again when the 2xx comes again.
    private var acks: [Int: [UInt8]] = [:]
    /// The CSeq numbers of INVITEs whose 2xx carried an offer of ours.
    private var lateOffers: Set<Int> = []
    private var packets = 0
    private var wantsBYE = false
    var early = EarlyState()
    /// The called end's answer to the INVITE.
    var initialAnswer: String?

    /// The UAC's end, from a response to its INVITE.
    init(
        _ agent: UserAgent, _ record: CallRecord, invite: SIPText, response: SIPText, contact: String, media: MediaEnd
    ) {
        self.agent = agent
        self.record = record
        isCaller = true
        callID = invite.callID
        (localTag, remoteTag) = (invite.fromTag, response.toTag ?? "")
        (local, remote) = (invite["from"] ?? "", response["to"] ?? "")
        target = SIPText.uri(of: response.values("contact").first ?? "")
        // What its own proxy has recorded is no hop on the way out.
        routes = response.values("record-route").reversed().filter { !$0.contains("\(agent.host);") }
        cSeq = invite.cSeq
        self.contact = contact
        self.media = media
        agent.world.enlist(self)
    }

    /// The UAS's end, from the INVITE.
    init(_ agent: UserAgent, _ record: CallRecord, answering invite: SIPText, tag: String, contact: String, port: Int) {
        self.agent = agent
        self.record = record
        isCaller = false
        callID = invite.callID
        (localTag, remoteTag) = (tag, invite.fromTag)
        (local, remote) = ((invite["to"] ?? "") + ";tag=" + tag, invite["from"] ?? "")
        target = SIPText.uri(of: invite.values("contact").first ?? "")
        routes = invite.values("record-route")
        cSeq = 100
        remoteCSeq = invite.cSeq
        self.contact = contact
        media = MediaEnd(host: agent.address.ip.description, port: port)
        agent.world.enlist(self)
    }

    func letGo() {
        (ownINVITE, theirINVITE, invites) = (nil, nil, [:])
        early.waiting = []
    }

    // MARK: Requests of ours

    private func request(_ method: String, cSeq number: Int, extra: [(String, String)] = [], body: String = "")
        -> Outgoing
    {
        var fields: [(name: String, value: String)] = [("Via", agent.via(agent.newBranch()))]
        for route in routes { fields.append(("Route", route)) }
        fields += [
            ("From", local), ("To", remote), ("Call-ID", callID), ("CSeq", "\(number) \(method)"),
            ("Max-Forwards", "70"),
        ]
        if ["INVITE", "UPDATE"].contains(method) { fields.append(("Contact", "<\(contact)>")) }
        fields += extra.map { (name: $0.0, value: $0.1) }
        return Outgoing(start: "\(method) \(target) SIP/2.0", fields: fields, body: body)
    }

    /// The next hop by the route set (§12.2.1.1), which must be the edge.
    private var nextHop: SocketAddress {
        let uri = routes.first.map(SIPText.uri) ?? target
        let address = SIPText.address(of: uri)
        if address != agent.edge { agent.world.broken("\(agent.name): the route set of \(callID) leads to \(uri)") }
        return agent.edge
    }

    @discardableResult
    func send(
        _ method: String, extra: [(String, String)] = [], body: String = "",
        _ done: @escaping (SIPText?) -> Void = { _ in }
    ) -> ClientExchange? {
        cSeq += 1
        let message = request(method, cSeq: cSeq, extra: extra, body: body)
        return agent.exchange(message, to: nextHop) { [self] response in
            // §12.2.1.2: the other end has lost the dialog, or is gone.
            if response == nil || response?.status == 481 || response?.status == 408, isConfirmed {
                lost(after: method)
            }
            done(response)
        }
    }

    private func lost(after method: String) {
        guard !isOver else { return }
        if method == "BYE" { return end("BYE") }
        hangUp()
    }

    /// The ACK of a 2xx; again with the same octets when the 2xx comes again.
    func acknowledge(_ response: SIPText, offered: Bool) {
        if let ack = acks[response.cSeq] { return agent.send(ack, to: nextHop) }
        if let contact = response.values("contact").first { target = SIPText.uri(of: contact) }
        var body = ""
        if !response.body.isEmpty {
            if offered || early.isNegotiated {
                media.take(answer: response.body)
            } else {
                body = media.answer(response.body)
            }
        }
        let bytes = request("ACK", cSeq: response.cSeq, body: body).bytes(compact: agent.isCompact)
        acks[response.cSeq] = bytes
        agent.send(bytes, to: nextHop)
    }

    /// The called end waits for the ACK of its 2xx, or for its time to run out (§15).
    func hangUp() {
        guard !isOver else { return }
        if theirINVITE?.final == 200 { return wantsBYE = true }
        end(isConfirmed ? "hung up" : "left")
        send("BYE")
    }

    /// INVITE, UPDATE or another request in the dialog.
    func act(_ action: CallScript.Action) {
        guard isConfirmed, !isOver else { return }
        switch action {
        case .hold, .resume, .move, .refresh, .lateOffer: reinvite(action)
        case .update:
            guard ownINVITE == nil, theirINVITE == nil else { return }
            let offer = media.offer()
            send("UPDATE", body: offer) { [self] response in
                if let response, response.status == 200 { media.take(answer: response.body) }
            }
        case .info: send("INFO", extra: [("X-Note", "1")])
        case .options: send("OPTIONS")
        }
    }

    private func reinvite(_ action: CallScript.Action) {
        guard ownINVITE == nil, theirINVITE == nil else { return }
        switch action {
        case .hold: media.wish = "sendonly"
        case .resume: media.wish = "sendrecv"
        default: break
        }
        let offer = action == .lateOffer ? "" : media.offer()
        ownINVITE = send("INVITE", body: offer) { [self] response in
            guard let response else { return ownINVITE = nil }
            if response.status >= 200 { ownINVITE = nil }
            if (200..<300).contains(response.status) { acknowledge(response, offered: !offer.isEmpty) }
            if response.status == 491 {
                // §14.1: the owner of the Call-ID waits for longer.
                let wait = agent.random.time(isCaller ? 2.1...4 : 0...2)
                agent.after(wait) { [self] in act(action) }
            }
        }
    }

    // MARK: Requests of theirs

    func receive(_ server: ServerExchange) {
        let request = server.request
        checkTarget(request)
        guard !isOver else { return respondToLate(server) }
        if let remoteCSeq, request.cSeq <= remoteCSeq {
            server.respond(500, tag: nil, extra: [("Retry-After", "1")])
            return
        }
        remoteCSeq = request.cSeq
        if let contact = request.values("contact").first { target = SIPText.uri(of: contact) }
        switch request.method {
        case "BYE":
            server.respond(200, tag: nil)
            if theirINVITE?.isOpen == true { theirINVITE?.respond(487, tag: nil) }
            record.note(bye: request, isCaller: isCaller, at: agent.now)
            end("BYE came")
        case "INVITE": receiveINVITE(server)
        case "UPDATE": receiveUPDATE(server)
        case "PRACK": receivePRACK(server)
        default: server.respond(200, tag: nil)
        }
    }

    /// BYEs that cross are both answered; all else finds no dialog any more.
    private func respondToLate(_ server: ServerExchange) {
        server.respond(server.request.method == "BYE" ? 200 : 481, tag: nil)
        if server.request.method == "BYE" { record.note(bye: server.request, isCaller: isCaller, at: agent.now) }
    }

    /// A request reaches us at the Contact that we wrote, to the letter.
    private func checkTarget(_ request: SIPText) {
        guard request.uri != contact else { return }
        agent.world.broken("\(agent.name) gets \(request.method) for \(request.uri), but is at \(contact)")
    }

    private func receiveINVITE(_ server: ServerExchange) {
        if ownINVITE != nil {
            server.respond(491, tag: nil)
            return
        }
        if theirINVITE?.isOpen == true {
            server.respond(500, tag: nil, extra: [("Retry-After", "3")])
            return
        }
        theirINVITE = server
        invites[server.request.cSeq] = server
        let delay = agent.random.chance(0.5) ? Duration.zero : agent.random.time(0...3)
        agent.after(delay) { [self] in
            guard server.isOpen, !isOver else { return }
            if agent.random.chance(0.1) {
                server.respond(488, tag: nil)
                theirINVITE = nil
            } else {
                accept(server)
            }
        }
    }

    /// 200 to an INVITE, with an answer or an offer; repeated until its ACK.
    func accept(_ server: ServerExchange, recordRoute: String? = nil) {
        invites[server.request.cSeq] = server
        theirINVITE = server
        let body: String
        if !isConfirmed, early.isNegotiated {
            body = ""
        } else if server.request.body.isEmpty {
            body = media.offer()
            lateOffers.insert(server.request.cSeq)
        } else {
            body = isConfirmed ? media.answer(server.request.body) : answer(server)
        }
        server.accept(tag: localTag, contact: "<\(contact)>", recordRoute: recordRoute, body: body) { [self] in
            record.silences += 1
            theirINVITE = nil
            hangUp()
        }
    }

    private func receiveUPDATE(_ server: ServerExchange) {
        if ownINVITE != nil || theirINVITE?.isOpen == true {
            server.respond(491, tag: nil)
            return
        }
        let body = server.request.body.isEmpty ? "" : media.answer(server.request.body)
        server.respond(200, tag: nil, contact: "<\(contact)>", body: body)
    }

    func receiveACK(_ ack: SIPText) {
        guard let server = invites[ack.cSeq], server.acknowledged(tag: localTag) else { return }
        theirINVITE = nil
        if lateOffers.remove(ack.cSeq) != nil, !ack.body.isEmpty { media.take(answer: ack.body) }
        record.acknowledged += 1
        if wantsBYE { hangUp() }
    }

    // MARK: Life

    func confirm() {
        guard !isConfirmed else { return }
        isConfirmed = true
        early.isNegotiated = false
        sendMedia()
    }

    func end(_ how: String) {
        guard !isOver else { return }
        isOver = true
        record.over(isCaller: isCaller, how, at: agent.now)
        // Retransmissions of a BYE that crossed ours are answered for as long as they may come.
        agent.after(.seconds(40)) { [self] in agent.remove(self) }
    }

    /// A packet of audio every ten seconds, which is enough for what watches for silence.
    private func sendMedia() {
        guard !isOver, !record.script.isMute else { return }
        if media.sends, let remote = media.remote {
            packets += 1
            agent.world.sendMedia(packets, from: agent, port: media.port, to: remote)
        }
        agent.after(agent.random.time(8...12)) { [self] in sendMedia() }
    }

    func receivedMedia() {
        if isCaller { record.packetsToCaller += 1 } else { record.packetsToCallee += 1 }
    }
}
