import NetworkTypes
import Testing

/// One user agent's view of a dialog (RFC 3261 §12): what it needs to send a request in it.
struct DialogEnd {
    let agent: UserAgent
    let callID: String
    let local: String
    let remote: String
    private let target: String
    private let routes: [String]
    private(set) var cSeq: Int

    /// The caller's end: its INVITE's fields come back in the response.
    init(caller agent: UserAgent, _ response: WireMessage, cSeq: Int = 1) {
        self.agent = agent
        self.cSeq = cSeq
        callID = response["Call-ID"]
        local = response["From"]
        remote = response["To"]
        target = response.uri("Contact")
        routes = response.values("Record-Route").reversed()
    }

    /// The callee's end, with the tag that it answered with.
    init(callee agent: UserAgent, _ invite: WireMessage, tag: String) {
        self.agent = agent
        cSeq = 100
        callID = invite["Call-ID"]
        local = invite["To"] + ";tag=\(tag)"
        remote = invite["From"]
        target = invite.uri("Contact")
        routes = invite.values("Record-Route")
    }

    /// Sends a request in the dialog to its next hop: the topmost Route, else the remote target.
    mutating func send(_ method: String, _ extra: String = "", body: String = "") throws {
        if method != "ACK" { cSeq += 1 }
        let next = try #require(SocketAddress(hostPortOf: routes.first.map(WireMessage.uri) ?? target))
        agent.send(
            """
            \(method) \(target) SIP/2.0
            Via: \(agent.via())
            Max-Forwards: 70
            \(routes.map { "Route: \($0)\n" }.joined())From: \(local)
            To: \(remote)
            Call-ID: \(callID)
            CSeq: \(cSeq) \(method)\(extra.isEmpty ? "" : "\n" + extra)
            """, body: body, to: next)
    }
}
