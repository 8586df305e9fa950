import Admin
import Foundation
import NetworkTypes
import Testing

@Suite("Several signalling shards")
struct ShardTests {
    @Test("Calls work whichever shard's socket their messages come to, and whichever shard saw the registration")
    func manyCalls() throws {
        let stage = try Stage()
        let daemon = try DaemonThread(stage, shards: 3)
        try stage.waitUntilReady()
        let contact = try stage.register(callID: "register-\(UUID())")
        // The other shards learn of it through their mailboxes.
        usleep(200_000)
        var live: [LiveCall] = []
        for _ in 0..<8 {
            live.append(try stage.inboundCall(contact))
            live.append(try stage.outboundCall())
        }
        for call in live { try call.talk(packets: 2) }
        #expect(try stage.calls().count == 16)
        #expect(Set(stage.boundMediaPorts).count == 64)
        let stranger = try LoopbackPeer(at: SocketAddress(stage.host(66), 5_060))
        for number in 0..<2_000 {
            stranger.send(AttackTests.scan(number, from: stranger.address, to: stage.outside), to: stage.outside)
        }
        for (number, call) in live.enumerated() {
            try call.reinvite(by: number.isMultiple(of: 3) ? .pbx : .itsp)
            try call.talk(packets: 1)
            try call.hangUp(by: number.isMultiple(of: 2) ? .pbx : .itsp)
        }
        try stage.expectIdle()
        #expect(try stage.status().calls.total == 16)
        #expect(try daemon.stop() == 0)
    }
}
