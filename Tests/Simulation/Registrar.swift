import NetworkTypes

/// An ITSP's registrar (RFC 3261 §10.3), as far as the runs need one.
final class Registrar {
    private unowned let agent: UserAgent
    private var bindings: [String: (contact: String, expires: Instant)] = [:]
    private var sequences: [String: Int] = [:]
    var challenges = false

    init(_ agent: UserAgent) { self.agent = agent }

    func contact(of user: String) -> String? {
        guard let binding = bindings[user], binding.expires > agent.now else { return nil }
        return binding.contact
    }

    func receive(_ server: ServerExchange) {
        let request = server.request
        if challenges, request["authorization"] == nil {
            server.respond(401, tag: agent.newTag(), extra: [("WWW-Authenticate", "Digest realm=\"itsp\"")])
            return
        }
        guard request.cSeq > sequences[request.callID, default: 0] else {
            server.respond(500, tag: agent.newTag())
            return
        }
        sequences[request.callID] = request.cSeq
        let user = SIPText.uri(of: request["to"] ?? "")
        let seconds = Int64(request["expires"] ?? "") ?? 3600
        guard let contact = request.values("contact").first.map(SIPText.uri) else {
            server.respond(200, tag: agent.newTag())
            return
        }
        bindings[user] = seconds > 0 ? (contact, agent.now + .seconds(seconds)) : nil
        let listed = seconds > 0 ? [("Contact", "<\(contact)>;expires=\(seconds)")] : []
        server.respond(200, tag: agent.newTag(), extra: listed)
    }
}

/// The PBX's registration of one user: refreshed until the end, then removed or left to run out.
final class Registration {
    private unowned let agent: UserAgent
    private let user: String
    private let node: SocketAddress
    private let contact: String
    private let expires: Int
    private let end: Instant
    private let removes: Bool
    private var cSeq = 0
    private var isRemoving = false
    /// How many times the registrar said yes.
    private(set) var successes = 0

    init(_ agent: UserAgent, user: String, node: SocketAddress, expires: Int, end: Instant, removes: Bool) {
        self.agent = agent
        self.user = user
        self.node = node
        self.expires = expires
        self.end = end
        self.removes = removes
        contact = "sip:\(user)@\(agent.address);line=l\(user)"
    }

    func start() { send(credentials: false) }

    private func send(credentials: Bool) {
        cSeq += 1
        let aor = "<sip:\(user)@\(node.ip)>"
        var fields: [(name: String, value: String)] = [
            ("Via", agent.via(agent.newBranch())), ("Route", "<sip:192.168.0.1;lr>"), ("From", "\(aor);tag=r\(user)"),
            ("To", aor), ("Call-ID", "reg\(user)@pbx"), ("CSeq", "\(cSeq) REGISTER"), ("Max-Forwards", "70"),
            ("Contact", "<\(contact)>"), ("Expires", "\(isRemoving ? 0 : expires)"),
        ]
        if credentials { fields.append(("Authorization", "Digest username=\"\(user)\"")) }
        let message = Outgoing(start: "REGISTER sip:\(node.ip) SIP/2.0", fields: fields)
        agent.exchange(message, to: agent.edge) { [self] response in
            guard response.map({ $0.status >= 200 }) ?? true else { return }
            finished(response, credentials: credentials)
        }
    }

    private func finished(_ response: SIPText?, credentials: Bool) {
        if response?.status == 401, !credentials { return send(credentials: true) }
        if let response, response.status == 200 {
            successes += 1
            let listed = response.values("contact").map { SIPText.uri(of: $0) }
            if !isRemoving, !listed.contains(contact) {
                agent.world.broken("the PBX's Contact \(contact) comes back as \(listed)")
            }
        }
        if isRemoving { return }
        let wait = response?.status == 200 ? Duration.seconds(expires) * 0.6 : .seconds(10)
        if agent.now + wait < end {
            agent.after(wait) { [self] in send(credentials: false) }
        } else if removes {
            isRemoving = true
            agent.after(agent.random.time(0...5)) { [self] in send(credentials: false) }
        }
    }
}
