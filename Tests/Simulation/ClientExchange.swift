import NetworkTypes

/// A simulated host's client transaction over UDP (RFC 3261 §17.1), written from the RFC for this purpose alone.
final class ClientExchange: Entangled {
    enum State { case trying, proceeding, completed, terminated }

    unowned let agent: UserAgent
    let request: SIPText
    let destination: SocketAddress
    private(set) var state = State.trying
    /// Each response but retransmissions; each 2xx to INVITE, however often it comes.
    private var onResponse: (SIPText) -> Void
    private var onTimeout: () -> Void
    private var ack: [UInt8]?
    /// After CANCEL the INVITE is not waited for longer than 64*T1 (§9.1).
    private var isCancelled = false

    init(
        _ agent: UserAgent, _ request: SIPText, to destination: SocketAddress,
        onResponse: @escaping (SIPText) -> Void, onTimeout: @escaping () -> Void
    ) {
        self.agent = agent
        self.request = request
        self.destination = destination
        self.onResponse = onResponse
        self.onTimeout = onTimeout
        agent.world.enlist(self)
    }

    var isINVITE: Bool { request.method == "INVITE" }
    var isOpen: Bool { state == .trying || state == .proceeding }

    func start() {
        agent.send(request.bytes, to: destination)
        repeatRequest(after: Referee.t1)
        agent.after(Referee.timeout) { [self] in
            if state == .trying || state == .proceeding && !isINVITE { timeOut() }
        }
    }

    /// Timers A and E.
    private func repeatRequest(after interval: Duration) {
        agent.after(interval) { [self] in
            guard state == .trying || state == .proceeding && !isINVITE else { return }
            agent.send(request.bytes, to: destination)
            let next = isINVITE ? interval * 2 : state == .proceeding ? Referee.t2 : min(interval * 2, Referee.t2)
            repeatRequest(after: next)
        }
    }

    private func timeOut() {
        let tell = onTimeout
        abandon()
        tell()
    }

    func letGo() { abandon() }

    /// Nobody is told of anything any more.
    private func abandon() {
        state = .terminated
        onResponse = { _ in }
        onTimeout = {}
    }

    func receive(_ response: SIPText) {
        switch state {
        case .terminated: break
        case .trying, .proceeding:
            if response.status < 200 {
                state = .proceeding
            } else {
                state = .completed
                agent.after(Referee.timeout) { [self] in abandon() }
                if isINVITE, response.status >= 300 { acknowledge(response) }
            }
            onResponse(response)
        case .completed:
            if isINVITE, response.status >= 300, let ack { agent.send(ack, to: destination) }
            if isINVITE, (200..<300).contains(response.status), ack == nil { onResponse(response) }
        }
    }

    /// §17.1.1.3.
    private func acknowledge(_ response: SIPText) {
        let bytes = hopRequest("ACK", to: response["to"] ?? "").bytes(compact: false)
        ack = bytes
        agent.send(bytes, to: destination)
    }

    /// §9.1: after a provisional response only; that is the caller's business.
    func cancel() {
        guard !isCancelled, state == .proceeding else { return }
        isCancelled = true
        agent.exchange(hopRequest("CANCEL", to: request["to"] ?? ""), to: destination) { _ in }
        agent.after(Referee.timeout) { [self] in if state == .proceeding { timeOut() } }
    }

    private func hopRequest(_ method: String, to: String) -> Outgoing {
        var fields: [(name: String, value: String)] = [("Via", request.vias[0])]
        for route in request.values("route") { fields.append(("Route", route)) }
        fields += [
            ("From", request["from"] ?? ""), ("To", to), ("Call-ID", request.callID),
            ("CSeq", "\(request.cSeq) \(method)"), ("Max-Forwards", "70"),
        ]
        return Outgoing(start: "\(method) \(request.uri) SIP/2.0", fields: fields)
    }
}
