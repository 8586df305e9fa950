import NetworkTypes

/// The user agent that places the calls: a PBX at the proxy's inside door.
final class UserAgentCaller: UserAgent {
    private var calls: [UInt32: CallerCall] = [:]
    /// Calls that are not over.
    private(set) var open = 0

    /// Places a call.
    func place(_ number: UInt32, _ plan: CallPlan, at now: Instant) throws(SystemError) {
        let call = CallerCall(number, plan, agent: self)
        calls[number] = call
        open += 1
        scoreboard.begin()
        try call.start(at: now)
        schedule(call)
    }

    /// Ends all calls that are up, each a little later than the one before.
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

    /// A call is over; its messages are still answered for a while.
    func ended() { open -= 1 }

    func forget(_ call: CallerCall) { calls[call.number] = nil }

    /// The Request-URI for a user, and where to send: a PBX calls the ITSP's number through its outbound proxy, an ITSP
    /// calls the Contact that was registered with it, with the number dialled in place of the user.
    func target(user: String) -> (uri: [UInt8], firstHop: SocketAddress) {
        let usual = Array("sip:\(user)@\(settings.address(of: side.opposite))".utf8)
        guard side == .outside else { return (usual, settings.proxy?.inside ?? settings.outside) }
        guard let registered, let firstHop = SIPURI(registered)?.address else { return (usual, settings.inside) }
        let host = registered.firstIndex(of: UInt8(ascii: "@")).map { $0 + 1 } ?? 4
        return (Array("sip:\(user)@".utf8) + registered[host...], firstHop)
    }

    func callID(for number: UInt32) -> [UInt8] { Array("\(number).".utf8) + runID + Array("@sallyport-bench".utf8) }

    override func handle(_ message: ReceivedMessage, from source: SocketAddress, arrived: Int64, at now: Instant) {
        guard let value = message[.callID], let call = call(message.slice(value)) else {
            return handleOther(message, from: source)
        }
        switch message.start {
        case .response(let status): call.handle(response: message, status: status, arrived: arrived, at: now)
        case .request(let method, let uri): call.handle(method, uri, message, from: source, at: now)
        }
        schedule(call)
    }

    private func call(_ callID: [UInt8]) -> CallerCall? {
        let digits = callID.prefix { $0.isDigit }
        guard let number = callID.decimal(digits.indices, as: UInt32.self), let call = calls[number] else { return nil }
        return call.callID == callID ? call : nil
    }
}
