import Foundation
import NetworkTypes
import TestSupport
import Testing

/// Two calls of the PBX to the ITSP.
private struct TwoCalls {
    let stage: Stage
    let calls: [LiveCall]

    init(media: String) throws {
        stage = try Stage(media: media)
        try stage.start()
        calls = [try stage.outboundCall(), try stage.outboundCall()]
    }

    /// The PBX's re-INVITE of call `index` that names `target`; what the ITSP got.
    @discardableResult
    func reinvite(_ index: Int, to target: SocketAddress, version: Int) throws -> WireMessage {
        let call = calls[index]
        let body = """
            v=0
            o=- 1 \(version) IN IP4 \(stage.pbx.address.ip)
            s=-
            c=IN IP4 \(target.ip)
            t=0 0
            m=audio \(target.port) RTP/AVP 0
            a=sendrecv

            """
        try call.pbx.send("INVITE", "Contact: <sip:pbx@\(stage.pbx.address)>", body: body)
        let invite = try stage.itsp.expect("INVITE")
        try call.itspMedia.take(invite)
        try stage.itsp.answer(
            "200 OK", to: invite, "Contact: <sip:itsp@\(stage.itsp.address)>",
            body: call.itspMedia.description(version: version))
        let answer = try stage.pbx.expect("200 INVITE")
        #expect(answer.audioAddress == call.pbxMedia.remote)
        try call.pbx.send("ACK")
        _ = try stage.itsp.expect("ACK")
        return invite
    }

    func join(version: Int = 2) throws -> [WireMessage] {
        try [0, 1].map { index in
            try reinvite(index, to: try #require(calls[1 - index].pbxMedia.remote), version: version)
        }
    }

    /// Packets of each ITSP's end reach the other, from where its SDP says.
    func talkAcross() throws {
        for _ in 0..<10 {
            for (from, to) in [(calls[0].itspMedia, calls[1].itspMedia), (calls[1].itspMedia, calls[0].itspMedia)] {
                let packet = from.packet()
                try from.send(packet)
                let arrived = try #require(try to.receive(within: 5_000))
                #expect(arrived.packet == packet && arrived.source == to.remote)
            }
        }
    }
}

@Suite("The executable: calls that the PBX puts together")
struct JointTests {
    @Test("Their media meets inside us, on one worker and on two, and comes back to the PBX", arguments: [1, 2])
    func joined(workers: Int) throws {
        let test = try TwoCalls(media: ", workers: \(workers)")
        let invites = try test.join()
        #expect(invites.allSatisfy { $0.audioAddress?.ip == test.stage.outside.ip })
        try test.talkAcross()
        for (index, call) in test.calls.enumerated() {
            try test.reinvite(index, to: call.pbxMedia.rtp.address, version: 3)
            try call.talk()
        }
        for call in test.calls { try call.hangUp(by: .pbx) }
        try test.stage.expectIdle()
    }

    @Test("When one of both ends, the other sends nothing to its port, and goes on with the PBX", arguments: [1, 2])
    func ends(workers: Int) throws {
        let test = try TwoCalls(media: ", workers: \(workers)")
        _ = try test.join()
        try test.talkAcross()
        let joint = try #require(test.calls[1].pbxMedia.remote)
        try test.calls[1].hangUp(by: .itsp)
        #expect(eventually { !test.stage.boundMediaPorts.contains(joint) })
        // Whoever has the port now hears nothing that one worker has to send.
        let next = try LoopbackPeer(at: joint)
        let call = test.calls[0]
        try call.itspMedia.send(call.itspMedia.packet())
        if workers == 1 { #expect(next.receive(within: 100) == nil) }
        try test.reinvite(0, to: call.pbxMedia.rtp.address, version: 3)
        try call.talk()
        try call.hangUp(by: .pbx)
    }

    @Test("direct_media: both ends of the ITSP send to each other, and back to us when the PBX wants them back")
    func direct() throws {
        let test = try TwoCalls(media: ", direct_media: yes, workers: 2")
        let invites = try test.join()
        #expect(invites[0].audioAddress == test.calls[1].itspMedia.rtp.address)
        #expect(invites[1].audioAddress == test.calls[0].itspMedia.rtp.address)
        #expect(invites.allSatisfy { !$0.body.contains("\(test.stage.inside.ip)") })
        try test.talkAcross()
        for (index, call) in test.calls.enumerated() {
            try test.reinvite(index, to: call.pbxMedia.rtp.address, version: 3)
            try call.talk()
            try call.hangUp(by: .itsp)
        }
        try test.stage.expectIdle()
    }
}
