import NetworkTypes

/// A simulated host's server transaction over UDP (RFC 3261 §17.2, §13.3.1.4), written from the RFC for this purpose
/// alone. The 2xx of an INVITE is repeated here too, though that is the UAS core's duty.
final class ServerExchange {
    unowned let agent: UserAgent
    let request: SIPText
    let source: SocketAddress
    private(set) var final: Int?
    private(set) var isCancelled = false
    private var last: [UInt8]?
    private var isAcknowledged = false
    /// The dialogs whose 2xx awaits its ACK, by our tag.
    private var unacknowledged: Set<String> = []

    init(_ agent: UserAgent, _ request: SIPText, from source: SocketAddress) {
        self.agent = agent
        self.request = request
        self.source = source
    }

    var isOpen: Bool { final == nil }

    /// The request came once more.
    func receiveAgain() {
        if let last, !isAcknowledged { agent.send(last, to: source) }
    }

    /// CANCEL: what becomes of the INVITE is the callee's business.
    func cancel() { isCancelled = true }

    @discardableResult
    func respond(
        _ status: Int, tag: String?, contact: String? = nil, recordRoute: String? = nil,
        extra: [(String, String)] = [], body: String = ""
    ) -> [UInt8] {
        let response = Outgoing.response(
            status, to: request, from: source, tag: tag, contact: contact, recordRoute: recordRoute, extra: extra,
            body: body)
        let bytes = response.bytes(compact: agent.isCompact)
        agent.send(bytes, to: source)
        let isSuccess = request.method == "INVITE" && (200..<300).contains(status)
        last = isSuccess ? nil : bytes
        guard status >= 200, final == nil else { return bytes }
        final = status
        if request.method == "INVITE", status >= 300 {
            repeatResponse(bytes, after: Referee.t1, until: agent.now + Referee.timeout) { [self] in !isAcknowledged }
        }
        return bytes
    }

    /// Sends a 2xx to INVITE until its ACK comes; `onSilence` when none does.
    func accept(
        tag: String, contact: String, recordRoute: String?, body: String, onSilence: @escaping () -> Void
    ) {
        let bytes = respond(200, tag: tag, contact: contact, recordRoute: recordRoute, body: body)
        unacknowledged.insert(tag)
        repeatResponse(bytes, after: Referee.t1, until: agent.now + Referee.timeout) { [self] in
            unacknowledged.contains(tag)
        }
        agent.after(Referee.timeout) { [self] in if unacknowledged.contains(tag) { onSilence() } }
    }

    private func repeatResponse(
        _ bytes: [UInt8], after interval: Duration, until end: Instant, limit: Duration = Referee.t2,
        while isWanted: @escaping () -> Bool
    ) {
        agent.after(interval) { [self] in
            guard isWanted(), agent.now < end else { return }
            agent.send(bytes, to: source)
            repeatResponse(bytes, after: min(interval * 2, limit), until: end, limit: limit, while: isWanted)
        }
    }

    /// Sends a provisional response until `isWanted` no more (RFC 3262 §3).
    func ring(
        _ status: Int, tag: String, contact: String, recordRoute: String?, extra: [(String, String)], body: String,
        while isWanted: @escaping () -> Bool, onSilence: @escaping () -> Void
    ) {
        let bytes = respond(
            status, tag: tag, contact: contact, recordRoute: recordRoute, extra: extra, body: body)
        repeatResponse(bytes, after: Referee.t1, until: agent.now + Referee.timeout, limit: .seconds(100)) { [self] in
            isOpen && isWanted()
        }
        agent.after(Referee.timeout) { [self] in if isOpen, isWanted() { onSilence() } }
    }

    /// The ACK of a 2xx; whether it was awaited.
    func acknowledged(tag: String) -> Bool { unacknowledged.remove(tag) != nil }

    /// The ACK of a 3xx–6xx, by its branch.
    func acknowledged() { isAcknowledged = true }
}
