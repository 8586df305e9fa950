import Foundation
import NetworkTypes
import Testing

// What a PBX and an ITSP do through the proxy.
extension Stage {
    /// Registers `user` through the proxy; the Contact that the registrar saw.
    @discardableResult
    func register(user: String = "account1", callID: String = UUID().uuidString) throws -> String {
        let contact = "<sip:s@\(pbx.address)\(pbx.parameter);line=abc>"
        pbx.send(
            """
            REGISTER sip:\(itsp.address)\(itsp.parameter) SIP/2.0
            Via: \(pbx.via())
            Max-Forwards: 70
            Route: <sip:\(inside)\(pbx.parameter);lr>
            From: <sip:\(user)@\(itsp.address)>;tag=r1
            To: <sip:\(user)@\(itsp.address)>
            Call-ID: \(callID)
            CSeq: 1 REGISTER
            Contact: \(contact)
            Expires: 600
            """, to: inside)
        let register = try itsp.expect("REGISTER")
        let seen = register.uri("Contact")
        #expect(seen.hasPrefix("sip:s@\(outside);"))
        #expect(!seen.contains("line=abc") && !seen.contains("\(pbx.address.ip)"))
        try itsp.answer("200 OK", to: register, tag: "reg", "Contact: <\(seen)>;expires=600")
        let answer = try pbx.expect("200 REGISTER")
        #expect(answer["Contact"] == contact + ";expires=600")
        return seen
    }

    /// A call of the ITSP to `uri`, up to the ACK; it is sent to `destination`, or our common port.
    func inboundCall(
        _ uri: String, to destination: SocketAddress? = nil, callID: String = UUID().uuidString,
        _ place: SourceLocation = #_sourceLocation
    ) throws -> LiveCall {
        let ends = (pbx: try pbx.media(), itsp: try itsp.media())
        itsp.send(
            """
            INVITE \(uri) SIP/2.0
            Via: \(itsp.via())
            Max-Forwards: 70
            From: <sip:5551234@\(itsp.address)>;tag=itsp
            To: <\(uri.components(separatedBy: ";")[0])>
            Call-ID: \(callID)
            CSeq: 1 INVITE
            Contact: <sip:5551234@\(itsp.address)\(itsp.parameter)>
            """, body: ends.itsp.description(), to: destination ?? outside)
        let (invite, answer) = try ring(from: itsp, to: pbx, ends.pbx)
        try ends.itsp.take(answer)
        var caller = DialogEnd(caller: itsp, answer)
        try caller.send("ACK")
        _ = try pbx.expect("ACK")
        return LiveCall(
            invite: invite, pbx: DialogEnd(callee: pbx, invite, tag: "pbx"), itsp: caller, pbxMedia: ends.pbx,
            itspMedia: ends.itsp, stage: self)
    }

    /// A call of the PBX to a number of the ITSP, up to the ACK.
    func outboundCall(callID: String = UUID().uuidString) throws -> LiveCall {
        let ends = (pbx: try pbx.media(), itsp: try itsp.media())
        dial(callID: callID, ends.pbx)
        let (invite, answer) = try ring(from: pbx, to: itsp, ends.itsp)
        try ends.pbx.take(answer)
        var caller = DialogEnd(caller: pbx, answer)
        try caller.send("ACK")
        _ = try itsp.expect("ACK")
        return LiveCall(
            invite: invite, pbx: caller, itsp: DialogEnd(callee: itsp, invite, tag: "itsp"), pbxMedia: ends.pbx,
            itspMedia: ends.itsp, stage: self)
    }

    /// The PBX sends the INVITE of a call to a number of the ITSP.
    func dial(callID: String, _ media: MediaEnd) {
        pbx.send(
            """
            INVITE sip:18005551212@\(itsp.address)\(itsp.parameter) SIP/2.0
            Via: \(pbx.via())
            Max-Forwards: 70
            Route: <sip:\(inside)\(pbx.parameter);lr>
            From: <sip:account1@\(itsp.address)>;tag=pbx
            To: <sip:18005551212@\(itsp.address)>
            Call-ID: \(callID)
            CSeq: 1 INVITE
            Contact: <sip:account1@\(pbx.address)\(pbx.parameter);x=1>
            """, body: media.description(), to: inside)
    }

    /// A call of either side, with audio and re-INVITEs of both, up to the end.
    func callBothWays() throws {
        for call in [try outboundCall(), try inboundCall("sip:100@\(outside)")] {
            try call.talk()
            for party in LiveCall.Party.allCases {
                try call.reinvite(by: party)
                try call.talk()
            }
            try call.hangUp(by: .itsp)
        }
        try expectIdle()
    }

    /// Rings and answers; the INVITE as the callee got it and the 200 as the caller did.
    private func ring(
        from caller: UserAgent, to callee: UserAgent, _ media: MediaEnd
    ) throws -> (invite: WireMessage, answer: WireMessage) {
        let invite = try callee.expectINVITE()
        let tag = callee === pbx ? "pbx" : "itsp"
        let contact = "Contact: <sip:\(tag)@\(callee.address)\(callee.parameter)>"
        try callee.answer("180 Ringing", to: invite, tag: tag, contact)
        _ = try caller.expect("180 INVITE")
        try media.take(invite)
        try callee.answer("200 OK", to: invite, tag: tag, contact, body: media.description())
        return (invite, try caller.expect("200 INVITE"))
    }
}

/// An answered call with both its ends.
final class LiveCall {
    /// The INVITE as it reached the callee.
    let invite: WireMessage
    var pbx: DialogEnd
    var itsp: DialogEnd
    let pbxMedia: MediaEnd
    let itspMedia: MediaEnd
    private let stage: AnyObject

    enum Party: CaseIterable, Sendable { case pbx, itsp }

    init(
        invite: WireMessage, pbx: DialogEnd, itsp: DialogEnd, pbxMedia: MediaEnd, itspMedia: MediaEnd, stage: AnyObject
    ) {
        self.invite = invite
        self.pbx = pbx
        self.itsp = itsp
        self.pbxMedia = pbxMedia
        self.itspMedia = itspMedia
        self.stage = stage
    }

    /// Sends packets both ways and expects each, byte for byte, from the address that SDP named.
    func talk(packets: Int = 10, _ place: SourceLocation = #_sourceLocation) throws {
        for end in [pbxMedia, itspMedia] { try end.shakeHands() }
        for _ in 0..<packets {
            for (from, to) in [(pbxMedia, itspMedia), (itspMedia, pbxMedia)] {
                let packet = from.packet()
                try from.send(packet)
                let arrived = try #require(try to.receive(within: 5_000), "no audio", sourceLocation: place)
                #expect(arrived.packet == packet, sourceLocation: place)
                #expect(arrived.source == to.remote, sourceLocation: place)
            }
        }
    }

    /// Ends the call from one side.
    func hangUp(by party: Party) throws {
        let other = party == .pbx ? itsp.agent : pbx.agent
        if party == .pbx { try pbx.send("BYE") } else { try itsp.send("BYE") }
        let bye = try other.expect("BYE")
        try other.answer("200 OK", to: bye)
        _ = try (party == .pbx ? pbx.agent : itsp.agent).expect("200 BYE")
    }

    /// A new offer of one party, answered by the other with the same session.
    func reinvite(by party: Party) throws {
        let media = party == .pbx ? (own: pbxMedia, other: itspMedia) : (own: itspMedia, other: pbxMedia)
        let agents = party == .pbx ? (own: pbx.agent, other: itsp.agent) : (own: itsp.agent, other: pbx.agent)
        let contact = "Contact: <sip:\(party)@\(agents.own.address)\(agents.own.parameter)>"
        let body = media.own.description(version: 2)
        if party == .pbx {
            try pbx.send("INVITE", contact, body: body)
        } else {
            try itsp.send("INVITE", contact, body: body)
        }
        let invite = try agents.other.expect("INVITE")
        try media.other.take(invite)
        let otherContact =
            "Contact: <sip:\(party == .pbx ? Party.itsp : .pbx)@\(agents.other.address)\(agents.other.parameter)>"
        try agents.other.answer("200 OK", to: invite, otherContact, body: media.other.description(version: 2))
        try media.own.take(agents.own.expect("200 INVITE"))
        if party == .pbx { try pbx.send("ACK") } else { try itsp.send("ACK") }
        _ = try agents.other.expect("ACK")
    }
}
