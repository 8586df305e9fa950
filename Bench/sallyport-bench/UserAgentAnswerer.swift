import NetworkTypes

/// The user agent that is called: an ITSP at the proxy's outside door.
final class UserAgentAnswerer: UserAgent {
    private var calls: [[UInt8]: AnswererCall] = [:]
    /// Calls that are not over.
    private(set) var open = 0

    /// Ends those calls that are this end's to end, each a little later than the one before.
    func hangUpAll(from start: Instant, interval: Duration) {
        var moment = start
        for call in calls.values.sorted(by: { $0.number < $1.number }) {
            call.hangUp(at: moment)
            schedule(call)
            moment += interval
        }
    }

    /// The ends of the calls that are up, by number.
    func streams() -> [RTPStream] { calls.values.sorted { $0.number < $1.number }.compactMap(\.stream) }

    /// The calls that never ended are failures.
    func failOpenCalls() {
        for call in calls.values where !call.isOver { scoreboard.fail(call.number, "still up at the answerer") }
    }

    func ended() { open -= 1 }

    func forget(_ call: AnswererCall) { calls[call.callID] = nil }

    override func handle(_ message: ReceivedMessage, from source: SocketAddress, arrived: Int64, at now: Instant) {
        guard let callID = message[.callID] else {
            scoreboard.strays += 1
            return
        }
        let call = calls[message.slice(callID)]
        switch message.start {
        case .response(let status):
            guard let call else { return handleOther(message, from: source) }
            call.handle(response: message, status: status, at: now)
            schedule(call)
        case .request(let method, let uri):
            if let call {
                call.handle(method, uri, message, from: source, at: now)
                schedule(call)
            } else {
                handleFirst(method, uri, message, from: source, at: now)
            }
        }
    }

    private func handleFirst(
        _ method: SIPMethod, _ uri: Range<Int>, _ request: ReceivedMessage, from source: SocketAddress, at now: Instant
    ) {
        if method == .invite { return accept(request, uri, from: source, at: now) }
        handleOther(request, from: source)
    }

    private func accept(_ request: ReceivedMessage, _ uri: Range<Int>, from source: SocketAddress, at now: Instant) {
        guard let (plan, number) = Self.plan(request.slice(uri)) ?? Self.plan(to: request) else {
            return respond(404, "Not Found", to: request, from: source)
        }
        if plan == .silence { return }
        if SIPURI(request.slice(uri))?.address != address {
            scoreboard.fail(number, "INVITE to \(request.text(uri)) instead of our Contact")
        }
        if request[.route] != nil { scoreboard.fail(number, "INVITE with a Route left in it") }
        if settings.proxy != nil, request[.recordRoute] == nil {
            scoreboard.fail(number, "INVITE without Record-Route")
        }
        let call = AnswererCall(number, plan, callID: request.slice(request[.callID]), agent: self)
        calls[call.callID] = call
        open += 1
        call.accept(request, from: source, at: now)
        schedule(call)
    }

    /// Where a number was dialled that is none of ours, To says how the call is to go.
    private static func plan(to request: ReceivedMessage) -> (CallPlan, UInt32)? {
        guard let to = request[.to] else { return nil }
        let parts = request.slice(to).split { $0 == UInt8(ascii: "<") || $0 == UInt8(ascii: ">") }
        return parts.lazy.compactMap { plan(Array($0)) }.first
    }

    /// Reads `sip:PLAN.NUMBER@…`.
    private static func plan(_ uri: [UInt8]) -> (CallPlan, UInt32)? {
        guard let user = SIPURI(uri)?.user else { return nil }
        let words = String(decoding: user, as: UTF8.self).split(separator: ".")
        guard words.count == 2, let plan = CallPlan(rawValue: String(words[0])), let number = UInt32(words[1])
        else { return nil }
        return (plan, number)
    }
}
