import NetworkTypes

// Reliable provisional responses (RFC 3262) and offers in early dialogs (RFC 3311).

/// What an early dialog remembers about its provisional responses.
struct EarlyState {
    /// The last RSeq that has come, or gone.
    var sequence: Int?
    /// The response that awaits its PRACK.
    var pending: Int?
    /// Rings that must wait for it.
    var waiting: [() -> Void] = []
    /// The INVITE's offer has its answer.
    var isNegotiated = false
    /// The offer went with the response that is pending.
    var isOfferPending = false
}

extension Dialog {
    // MARK: The called end

    /// A provisional response, reliable where both ends want that.
    func ring(_ server: ServerExchange, _ status: Int, hasBody: Bool, recordRoute: String?) {
        guard server.isOpen, !isOver else { return }
        guard record.script.isReliable else {
            let body = hasBody && !server.request.body.isEmpty ? answer(server) : ""
            server.respond(status, tag: localTag, contact: "<\(contact)>", recordRoute: recordRoute, body: body)
            return
        }
        whenAcknowledged { [self] in
            guard server.isOpen, !isOver else { return }
            ringReliably(server, status, hasBody: hasBody, recordRoute: recordRoute)
        }
    }

    private func ringReliably(_ server: ServerExchange, _ status: Int, hasBody: Bool, recordRoute: String?) {
        let number = (early.sequence ?? agent.random.number(1...9000)) + 1
        early.sequence = number
        early.pending = number
        var body = ""
        if server.request.body.isEmpty {
            // §5: without an offer in the INVITE the first reliable response has it.
            if !early.isNegotiated {
                body = media.offer()
                early.isOfferPending = true
            }
        } else if hasBody {
            body = answer(server)
            early.isNegotiated = true
        }
        server.ring(
            status, tag: localTag, contact: "<\(contact)>", recordRoute: recordRoute,
            extra: [("Require", "100rel"), ("RSeq", "\(number)")], body: body,
            while: { [self] in early.pending == number && !isOver },
            onSilence: { [self] in
                server.respond(504, tag: localTag)
                end("no PRACK")
            })
    }

    /// Does it now, or when the response that is pending has its PRACK.
    func whenAcknowledged(_ action: @escaping () -> Void) {
        if early.pending == nil { action() } else { early.waiting.append(action) }
    }

    /// The answer to the INVITE's offer, always the same.
    func answer(_ server: ServerExchange) -> String {
        let body = initialAnswer ?? media.answer(server.request.body)
        initialAnswer = body
        return body
    }

    func receivePRACK(_ server: ServerExchange) {
        let rack = (server.request["rack"] ?? "").split(separator: " ")
        guard rack.count == 3, let pending = early.pending, Int(rack[0]) == pending else {
            server.respond(481, tag: nil)
            return
        }
        if early.isOfferPending, !server.request.body.isEmpty {
            media.take(answer: server.request.body)
            early.isNegotiated = true
            early.isOfferPending = false
        }
        early.pending = nil
        server.respond(200, tag: nil)
        while early.pending == nil, !early.waiting.isEmpty { early.waiting.removeFirst()() }
    }

    // MARK: The calling end

    /// A provisional response that wants a PRACK; those that come again have it already.
    func receiveReliable(_ response: SIPText, offered: Bool) {
        guard let number = response["rseq"].flatMap({ Int($0) }), !isConfirmed, !isOver else { return }
        if let last = early.sequence, number != last + 1 { return }
        early.sequence = number
        var body = ""
        if !response.body.isEmpty {
            if offered {
                media.take(answer: response.body)
            } else if !early.isNegotiated {
                body = media.answer(response.body)
            }
            early.isNegotiated = true
        }
        sendPRACK("\(number) \(response.cSeq) INVITE", body: body)
    }

    private func sendPRACK(_ rack: String, body: String) {
        send("PRACK", extra: [("RAck", rack)], body: body) { [self] answer in
            // Another request has overtaken it.
            if answer?.status == 500, !isOver { return sendPRACK(rack, body: body) }
            guard answer?.status == 200, record.script.hasEarlyUpdate, early.isNegotiated else { return }
            agent.after(.milliseconds(300)) { [self] in updateEarly() }
        }
    }

    private func updateEarly() {
        guard !isConfirmed, !isOver, record.final == nil else { return }
        let offer = media.offer()
        send("UPDATE", body: offer) { [self] response in
            if let response, response.status == 200 { media.take(answer: response.body) }
        }
    }
}
