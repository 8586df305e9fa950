import NetworkTypes

/// Watches every message that reaches the edge and every one that leaves it, and says where the RFCs are broken.
///
/// It knows nothing of the edge's own state: it has a model of its own of what each transaction may and must send, and
/// when (RFC 3261 §16, §17, RFC 4320, RFC 6026). The virtual clock makes the schedules exact.
final class Referee {
    static let t1 = Duration.milliseconds(500)
    static let t2 = Duration.seconds(4)
    /// 64*T1: timers B, F, H and J.
    static let timeout = Duration.seconds(32)
    static let timerC = Duration.seconds(181)
    /// How long a target that has failed is tried last, at least.
    static let downTime = Duration.seconds(29)
    /// How long a request may wait for a name.
    static let patience = Duration.milliseconds(2500)

    /// Where a broken rule goes.
    private let report: (String) -> Void
    var servers: [String: ServerRecord] = [:]
    var clients: [String: ClientRecord] = [:]
    /// The server transactions of the inside by who sent the request: outside only that is left of their Vias.
    var senders: [String: String] = [:]
    /// The message that the edge is working on, if any.
    var cause: SIPText?
    /// Targets that are known to be down, and since when: for a while others must be tried first.
    var down: [SocketAddress: Instant] = [:]
    /// When targets last answered.
    var answered: [SocketAddress: Instant] = [:]
    /// Targets that have failed, or said 503, and have not answered since.
    var suspects: Set<SocketAddress> = []
    /// ACKs that came in and may still be forwarded (a name may have to be found first).
    var acks: [String: Instant] = [:]
    /// What registrars have granted, as the responses that went inside say.
    var registrations: [String: (contact: String, expires: Instant)] = [:]
    var finals: [Int: Int] = [:]

    init(report: @escaping (String) -> Void) { self.report = report }

    func broken(_ rule: String, _ message: SIPText?) {
        report(rule + (message.map { ": \($0.kind) \($0.callID) \($0.branch)" } ?? ""))
    }

    /// The edge has forgotten all transactions.
    func restart() {
        senders = [:]
        letGo()
        acks = [:]
        (down, answered, suspects) = ([:], [:], [])
        cause = nil
    }

    /// Transactions and their branches hold each other.
    func letGo() {
        for client in clients.values { client.letGo() }
        (servers, clients) = ([:], [:])
    }

    // MARK: What comes in

    func received(_ message: SIPText, from source: SocketAddress, on side: Side, at now: Instant) {
        cause = message
        if message.isRequest {
            receivedRequest(message, from: source, on: side, at: now)
        } else {
            receivedResponse(message, at: now)
        }
    }

    /// The edge has done all that the last message made it do.
    func settled(at now: Instant) {
        if let cause, cause.isRequest { return self.cause = nil }
        if let cause, let client = clients[cause.branch + cause.cSeqMethod] { checkPassed(client, cause, at: now) }
        cause = nil
    }

    /// The edge was told that nothing can be sent there.
    func transportFailed(_ peer: SocketAddress, at now: Instant) {
        noteDown(peer, at: now)
        for client in clients.values where client.peer == peer && client.isSending {
            client.stop(at: now, broken)
            client.hasFailed = true
        }
    }

    /// From its last failure until it answers a target is down; it may be tried again after a while.
    func noteDown(_ peer: SocketAddress, at now: Instant) {
        down[peer] = max(down[peer] ?? now, now)
        suspects.insert(peer)
    }

    /// Whoever let a request time out is down, too.
    func noteTimeouts(at now: Instant) {
        for client in clients.values where client.provisional == nil && client.final == nil {
            guard client.server != nil, client.abandoned == nil, !client.hasFailed, !hasAnswered(client) else {
                continue
            }
            let end = deadline(of: client)
            if end <= now { noteDown(client.peer, at: end) }
        }
    }

    /// Whether the client's target has answered something else since.
    func hasAnswered(_ client: ClientRecord) -> Bool { answered[client.peer].map { $0 >= client.start } ?? false }

    /// Until when a first answer counts: a request other than INVITE that may have gone elsewhere is done with when its
    /// sender gives up.
    func deadline(of client: ClientRecord) -> Instant {
        guard let server = client.server, client.request.method != "INVITE",
            client.request.uri.hasSuffix("itsp.example") || server.branches.count > 1
        else { return client.start + Self.timeout }
        return server.start + Self.timeout
    }

    func isDown(_ peer: SocketAddress, at now: Instant) -> Bool { down[peer].map { now < $0 + Self.downTime } ?? false }

    // MARK: What goes out

    func sent(_ bytes: [UInt8], to peer: SocketAddress, on side: Side, at now: Instant) -> SIPText? {
        let message: SIPText
        do { message = try SIPText(bytes) } catch {
            report("malformed message leaves (\(error.reason)):\n\(String(decoding: bytes, as: UTF8.self))")
            return nil
        }
        checkForm(message, on: side)
        if message.isRequest {
            sentRequest(message, to: peer, on: side, at: now)
        } else {
            sentResponse(message, to: peer, at: now)
        }
        return message
    }

    private func checkForm(_ message: SIPText, on side: Side) {
        if side == .outside {
            let shown = InsideAddresses.shown(by: message)
            if !shown.isEmpty { broken("an inside address leaves: \(shown)", message) }
        }
        guard !message.body.isEmpty, message["content-type"] == "application/sdp" else { return }
        let ours = side == .inside ? [Edge.inside] : [Edge.outside, Edge.outside6]
        for line in message.body.split(separator: "\r\n") where line.hasPrefix("c=") {
            if !ours.contains(where: { line.hasSuffix(" \($0.ip)") }) {
                broken("media is not anchored: \(line)", message)
            }
        }
    }

    /// What must have happened by the end of a run in which all timers have fired.
    func finish(at now: Instant) {
        for client in clients.values { client.checkEnd(broken) }
        for server in servers.values { server.checkEnd(at: now, broken) }
    }
}

/// The scan of design §3: an inside address is nowhere in what leaves outside.
enum InsideAddresses {
    static func shown(by message: SIPText) -> [String] {
        String(decoding: message.bytes, as: UTF8.self).split(separator: "\r\n").filter { $0.contains("192.168.0.") }
            .map(String.init)
    }

    /// The value without the hosts that stand for the inside: the PBX's own, and ours in its place.
    static func neutral(_ value: String?) -> String? {
        value?.replacing(/192\.168\.0\.\d+/, with: "inside")
            .replacing(/@(203\.0\.113\.1(?!\d)|\[2001:db8::1\])/, with: "@inside")
    }
}
