import NetworkTypes

/// The calling end of a call until it is answered: INVITE, credentials, CANCEL, and the dialogs of all forks
/// (RFC 3261 §13.2).
final class CallerLeg: Entangled {
    private unowned let agent: UserAgent
    private let script: CallScript
    private let record: CallRecord
    private let uri: String
    private let localTag: String
    private let contact: String
    private var media: MediaEnd
    private var invite: ClientExchange?
    private var cSeq = 1
    private var dialogs: [String: Dialog] = [:]
    private var winner: Dialog?
    private var wantsCANCEL = false

    init(_ agent: UserAgent, _ record: CallRecord, uri: String) {
        self.agent = agent
        self.record = record
        self.uri = uri
        script = record.script
        localTag = agent.newTag("f")
        contact = agent.world.contact(of: agent, user: script.isFromInside ? "asterisk" : "5551234")
        media = MediaEnd(host: agent.address.ip.description, port: agent.newPort())
        media.offersVideo = script.hasVideo
        agent.world.enlist(self)
    }

    func letGo() { (invite, dialogs, winner) = (nil, [:], nil) }

    func start() {
        record.started = agent.now
        send(credentials: nil)
        if let cancelAfter = script.cancelAfter { agent.after(cancelAfter) { [self] in cancel() } }
        // Whoever calls gives up at some time, whatever happens.
        agent.after(.seconds(400)) { [self] in
            if record.final == nil { cancel() }
        }
    }

    private func send(credentials: String?) {
        var fields: [(name: String, value: String)] = [("Via", agent.via(agent.newBranch()))]
        if script.isFromInside { fields.append(("Route", "<sip:192.168.0.1;lr>")) }
        if agent.recordsRoute { fields.append(("Record-Route", "<sip:\(agent.host);lr>")) }
        let host = script.isFromInside ? agent.host : "itsp.example"
        fields += [
            ("From", "<sip:\(script.isFromInside ? "1000" : "5551234")@\(host)>;tag=\(localTag)"), ("To", "<\(uri)>"),
            ("Call-ID", script.callID), ("CSeq", "\(cSeq) INVITE"), ("Max-Forwards", "70"), ("Contact", "<\(contact)>"),
        ]
        if script.isReliable { fields.append(("Supported", "100rel")) }
        if let credentials { fields.append(("Proxy-Authorization", credentials)) }
        let message = Outgoing(
            start: "INVITE \(uri) SIP/2.0", fields: fields, body: script.isLateOffer ? "" : media.offer())
        let number = cSeq
        invite = agent.exchange(message, to: agent.edge) { [self] response in
            guard number == cSeq else { return }
            if let response { receive(response) } else { finish(0) }
        }
    }

    private func receive(_ response: SIPText) {
        if response.status >= 300 {
            // Another node of the ITSP has a nonce of its own.
            if response.status == 407, cSeq < 4, script.isChallenged, !wantsCANCEL {
                cSeq += 1
                return send(credentials: Registrar.credentials(for: response["proxy-authenticate"]))
            }
            return finish(response.status)
        }
        if response.status >= 200 { return accept(response) }
        if response.status > 100, let dialog = dialog(response), response["require"] == "100rel" {
            dialog.receiveReliable(response, offered: !script.isLateOffer)
        }
        if wantsCANCEL { invite?.cancel() }
    }

    private func dialog(_ response: SIPText) -> Dialog? {
        guard let tag = response.toTag, let invite else { return nil }
        if let known = dialogs[tag] { return known }
        let dialog = Dialog(
            agent, record, invite: invite.request, response: response, contact: contact, media: media)
        dialogs[tag] = dialog
        agent.add(dialog)
        return dialog
    }

    private func accept(_ response: SIPText) {
        guard let dialog = dialog(response) else { return }
        dialog.acknowledge(response, offered: !script.isLateOffer)
        if dialog === winner { return }
        guard winner == nil, record.final == nil, !wantsCANCEL else {
            // Another fork, or too late (§13.2.2.4).
            if record.final == nil { finish(200) }
            return dialog.hangUp()
        }
        winner = dialog
        record.callerConfirmed = true
        record.answered = agent.now
        finish(200)
        dialog.confirm()
        plan(dialog)
    }

    private func plan(_ dialog: Dialog) {
        for planned in script.actions where planned.isCallers {
            agent.after(planned.after) { dialog.act(planned.action) }
        }
        if script.ending == .caller || script.ending == .both {
            agent.after(script.duration) { dialog.hangUp() }
        }
    }

    private func finish(_ status: Int) {
        guard record.final == nil else { return }
        record.final = status
        record.finished = agent.now
        // Other forks may answer for a while yet (§13.2.2.4).
        agent.after(status == 200 ? Referee.timeout : .zero) { [self] in
            for dialog in dialogs.values where !dialog.isConfirmed { dialog.end("\(status)") }
        }
    }

    private func cancel() {
        guard record.final == nil, !wantsCANCEL else { return }
        wantsCANCEL = true
        record.cancelled = agent.now
        invite?.cancel()
    }
}
