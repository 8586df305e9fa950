import Admin
import NetworkTypes
import TLS
import Testing

@Suite("The executable: site to site, two PBXs behind a proxy each, TLS and SRTP between")
struct SiteToSiteTests {
    @Test("Calls both ways with audio, hold and its end, and BYE from either end", arguments: [0, 1])
    func calls(caller: Int) throws {
        let sites = try TwoSites()
        for party in LiveCall.Party.allCases {
            let call = try sites.call(from: caller)
            #expect(call.invite["X-Sallyport-Trunk"] == "other")
            #expect(call.invite.body.contains(" RTP/AVP ") && !call.invite.body.contains("a=crypto"))
            try call.talk()
            try hold(call, by: party)
            try call.reinvite(by: party)
            try call.talk()
            try call.hangUp(by: party)
            try sites.expectIdle()
        }
        for site in sites.sites {
            let connections = try site.status().connections
            #expect(connections.failed.isEmpty && connections.handshakes > 0, "\(connections)")
        }
    }

    /// One party sends and doesn't listen: the other hears it, and sends nothing.
    private func hold(_ call: LiveCall, by party: LiveCall.Party) throws {
        let (holder, held) = party == .pbx ? (call.pbxMedia, call.itspMedia) : (call.itspMedia, call.pbxMedia)
        let (own, other) = party == .pbx ? (call.pbx.agent, call.itsp.agent) : (call.itsp.agent, call.pbx.agent)
        let body = holder.description(direction: "sendonly", version: 3)
        let contact = "Contact: <sip:\(party)@\(own.address)>"
        if party == .pbx {
            try call.pbx.send("INVITE", contact, body: body)
        } else {
            try call.itsp.send("INVITE", contact, body: body)
        }
        let invite = try other.expect("INVITE")
        #expect(invite.body.contains("a=sendonly"))
        try held.take(invite)
        try other.answer(
            "200 OK", to: invite, "Contact: <sip:held@\(other.address)>",
            body: held.description(direction: "recvonly", version: 3))
        let answer = try own.expect("200 INVITE")
        #expect(answer.body.contains("a=recvonly"))
        try holder.take(answer)
        if party == .pbx { try call.pbx.send("ACK") } else { try call.itsp.send("ACK") }
        _ = try other.expect("ACK")
        for _ in 0..<5 {
            let music = holder.packet()
            try holder.send(music)
            #expect(try held.receive(within: 5_000)?.packet == music)
        }
    }

    @Test(
        "Who sits between sees neither a word of signalling nor an octet of audio",
        .enabled(if: LoopbackCapture.isPossible, "needs the right to capture"))
    func middle() throws {
        let sites = try TwoSites()
        let (one, other) = (sites.sites[0].outside.ip, sites.sites[1].outside.ip)
        let capture = try #require(LoopbackCapture(between: one, and: other))
        let call = try sites.call(from: 0)
        try call.talk(packets: 50)
        try call.hangUp(by: .itsp)
        let seen = capture.finish()
        let audio = call.pbxMedia.packet().suffix(8)
        for end in [one, other] {
            let sent = seen.filter { $0.source == end }
            // The audio, each packet with its tag of ten octets, and the signalling.
            #expect(sent.count { $0.isUDP && $0.payload.count == 182 } == 50)
            #expect(sent.contains { !$0.isUDP && $0.payload.count > 200 })
        }
        for packet in seen {
            #expect(!packet.payload.contains(audio), "audio in the clear")
            #expect(!packet.payload.contains("SIP/2.0".utf8), "signalling in the clear")
        }
    }

    @Test("security 35: with another's certificate, or none, nobody gets a word in; the other site goes on")
    func strangers() throws {
        let sites = try TwoSites()
        let site = sites.sites[0]
        let address = sites.sites[1].outside.ip
        let stranger = try CertificateAuthority(name: "Stranger")
        try sites.certificates.issue("stranger", ["\(address)"], by: stranger)
        for client in [
            try sites.certificates.client(), try sites.certificates.security("stranger").client,
        ] {
            let stream = try TestStream(to: site.outside, from: SocketAddress(address, 0))
            stream.secure(try TLSEngine(client: client, to: ["\(site.outside.ip)"]))
            stream.send(Array("OPTIONS sip:\(site.outside) SIP/2.0\r\nContent-Length: 0\r\n\r\n".utf8))
            #expect(stream.ends() && stream.pending.isEmpty)
        }
        #expect(try site.status().connections.failed["insecure"] == 2)
        let call = try sites.call(from: 1)
        try call.talk()
        try call.hangUp(by: .pbx)
        try sites.expectIdle()
    }
}
