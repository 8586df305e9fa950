import NetworkTypes

/// An ITSP's registrar (RFC 3261 §10.3), as far as the runs need one.
final class Registrar {
    /// What the nodes of an ITSP share.
    final class Database {
        var bindings: [String: (contact: String, expires: Instant)] = [:]
        var sequences: [String: Int] = [:]

        func contact(of user: String, at now: Instant) -> String? {
            guard let binding = bindings[user], binding.expires > now else { return nil }
            return binding.contact
        }
    }

    private unowned let agent: UserAgent
    private var database: Database { agent.world.database }
    var challenges = false

    init(_ agent: UserAgent) { self.agent = agent }

    /// Nonces are each node's own.
    static func challenge(of agent: UserAgent) -> String { "Digest realm=\"itsp\", nonce=\"n\(agent.name)\"" }

    static func accepts(_ credentials: String?, of agent: UserAgent) -> Bool {
        credentials?.hasSuffix("nonce=\"n\(agent.name)\"") ?? false
    }

    static func credentials(for challenge: String?) -> String {
        "Digest username=\"1000\", " + (challenge.map { $0.dropFirst("Digest realm=\"itsp\", ".count) } ?? "")
    }

    func receive(_ server: ServerExchange) {
        let request = server.request
        if challenges, !Self.accepts(request["authorization"], of: agent) {
            server.respond(401, tag: agent.newTag(), extra: [("WWW-Authenticate", Self.challenge(of: agent))])
            return
        }
        guard request.cSeq > database.sequences[request.callID, default: 0] else {
            server.respond(500, tag: agent.newTag())
            return
        }
        database.sequences[request.callID] = request.cSeq
        let user = SIPText.uri(of: request["to"] ?? "")
        let seconds = Int64(request["expires"] ?? "") ?? 3600
        guard let contact = request.values("contact").first.map(SIPText.uri) else {
            server.respond(200, tag: agent.newTag())
            return
        }
        database.bindings[user] = seconds > 0 ? (contact, agent.now + .seconds(seconds)) : nil
        let listed = seconds > 0 ? [("Contact", "<\(contact)>;expires=\(seconds)")] : []
        server.respond(200, tag: agent.newTag(), extra: listed)
    }
}

/// The PBX's registration of one user: refreshed until the end, then removed or left to run out.
final class Registration {
    private unowned let agent: UserAgent
    private let user: String
    /// The ITSP's domain, or a node's address.
    private let domain: String
    private let contact: String
    private let expires: Int
    private let end: Instant
    private let removes: Bool
    private var cSeq = 0
    private var isRemoving = false
    /// How many times the registrar said yes.
    private(set) var successes = 0

    init(_ agent: UserAgent, user: String, domain: String, expires: Int, end: Instant, removes: Bool) {
        self.agent = agent
        self.user = user
        self.domain = domain
        self.expires = expires
        self.end = end
        self.removes = removes
        contact = "sip:\(user)@\(agent.address);line=l\(user)"
    }

    /// Used until they are refused, as PBXs do.
    private var credentials: String?
    private var refusals = 0

    func start() { send() }

    private func send() {
        cSeq += 1
        let aor = "<sip:\(user)@\(domain)>"
        var fields: [(name: String, value: String)] = [
            ("Via", agent.via(agent.newBranch())), ("Route", "<sip:192.168.0.1;lr>"), ("From", "\(aor);tag=r\(user)"),
            ("To", aor), ("Call-ID", "reg\(user)@pbx"), ("CSeq", "\(cSeq) REGISTER"), ("Max-Forwards", "70"),
            ("Contact", "<\(contact)>"), ("Expires", "\(isRemoving ? 0 : expires)"),
        ]
        if let credentials { fields.append(("Authorization", credentials)) }
        let message = Outgoing(start: "REGISTER sip:\(domain) SIP/2.0", fields: fields)
        agent.exchange(message, to: agent.edge) { [self] response in
            guard response.map({ $0.status >= 200 }) ?? true else { return }
            finished(response)
        }
    }

    private func finished(_ response: SIPText?) {
        if let response, response.status == 401 {
            refusals += 1
            credentials = Registrar.credentials(for: response["www-authenticate"])
            // Credentials go to the node that asked for them (design §5).
            if refusals > 1, agent.world.weather == .perfect { agent.world.broken("fresh credentials are refused") }
            if refusals < 3 { return send() }
        }
        refusals = 0
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
            agent.after(wait) { [self] in send() }
        } else if removes {
            isRemoving = true
            agent.after(agent.random.time(0...5)) { [self] in send() }
        }
    }
}
