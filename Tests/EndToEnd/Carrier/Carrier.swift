import Foundation
import NetworkTypes
import Testing

/// A PBX, the executable, and an ITSP of two hosts whom only DNS tells of, each on a host of its own.
final class Carrier {
    let stage: Stage
    let nodes: [CarrierNode]
    private let site: Site
    private let names: NameServer

    static let domain = "itsp.test"

    /// `priorities`: of the nodes' SRV records, which all have the same weight.
    init(priorities: [Int], _ conducts: [CarrierNode.Conduct] = [.answer, .answer]) throws {
        site = try Site()
        try site.itsp.assign((Self.hosts + [Self.server]).map { "\($0)/24" }, to: "eth0")
        nodes = try zip(Self.hosts, conducts).map { [site] in try CarrierNode(at: $0, on: site.itsp, $1) }
        var zone: [String] = []
        for (number, host) in Self.hosts.enumerated() {
            zone.append("_sip._udp.\(Self.domain) 600 SRV \(priorities[number]) 50 5060 node\(number).\(Self.domain)")
            zone.append("node\(number).\(Self.domain) 600 A \(host)")
        }
        names = try NameServer(zone, at: Self.server, on: site.itsp)
        try site.overlay("/etc/resolv.conf", with: "nameserver \(Self.server)\n")
        try site.overlay("/etc/hosts", with: "127.0.0.1 localhost\n")
        stage = try site.stage(
            "inside: 10.0.0.1\noutside: 10.0.0.3", inside: "10.0.0.1", outside: "10.0.0.3",
            addresses: ["10.0.0.1", "10.0.0.3"])
        try stage.start()
    }

    private static let hosts = [11, 12].map { IPAddress(v4: 0xcb00_7100 | $0) }
    private static let server = IPAddress(v4: 0xcb00_7135)

    // MARK: What the PBX does

    /// Registers an account: asked for credentials it gives them, once.
    func register(_ user: String, callID: String) throws {
        let uri = "sip:\(Self.domain)"
        let contact = "Contact: <sip:s@\(stage.pbx.address);line=\(user)>\nExpires: 600"
        send("REGISTER", uri, user, callID, to: "sip:\(user)@\(Self.domain)", contact)
        let challenge = try stage.pbx.expect("401 REGISTER")
        let credentials = try credentials(for: challenge["WWW-Authenticate", whole: true], user, "REGISTER", uri)
        send(
            "REGISTER", uri, user, callID, cSeq: 2, to: "sip:\(user)@\(Self.domain)",
            "Authorization: \(credentials)\n" + contact)
        let answer = try stage.pbx.expect("200 REGISTER")
        #expect(answer["Call-ID"] == callID && answer.uri("Contact").hasSuffix(";line=\(user)"))
    }

    /// Calls a number of the ITSP, likewise, and hangs up; how long it took from the first INVITE to the challenge.
    @discardableResult
    func call(_ user: String, callID: String) throws -> Duration {
        let uri = "sip:18005551212@\(Self.domain)"
        let contact = "Contact: <sip:\(user)@\(stage.pbx.address)>"
        let session = try stage.pbx.media().description()
        let began = ContinuousClock.now
        let via = send("INVITE", uri, user, callID, to: uri, contact, body: session)
        let challenge = try stage.pbx.expect("407 INVITE")
        let delay = began.duration(to: .now)
        send("ACK", uri, user, callID, via: via, toField: challenge["To"])
        let credentials = try credentials(for: challenge["Proxy-Authenticate", whole: true], user, "INVITE", uri)
        send(
            "INVITE", uri, user, callID, cSeq: 2, to: uri, "Proxy-Authorization: \(credentials)\n" + contact,
            body: session)
        let answer = try stage.pbx.expect("200 INVITE")
        #expect(answer["Call-ID"] == callID)
        var dialog = DialogEnd(caller: stage.pbx, answer, cSeq: 2)
        try dialog.send("ACK")
        try dialog.send("BYE")
        _ = try stage.pbx.expect("200 BYE")
        return delay
    }

    private func credentials(
        for challenge: String, _ user: String, _ method: String, _ uri: String
    ) throws -> String {
        let asked = Digest.parameters(challenge)
        let digest = Digest(
            username: user, realm: try #require(asked["realm"]), nonce: try #require(asked["nonce"]), uri: uri,
            clientNonce: UUID().uuidString)
        return digest.credentials(password: CarrierNode.password, method: method)
    }

    @discardableResult
    private func send(
        _ method: String, _ uri: String, _ user: String, _ callID: String, cSeq: Int = 1, via: String? = nil,
        to recipient: String = "", toField: String? = nil, _ extra: String = "", body: String = ""
    ) -> String {
        let via = via ?? stage.pbx.via()
        stage.pbx.send(
            """
            \(method) \(uri) SIP/2.0
            Via: \(via)
            Max-Forwards: 70
            Route: <sip:\(stage.inside);lr>
            From: <sip:\(user)@\(Self.domain)>;tag=pbx
            To: \(toField ?? "<\(recipient)>")
            Call-ID: \(callID)
            CSeq: \(cSeq) \(method)
            \(extra)
            """, body: body, to: stage.inside)
        return via
    }
}

extension WireMessage {
    /// The value of a header field's first line with its commas.
    subscript(name: String, whole _: Bool) -> String {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value ?? ""
    }
}
