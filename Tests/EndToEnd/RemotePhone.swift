import Foundation
import NetworkTypes
import Testing

/// A phone behind NAT on loopback: its messages come from an address that nothing in them names.
final class RemotePhone {
    let user: String
    let agent: UserAgent
    let stage: Stage
    /// Where it believes to be; nobody is there.
    let believed: SocketAddress
    /// Its Contact URI.
    var contact: String { "sip:\(user)@\(believed)\(agent.parameter);line=\(user)" }
    static let domain = "pbx.example"
    private var registrations = 0

    init(_ user: String, port: UInt16, over transport: TransportProtocol = .udp, on stage: Stage) throws {
        self.user = user
        self.stage = stage
        agent = try UserAgent(
            user, at: SocketAddress(stage.host(5), port), over: transport,
            security: transport == .tls ? stage.certificates?.security("itsp") : nil)
        believed = SocketAddress(stage.host(77), 5070)
    }

    /// `extra` of a stage with remote phones.
    static func configuration(_ contact: String = "path", more: String = "") -> String {
        "pbx: \"PBX\"\nremote_phones: {enabled: yes, domains: [\(domain)], contact: \(contact)\(more)}"
    }

    func send(
        _ method: String, _ uri: String, callID: String, extra: String = "", body: String = "", from: String? = nil
    ) {
        registrations += 1
        let own = from ?? "sip:\(user)@\(Self.domain)"
        agent.send(
            """
            \(method) \(uri) SIP/2.0
            Via: SIP/2.0/\(agent.transport.viaName) \(believed);rport;branch=z9hG4bK\(UUID().uuidString.prefix(8))
            Max-Forwards: 70
            From: <\(own)>;tag=t\(registrations)
            To: <\(method == "REGISTER" ? own : uri)>
            Call-ID: \(callID)
            CSeq: \(registrations) \(method)
            Contact: <\(contact)>;reg-id=1;+sip.instance="<urn:uuid:\(user)>"\(extra.isEmpty ? "" : "\n" + extra)
            """, body: body, to: stage.outside)
    }

    /// Registers, with the PBX's challenge in between; the REGISTER as the PBX got it.
    @discardableResult
    func register(expires: Int = 600, _ place: SourceLocation = #_sourceLocation) throws -> WireMessage {
        send("REGISTER", "sip:\(Self.domain)", callID: "reg-\(user)", extra: "Expires: \(expires)")
        let first = try stage.pbx.expect("REGISTER")
        #expect(first["X-Sallyport-Trunk"] == "phones", sourceLocation: place)
        try stage.pbx.answer(
            "401 Unauthorized", to: first, tag: "reg", "WWW-Authenticate: Digest realm=\"x\", nonce=\"1\"")
        _ = try agent.expect("401 REGISTER")
        send(
            "REGISTER", "sip:\(Self.domain)", callID: "reg-\(user)",
            extra: "Expires: \(expires)\nAuthorization: Digest username=\"\(user)\", realm=\"x\", response=\"y\"")
        let second = try stage.pbx.expect("REGISTER")
        #expect(second["Authorization"].hasPrefix("Digest username=\"\(user)\""), sourceLocation: place)
        let path = second["Path"].isEmpty ? "" : "\nPath: \(second["Path"])"
        try stage.pbx.answer(
            "200 OK", to: second, tag: "reg", "Contact: \(second["Contact"]);expires=\(expires)\(path)")
        let answer = try agent.expect("200 REGISTER")
        #expect(answer.uri("Contact") == contact && answer["Path"].isEmpty, sourceLocation: place)
        #expect(!"\(answer)".contains("\(stage.inside.ip)"), sourceLocation: place)
        return second
    }

    /// The phone calls a number of the PBX, up to the ACK.
    func call() throws -> PhoneCall {
        let ends = (phone: try agent.media(), pbx: try stage.pbx.media())
        // Its address in SDP is as wrong as that in its Contact.
        let body = ends.phone.description().replacingOccurrences(of: "\(agent.address.ip)", with: "\(believed.ip)")
        send("INVITE", "sip:tone@\(Self.domain)", callID: UUID().uuidString, body: body)
        let invite = try stage.pbx.expect("INVITE")
        #expect(invite["X-Sallyport-Trunk"] == "phones")
        let own = "Contact: <sip:tone@\(stage.pbx.address)\(stage.pbx.parameter)>"
        try stage.pbx.answer("200 OK", to: invite, tag: "pbx", own, body: ends.pbx.description())
        let answer = try agent.expect("200 INVITE")
        ends.pbx.remote = invite.audioAddress
        ends.phone.remote = answer.audioAddress
        var caller = DialogEnd(caller: agent, answer)
        try caller.send("ACK")
        _ = try stage.pbx.expect("ACK")
        return PhoneCall(
            phone: caller, pbx: DialogEnd(callee: stage.pbx, invite, tag: "pbx"), phoneMedia: ends.phone,
            pbxMedia: ends.pbx)
    }

    /// The PBX calls the phone by what its REGISTER brought, up to the ACK.
    func called(by register: WireMessage, _ place: SourceLocation = #_sourceLocation) throws -> PhoneCall {
        let ends = (phone: try agent.media(), pbx: try stage.pbx.media())
        callPhone(by: register, body: ends.pbx.description())
        let invite = try agent.expectINVITE()
        #expect(invite.requestURI == contact, sourceLocation: place)
        let body = ends.phone.description().replacingOccurrences(of: "\(agent.address.ip)", with: "\(believed.ip)")
        try agent.answer("200 OK", to: invite, tag: "phone", "Contact: <\(contact)>", body: body)
        let answer = try stage.pbx.expect("200 INVITE")
        ends.phone.remote = invite.audioAddress
        ends.pbx.remote = answer.audioAddress
        var caller = DialogEnd(caller: stage.pbx, answer)
        // The phone's Contact leads nowhere: its Routes do.
        try caller.send("ACK")
        _ = try agent.expect("ACK")
        return PhoneCall(
            phone: DialogEnd(callee: agent, invite, tag: "phone"), pbx: caller, phoneMedia: ends.phone,
            pbxMedia: ends.pbx)
    }

    /// The INVITE of the PBX for the phone.
    func callPhone(by register: WireMessage, body: String = "") {
        let pbx = stage.pbx
        let route = register["Path"].isEmpty ? "" : "Route: \(register["Path"])\n"
        pbx.send(
            """
            INVITE \(register.uri("Contact")) SIP/2.0
            Via: \(pbx.via())
            Max-Forwards: 70
            \(route)From: <sip:100@\(pbx.address)>;tag=pbx
            To: <sip:\(user)@\(Self.domain)>
            Call-ID: \(UUID().uuidString)
            CSeq: 1 INVITE
            Contact: <sip:100@\(pbx.address)\(pbx.parameter)>
            """, body: body, to: stage.inside)
    }
}

/// An answered call between a remote phone and the PBX.
struct PhoneCall {
    var phone: DialogEnd
    var pbx: DialogEnd
    let phoneMedia: MediaEnd
    let pbxMedia: MediaEnd

    /// The phone's first packets tell where it is; from then on each arrives.
    func talk(_ place: SourceLocation = #_sourceLocation) throws {
        for _ in 0..<10 {
            let packet = phoneMedia.packet()
            try phoneMedia.send(packet)
            let heard = try #require(
                pbxMedia.rtp.receive(within: 5_000), "the PBX hears nothing", sourceLocation: place)
            #expect(heard.packet == packet, sourceLocation: place)
            let answer = pbxMedia.packet()
            try pbxMedia.send(answer)
            let back = try #require(
                phoneMedia.rtp.receive(within: 5_000), "the phone hears nothing", sourceLocation: place)
            #expect(back.packet == answer && back.source == phoneMedia.remote, sourceLocation: place)
        }
    }

    mutating func hangUp(byPhone: Bool) throws {
        if byPhone { try phone.send("BYE") } else { try pbx.send("BYE") }
        let (own, other) = byPhone ? (phone.agent, pbx.agent) : (pbx.agent, phone.agent)
        try other.answer("200 OK", to: try other.expect("BYE"))
        _ = try own.expect("200 BYE")
    }
}
