import Admin
import Foundation
import NetworkTypes
import Testing

@Suite("The executable: T.38")
struct FaxTests {
    /// A session description with one line of media.
    private func body(_ media: MediaEnd, _ lines: String...) -> String {
        let ip = media.rtp.address.ip
        return "v=0\no=- 1 3 IN IP4 \(ip)\ns=-\nc=IN IP4 \(ip)\nt=0 0\n" + lines.joined(separator: "\n") + "\n"
    }

    private func fax(_ media: MediaEnd) -> String {
        body(
            media, "m=image \(media.rtp.address.port) udptl t38", "a=T38FaxVersion:0", "a=T38FaxUdpEC:t38UDPRedundancy")
    }

    /// Where a message says that T.38 goes.
    private func target(_ message: WireMessage) throws -> SocketAddress {
        let lines = message.body.components(separatedBy: .newlines)
        let media = try #require(lines.first { $0.hasPrefix("m=image ") }, "\(message)")
        let address = try #require(lines.first { $0.hasPrefix("c=IN IP4 ") })
        let port = try #require(UInt16(media.split(separator: " ")[1]))
        #expect(message.body.contains("a=T38FaxUdpEC:t38UDPRedundancy"))
        return SocketAddress(try #require(IPAddress(String(address.dropFirst(9)))), port)
    }

    @Test(
        "security 12: a call that becomes a fax and a call again: UDPTL passes both ways unread, a stranger's does not",
        arguments: LiveCall.Party.allCases)
    func fax(by party: LiveCall.Party) throws {
        let stage = try Stage()
        try stage.start()
        let call = try stage.outboundCall()
        try call.talk()
        let (own, other) = party == .pbx ? (call.pbxMedia, call.itspMedia) : (call.itspMedia, call.pbxMedia)
        let (agent, peer) = party == .pbx ? (call.pbx.agent, call.itsp.agent) : (call.itsp.agent, call.pbx.agent)
        let contact = "Contact: <sip:\(party)@\(agent.address)\(agent.parameter)>"
        if party == .pbx {
            try call.pbx.send("INVITE", contact, body: fax(own))
        } else {
            try call.itsp.send("INVITE", contact, body: fax(own))
        }
        let invite = try peer.expect("INVITE")
        other.remote = try target(invite)
        try peer.answer("200 OK", to: invite, "Contact: <sip:x@\(peer.address)\(peer.parameter)>", body: fax(other))
        own.remote = try target(agent.expect("200 INVITE"))
        if party == .pbx { try call.pbx.send("ACK") } else { try call.itsp.send("ACK") }
        _ = try peer.expect("ACK")
        let attacker = try LoopbackPeer(at: SocketAddress(stage.host(66), 6_666))
        for number in 0..<50 as Range<UInt8> {
            let packet = [0, number, 4, 1, 2, 3, 4, 0, 0xff] + [UInt8](repeating: number, count: Int(number))
            for (from, to) in [(own, other), (other, own)] {
                attacker.send([0xff, number, 0x80], to: try #require(from.remote))
                from.rtp.send(packet, to: try #require(from.remote))
                let arrived = try #require(to.rtp.receive(within: 5_000), "no fax")
                #expect(arrived.packet == packet && arrived.source == to.remote)
            }
        }
        #expect(attacker.receive(within: 100) == nil)
        try call.reinvite(by: party == .pbx ? .itsp : .pbx)
        try call.talk()
        try call.hangUp(by: party)
        try stage.expectIdle()
    }

    @Test("A chat over TCP beside the audio crosses as it is, and is counted and told once")
    func chat() throws {
        let stage = try Stage()
        try stage.start()
        let call = try stage.outboundCall()
        let media = call.pbxMedia
        let offer = body(
            media, "m=audio \(media.rtp.address.port) RTP/AVP 0", "m=message 7394 TCP/MSRP *",
            "c=IN IP4 192.0.2.50",
            "a=path:msrp://x:7394/s;tcp")
        let contact = "Contact: <sip:pbx@\(call.pbx.agent.address)>"
        for _ in 0..<2 {
            try call.pbx.send("INVITE", contact, body: offer)
            let invite = try call.itsp.agent.expect("INVITE")
            #expect(invite.body.contains("m=message 7394 TCP/MSRP *"))
            #expect(
                invite.body.contains("c=IN IP4 192.0.2.50")
                    && invite.body.contains("a=path:msrp://x:7394/s;tcp"))
            let answer = body(
                call.itspMedia, "m=audio \(call.itspMedia.rtp.address.port) RTP/AVP 0", "m=message 0 TCP/MSRP *")
            try call.itsp.agent.answer(
                "200 OK", to: invite, "Contact: <sip:itsp@\(call.itsp.agent.address)>", body: answer)
            #expect(try call.pbx.agent.expect("200 INVITE").body.contains("m=message 0 TCP/MSRP *"))
            try call.pbx.send("ACK")
            _ = try call.itsp.agent.expect("ACK")
        }
        try call.talk()
        #expect(try stage.status().media.unanchored == 1)
        try call.hangUp(by: .pbx)
        try stage.expectIdle()
    }
}
