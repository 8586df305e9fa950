import Admin
import Foundation
import NetworkTypes
import Testing

@Suite("The executable: calls")
struct CallTests {
    @Test("A call to the Contact that was registered reaches the PBX as it registered it, with audio both ways")
    func tokenContact() throws {
        let stage = try Stage()
        try stage.start()
        let contact = try stage.register()
        let call = try stage.inboundCall(contact)
        #expect(call.invite.requestURI == "sip:s@\(stage.pbx.address);line=abc")
        try call.talk()
        try call.hangUp(by: .itsp)
        try stage.expectIdle()
    }

    @Test("A call to a DID in the user part keeps that user and gets the PBX's own parameters back")
    func did() throws {
        let stage = try Stage()
        try stage.start()
        let contact = try stage.register()
        let call = try stage.inboundCall(contact.replacingOccurrences(of: "sip:s@", with: "sip:8005551212@"))
        #expect(call.invite.requestURI == "sip:8005551212@\(stage.pbx.address);line=abc")
        try call.talk()
        try call.hangUp(by: .pbx)
        try stage.expectIdle()
    }

    @Test(
        "A trunk that calls the account's name, with the token and without, reaches the PBX", arguments: [true, false])
    func accountName(hasToken: Bool) throws {
        let stage = try Stage()
        try stage.start()
        let contact = try stage.register()
        let own = contact.replacingOccurrences(of: "sip:s@", with: "sip:account1@")
        let call = try stage.inboundCall(hasToken ? own : "sip:account1@\(stage.outside)")
        #expect(call.invite.requestURI == "sip:account1@\(stage.pbx.address);line=abc")
        #expect(call.invite["X-Sallyport-Trunk"] == "\(stage.itsp.address.ip)")
        try call.talk()
        try call.hangUp(by: hasToken ? .pbx : .itsp)
        try stage.expectIdle()
    }

    @Test("A call of the PBX shows nothing of the inside, and either end hangs up", arguments: LiveCall.Party.allCases)
    func outbound(party: LiveCall.Party) throws {
        let stage = try Stage()
        try stage.start()
        let call = try stage.outboundCall()
        let inner = "\(stage.pbx.address.ip)"
        #expect(!call.invite["Contact"].contains(inner))
        #expect(!call.invite.body.contains(inner) && !call.invite.body.contains("\(stage.inside.ip)"))
        #expect(call.invite.audioAddress?.ip == stage.outside.ip)
        try call.talk()
        try call.reinvite(by: .itsp)
        try call.talk()
        try call.reinvite(by: .pbx)
        try call.talk()
        try call.hangUp(by: party)
        try stage.expectIdle()
    }

    @Test("RTCP crosses beside RTP")
    func rtcp() throws {
        let stage = try Stage()
        try stage.start()
        let call = try stage.outboundCall()
        let report: [UInt8] = [0x80, 201, 0, 1, 1, 2, 3, 4]
        for (from, to) in [(call.pbxMedia, call.itspMedia), (call.itspMedia, call.pbxMedia)] {
            let remote = try #require(from.remote)
            from.rtcp.send(report, to: SocketAddress(remote.ip, remote.port + 1))
            #expect(to.rtcp.receive(within: 5_000)?.packet == report)
        }
        try call.hangUp(by: .pbx)
        try stage.expectIdle()
    }

    @Test("The pages and commands tell the truth while a call lasts and after it")
    func pages() throws {
        let stage = try Stage()
        try stage.start()
        let contact = try stage.register()
        let registration = try #require(try stage.json("registrations", as: [RegistrationSnapshot].self).first)
        #expect(registration.aor == "sip:account1@\(stage.itsp.address.ip)")
        #expect(registration.contact == "sip:s@\(stage.pbx.address);line=abc")
        #expect(registration.expiresInSeconds > 500 && registration.expiresInSeconds <= 600)
        let call = try stage.inboundCall(contact)
        try call.talk(packets: 25)

        let live = try #require(try stage.calls().first)
        #expect(live.callID == call.pbx.callID)
        #expect(live.direction == .inbound)
        #expect(live.state == .confirmed)
        let legs = Dictionary(uniqueKeysWithValues: live.legs.map { ($0.side, $0) })
        let (inner, outer) = (try #require(legs["inside"]), try #require(legs["outside"]))
        #expect(inner.packets == 25 && outer.packets == 25)
        #expect(inner.bytes == 25 * 172)
        #expect(inner.local == "\(try #require(call.pbxMedia.remote))")
        #expect(outer.local == "\(try #require(call.itspMedia.remote))")
        #expect(inner.remote == "\(call.pbxMedia.rtp.address)")
        #expect(outer.remote == "\(call.itspMedia.rtp.address)")
        let trunk = try #require(try stage.json("trunks", as: [TrunkSnapshot].self).first)
        #expect(trunk.isLearned && trunk.registrations == 1 && trunk.calls == 1)
        #expect(trunk.addresses == ["\(stage.itsp.address.ip)"])
        let metrics = try stage.page("metrics")
        for line in [
            "sallyport_calls 1", "sallyport_calls_total 1", "sallyport_registrations 1", "sallyport_media_sessions 1",
            "sallyport_media_packets_total 50",
        ] { #expect(metrics.contains(line + "\n"), "\(line) in \(metrics)") }
        #expect(stage.boundMediaPorts.count == 4)

        let command = try ProxyProcess.run(["calls", "--json", "--admin", "\(stage.admin)"])
        #expect(command.status == 0)
        let listed = try JSONDecoder().decode([CallSnapshot].self, from: Data(command.output.utf8))
        #expect(listed.map(\.callID) == [call.pbx.callID])

        try call.hangUp(by: .pbx)
        try stage.expectIdle()
        let after = try stage.status()
        #expect(after.calls.now == 0 && after.calls.total == 1)
        #expect(after.media.sessions == 0)
        #expect(after.registrations == 1)
        #expect(
            try ProxyProcess.run(["calls", "--json", "--admin", "\(stage.admin)"]).output.filter { !$0.isWhitespace }
                == "[]")
    }

    @Test(
        "Signalling and audio have each side's own address family, and one address with two ports is two sides",
        arguments: Stage.Arrangement.allCases)
    func arrangements(arrangement: Stage.Arrangement) throws {
        let stage = try Stage(arrangement)
        try stage.start()
        let contact = try stage.register()
        let inbound = try stage.inboundCall(contact)
        #expect(inbound.invite.audioAddress?.ip == stage.inside.ip)
        try inbound.talk()
        try inbound.hangUp(by: .itsp)
        let outbound = try stage.outboundCall()
        #expect(outbound.invite.audioAddress?.ip == stage.outside.ip)
        try outbound.talk()
        try outbound.reinvite(by: .itsp)
        try outbound.talk()
        try outbound.hangUp(by: .itsp)
        try stage.expectIdle()
    }

    @Test("A call that is refused, or cancelled while it rings, gives its ports back", arguments: [true, false])
    func unanswered(isCancelled: Bool) throws {
        let stage = try Stage()
        try stage.start()
        let contact = try stage.register()
        let media = try MediaEnd(on: stage.itsp.address.ip)
        let via = stage.itsp.via()
        let fields = """
            Max-Forwards: 70
            From: <sip:5551234@\(stage.itsp.address)>;tag=itsp
            To: <sip:s@\(stage.outside)>
            Call-ID: unanswered
            """
        stage.itsp.send(
            """
            INVITE \(contact) SIP/2.0
            Via: \(via)
            \(fields)
            CSeq: 1 INVITE
            Contact: <sip:5551234@\(stage.itsp.address)>
            """, body: media.description(), to: stage.outside)
        let invite = try stage.pbx.expect("INVITE")
        try stage.pbx.answer("180 Ringing", to: invite, tag: "pbx", "Contact: <sip:s@\(stage.pbx.address)>")
        _ = try stage.itsp.expect("180 INVITE")
        #expect(stage.boundMediaPorts.count == 4)
        #expect(try stage.calls().first?.state == .early)
        if isCancelled {
            stage.itsp.send(
                "CANCEL \(contact) SIP/2.0\nVia: \(via)\n\(fields)\nCSeq: 1 CANCEL", to: stage.outside)
            _ = try stage.itsp.expect("200 CANCEL")
            let cancel = try stage.pbx.expect("CANCEL")
            try stage.pbx.answer("200 OK", to: cancel, tag: "pbx")
        }
        try stage.pbx.answer(isCancelled ? "487 Request Terminated" : "486 Busy Here", to: invite, tag: "pbx")
        _ = try stage.pbx.expect("ACK")
        let answer = try stage.itsp.expect(isCancelled ? "487 INVITE" : "486 INVITE")
        stage.itsp.send(
            "ACK \(contact) SIP/2.0\nVia: \(via)\n\(fields)\nCSeq: 1 ACK".replacingOccurrences(
                of: "To: <sip:s@\(stage.outside)>", with: "To: \(answer["To"])"), to: stage.outside)
        try stage.expectIdle()
        #expect(stage.itsp.next(within: 0.7) == nil)
    }

    @Test("A call whose media stays away is ended to both sides with a reason, and its ports are free")
    func silence() throws {
        let stage = try Stage(media: ", timeout: 5s")
        try stage.start()
        let call = try stage.outboundCall()
        try call.talk(packets: 1)
        for agent in [stage.pbx, stage.itsp] {
            let bye = try agent.expect("BYE", within: 20)
            #expect(bye["Reason"].lowercased().contains("sip") || bye["Reason"].lowercased().contains("q.850"))
            try agent.answer("200 OK", to: bye)
        }
        try stage.expectIdle()
    }
}
