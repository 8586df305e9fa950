public import NetworkTypes
import SIP

// What may be refused so that the rest goes well: limits, budgets, overload, bans. Calls for help pass all of it.

extension ProxyCore {
    /// The name that requests of remote phones have as their trunk.
    private static let phones = "phones"

    /// Sends an admitted and routed request on, unless a limit says otherwise.
    func admit(_ arrival: Arrival, _ forwarding: Forwarding) {
        var forwarding = forwarding
        let message = arrival.message
        if message.isInDialog {
            forwarding.isEmergency = forwarding.call?.isEmergency ?? false
        } else {
            if isBanned(arrival) { return dropBanned(arrival) }
            if message.method == .invite {
                forwarding.isEmergency = isEmergency(message, from: arrival.side, trunk: forwarding.trunk)
                if !forwarding.isEmergency, !refusedINVITEs.isEmpty(at: arrival.now),
                    let status = refusedINVITEs.status(of: transactions.tag(for: message), at: arrival.now)
                {
                    // Whoever repeats a refused INVITE has not seen the answer yet, and must not get another one.
                    return repeatRefusal(arrival, status)
                }
            }
        }
        if isOverloaded(by: message, isEmergency: forwarding.isEmergency) {
            counters.overloaded += 1
            return refuse(arrival, 503, "Overloaded", trunk: forwarding.trunk)
        }
        if pressure > 0, !forwarding.isEmergency, !message.isInDialog, !isDecidedEarly(arrival), isShed() {
            return shed(arrival)
        }
        var place: CallPlace?
        if message.method == .invite, !message.isInDialog, !forwarding.isEmergency, let admission = settings.admission {
            let isOutbound = arrival.side == .inside && forwarding.egress == .outside
            switch admission.admit(trunk: forwarding.trunk, isOutbound: isOutbound, at: arrival.now) {
            case .success(let given): place = given
            case .failure(let refusal): return refuse(arrival, refusal, trunk: forwarding.trunk)
            }
        }
        forward(arrival, forwarding, place)
    }

    /// Whether the request calls for help, from a host inside or a registered phone: a stranger's does not count.
    func isEmergency(_ message: Message, from side: Side, trunk: String) -> Bool {
        (side == .inside || trunk == Self.phones)
            && settings.emergencyNumbers.contains(message.requestURI, in: message.bytes)
    }

    // MARK: Refusing

    private func refuse(_ arrival: Arrival, _ refusal: CallRefusal, trunk: String) {
        // Who calls in hears that it is busy: 503 would send the ITSP to another of our addresses.
        if refusal.cause == .trunkCalls, arrival.side == .outside {
            return refuse(arrival, 486, refusal.reason, label: refusal.cause.rawValue, trunk: trunk)
        }
        refuse(arrival, 503, refusal.reason, label: refusal.cause.rawValue, trunk: trunk)
    }

    private func refuse(
        _ arrival: Arrival, _ status: Int, _ reason: String, label: String? = nil, trunk: String
    ) {
        let tag = transactions.tag(for: arrival.message)
        if arrival.message.method == .invite { refusedINVITEs.note(tag, status, at: arrival.now) }
        let extra = status == 503 ? Self.retryLater(spreadBy: tag) : []
        answer(arrival, status, reason, extra, label: label, trunk: trunk)
    }

    private func repeatRefusal(_ arrival: Arrival, _ status: Int) {
        counters.retransmissionsIn += 1
        let tag = transactions.tag(for: arrival.message)
        let extra = status == 503 ? Self.retryLater(spreadBy: tag) : []
        reply(
            LocalResponse.build(
                status, StatusName.phrase(status), to: arrival.message, from: arrival.flow.peer, tag: tag,
                callID: arrival.outerCallID, extra: extra),
            to: arrival)
    }

    /// When to come again: not all at once.
    private static func retryLater(spreadBy number: UInt64) -> [UInt8] {
        var line = Array("Retry-After: ".utf8)
        line.appendDecimal(5 + number % 26)
        line.append(contentsOf: "\r\n".utf8)
        return line
    }

    // MARK: Overload

    /// The share of new requests that are refused from now on, 0 to 1 (see ``LoadGauge``).
    public func setPressure(_ pressure: Double) { self.pressure = pressure }

    /// Refuses a new request before any work is put into it. False: it is not to be refused, or not here.
    func shedsEarly(_ arrival: Arrival) -> Bool {
        guard !arrival.message.isInDialog, isDecidedEarly(arrival) else { return false }
        if arrival.message.method == .invite,
            let status = refusedINVITEs.status(of: transactions.tag(for: arrival.message), at: arrival.now)
        {
            repeatRefusal(arrival, status)
            return true
        }
        guard isShed() else { return false }
        shed(arrival)
        return true
    }

    /// Whether it is known without routing the request that it is no stranger's and no call for help.
    private func isDecidedEarly(_ arrival: Arrival) -> Bool {
        let (message, source) = (arrival.message, arrival.flow.peer.ip)
        let isKnown = arrival.side == .inside ? isInside(source) : isKnown(source, at: arrival.now)
        return isKnown && message.defect == nil
            && (message.method != .invite || !settings.emergencyNumbers.contains(message.requestURI, in: message.bytes))
    }

    private func isShed() -> Bool {
        shedding += pressure
        guard shedding >= 1 else { return false }
        shedding -= 1
        return true
    }

    private func shed(_ arrival: Arrival) {
        counters.shed += 1
        refuse(arrival, 503, "Too Busy For New Calls", trunk: "")
    }

    /// New calls and requests are refused first: what belongs to a dialog has a reserve (security 30), and calls for
    /// help have one beyond that.
    private func isOverloaded(by request: Message, isEmergency: Bool) -> Bool {
        let limit = settings.maximumTransactions
        let octets = settings.maximumOctets
        if isEmergency {
            return transactions.count >= limit + limit / 4 || transactions.octets >= octets + octets / 4
                || calls.count >= settings.maximumCalls + max(16, settings.maximumCalls / 50)
        }
        if request.isInDialog {
            return transactions.count >= limit + limit / 8 || transactions.octets >= octets + octets / 8
        }
        return transactions.count >= limit || transactions.octets >= octets
            || request.method == .invite && calls.count(callID: request.bytes[request.callID]) >= Self.callsPerCallID
            || request.method == .invite && calls.count >= settings.maximumCalls
    }

    /// More INVITEs of one Call-ID than any forking makes: looking for a call among them would take ever longer.
    private static let callsPerCallID = 64

    // MARK: Places

    /// The call counts no longer.
    func giveBack(_ place: inout CallPlace?, isChallenged: Bool = false, at now: Instant) {
        guard let given = place else { return }
        place = nil
        settings.admission?.end(given, isChallenged: isChallenged, at: now)
    }

    func noteAnswer(of call: Call, at now: Instant) {
        guard var place = call.place else { return }
        settings.admission?.answer(&place, at: now)
        call.place = place
    }

    // MARK: Bans

    /// What is banned at the moment.
    public func bans(at now: Instant) -> [Bans.Ban] { bans.list(at: now) }

    private func isBanned(_ arrival: Arrival) -> Bool {
        guard !bans.isEmpty, arrival.side == .outside, let account = arrival.message.account else { return false }
        let source = arrival.flow.peer.ip
        return bans.isBanned(source, account, at: arrival.now) && !isKnown(source, at: arrival.now)
    }

    private func dropBanned(_ arrival: Arrival) {
        counters.droppedBanned += 1
        if arrival.listener.transport.isReliable { answerStranger(arrival, 403, "Forbidden") }
    }

    /// What the PBX says about credentials from outside: only sent ones that are not stale count, and only from who is
    /// where it says. ITSPs, live bindings and peers of calls are never banned.
    func noteCredentials(_ response: Message, of server: ServerTransaction, at now: Instant) {
        guard let request = server.request, let listener = identities[server.flow.listener] else { return }
        let credentials = request.header(.authorization) ?? request.header(.proxyAuthorization)
        let peer = server.flow.peer
        switch response.status {
        case 200..<300:
            if credentials != nil, let account = request.account { bans.noteSuccess(peer.ip, account) }
        case 401, 403, 407:
            let challenge = response.header(.wwwAuthenticate) ?? response.header(.proxyAuthenticate)
            if let credentials, challenge.map({ !response.isStale($0) }) ?? true,
                listener.transport.isReliable
                    || request.nonce(in: credentials).map({ nonces.contains($0, sentTo: peer) }) ?? false
            {
                noteFailure(of: request, from: peer.ip, at: now)
            }
            if !listener.transport.isReliable, let nonce = challenge.flatMap({ response.nonce(in: $0) }) {
                nonces.note(nonce, sentTo: peer)
            }
        default: break
        }
    }

    private func noteFailure(of request: Message, from source: IPAddress, at now: Instant) {
        guard let account = request.account, !isKnown(source, at: now) else { return }
        keepSweeping(from: now)
        guard let until = bans.noteFailure(source, account, at: now) else { return }
        counters.bans += 1
        outputs.append(.directory(.ban(source: source, account: account, until: until)))
        outputs.append(.event(.banned(source: source, account: account, until: until)))
    }
}

extension Message {
    /// Whose credentials it brings: the AOR in To of a REGISTER, in From of the rest.
    fileprivate var account: String? {
        guard let uri = uri(method == .register ? .to : .from) else { return nil }
        let user = uri.user(in: bytes).map { bytes.text($0) } ?? ""
        return "\(user)@\(bytes.text(uri.host).lowercased())"
    }

    /// The nonce in a challenge or in credentials (RFC 2617 §3.2).
    fileprivate func nonce(in field: HeaderField) -> ArraySlice<UInt8>? {
        digest("nonce", in: field).map { bytes[$0] }
    }

    fileprivate func isStale(_ challenge: HeaderField) -> Bool {
        digest("stale", in: challenge).map { bytes.equals($0, ignoringCase: "true") } ?? false
    }

    /// The value of a parameter of Digest, without its quotes.
    private func digest(_ name: StaticString, in field: HeaderField) -> Range<Int>? {
        var index = field.value.lowerBound
        let end = field.value.upperBound
        while index < end {
            // A name begins after a space or a comma.
            while index < end, bytes[index].isWhitespace || bytes[index] == UInt8(ascii: ",") { index += 1 }
            let start = index
            while index < end, bytes[index].isAlphanumeric || bytes[index] == UInt8(ascii: "-") { index += 1 }
            let word = start..<index
            guard index < end, bytes[index] == UInt8(ascii: "=") else {
                index = max(index, start + 1)
                continue
            }
            let value = digestValue(from: index + 1, to: end)
            if bytes.equals(word, ignoringCase: name) { return value.range }
            index = value.next
        }
        return nil
    }

    private func digestValue(from start: Int, to end: Int) -> (range: Range<Int>, next: Int) {
        var index = start
        guard index < end, bytes[index] == UInt8(ascii: "\"") else {
            while index < end, bytes[index] != UInt8(ascii: ","), !bytes[index].isWhitespace { index += 1 }
            return (start..<index, index)
        }
        index += 1
        while index < end, bytes[index] != UInt8(ascii: "\"") {
            index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        let close = min(index, end)
        return ((start + 1)..<close, min(close + 1, end))
    }
}
