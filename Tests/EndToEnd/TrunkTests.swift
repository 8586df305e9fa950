import Foundation
import NetworkTypes
import Testing

@Suite("The executable: trunks")
struct TrunkTests {
    @Test("A trunk with a port of its own and its token in the user: everything leaves by that port and comes to it")
    func sourcePort() throws {
        let stage = try Stage(
            extra: "trunks: [{name: own, domain: \"ITSP\", source_port: 9955, contact: user}]\npbx: [\"PBX\"]")
        try stage.start()
        let own = SocketAddress(stage.outside.ip, 9955)
        let contact = try register(stage)
        #expect(contact.hasPrefix("sip:r") && contact.hasSuffix("@\(own)"))
        let inbound = try stage.inboundCall(contact, to: own)
        #expect(inbound.invite.requestURI == "sip:s@\(stage.pbx.address);line=abc")
        #expect(inbound.invite["X-Sallyport-Trunk"] == "own")
        try inbound.talk()
        try inbound.hangUp(by: .pbx)
        let outbound = try stage.outboundCall()
        #expect(outbound.invite["Via"].contains(" \(own);") && outbound.invite["Contact"].contains("@\(own)>"))
        try outbound.talk()
        try outbound.reinvite(by: .itsp)
        try outbound.hangUp(by: .itsp)
        try stage.expectIdle()
    }

    @Test("The second PBX of a trunk gets the call when the first is dead")
    func secondPBX() throws {
        let stage = try Stage(extra: "trunks: [{name: gw, domain: \"ITSP\", pbx: [\"sip:127.0.0.1:9\", \"PBX\"]}]")
        try stage.start()
        let call = try stage.inboundCall("sip:8005551212@\(stage.outside)")
        #expect(call.invite.requestURI == "sip:8005551212@\(stage.pbx.address)")
        #expect(call.invite["X-Sallyport-Trunk"] == "gw")
        try call.talk()
        try call.hangUp(by: .itsp)
        try stage.expectIdle()
    }

    /// Registers the account; the Contact that the registrar saw.
    private func register(_ stage: Stage) throws -> String {
        let contact = "<sip:s@\(stage.pbx.address);line=abc>"
        stage.pbx.send(
            """
            REGISTER sip:\(stage.itsp.address) SIP/2.0
            Via: \(stage.pbx.via())
            Max-Forwards: 70
            Route: <sip:\(stage.inside);lr>
            From: <sip:account1@\(stage.itsp.address)>;tag=r1
            To: <sip:account1@\(stage.itsp.address)>
            Call-ID: \(UUID())
            CSeq: 1 REGISTER
            Contact: \(contact)
            Expires: 600
            """, to: stage.inside)
        let register = try stage.itsp.expect("REGISTER")
        #expect(register["Via"].contains(":9955;"))
        let seen = register.uri("Contact")
        try stage.itsp.answer("200 OK", to: register, tag: "reg", "Contact: <\(seen)>;expires=600")
        #expect(try stage.pbx.expect("200 REGISTER")["Contact"] == contact + ";expires=600")
        return seen
    }
}
