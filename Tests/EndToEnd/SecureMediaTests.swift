import Admin
import NetworkTypes
import TestSupport
import Testing

@testable import struct sallyport_bench.ProcessUsage

@Suite("The executable: SRTP")
struct SecureMediaTests {
    /// An ITSP with SRTP only, over UDP, which `required` allows.
    private func stage() throws -> Stage {
        let stage = try Stage(
            extra: "trunks: [{name: itsp, domain: \"ITSP\", networks: [\"ITSP\"], srtp: required}]\npbx: \"PBX\"")
        stage.itsp.isSecure = true
        return stage
    }

    @Test("RTP inside and SRTP outside, in calls both ways, with re-INVITEs of either side")
    func calls() throws {
        let stage = try stage()
        try stage.start()
        try stage.callBothWays()
    }

    /// What a bad packet may cost the process, kernel included: a debug build takes some 20 µs for one, and one that
    /// looked for something, kept something or wrote a line would take several times that.
    private static let costOfBadPacket = 40e-6

    @Test(
        "security 4, 5: bad packets at 50,000 a second, 1,000,000 of them with the full load, and good ones all arrive")
    func flood() throws {
        let stage = try stage()
        let process = try stage.start()
        let call = try stage.outboundCall()
        try call.talk()
        let stranger = try LoopbackPeer(at: SocketAddress(stage.host(66), 6_666))
        let flood = MediaFlood(from: [call.itspMedia.rtp, stranger], to: try #require(call.itspMedia.remote))
        let before = (try stage.status(), try #require(ProcessUsage(of: process.pid)))
        let bursts = AttackLoad.count(100_000, full: 1_000_000) / MediaFlood.size
        for _ in 0..<bursts {
            let good = call.itspMedia.packet()
            flood.burst(around: try call.itspMedia.send(good))
            // Each arrives before the next burst: where the machine is busy, the pace gives way and not the packet.
            #expect(try call.pbxMedia.receive(within: 5_000)?.packet == good)
        }
        try call.talk()
        let after = (try stage.status(), try #require(ProcessUsage(of: process.pid)))
        let bad = bursts * MediaFlood.size
        let dropped = try #require(try stage.calls().first).legs.reduce(0) { $0 + $1.dropped.values.reduce(0, +) }
        #expect(dropped > UInt64(bad / 100 * 99))
        #expect((after.1.cpuSeconds - before.1.cpuSeconds) / Double(bad) < Self.costOfBadPacket)
        #expect(after.0.memoryBytes < before.0.memoryBytes + 16 << 20)
        #expect(stranger.receive(within: 0) == nil && call.pbxMedia.drain().isEmpty)
        try call.hangUp(by: .pbx)
        try stage.expectIdle()
    }

    @Test("security 6: an ITSP that offers no keys where they are required gets 488")
    func refused() throws {
        let stage = try stage()
        try stage.start()
        stage.itsp.isSecure = false
        let media = try stage.itsp.media()
        stage.itsp.send(
            """
            INVITE sip:100@\(stage.outside) SIP/2.0
            Via: \(stage.itsp.via())
            Max-Forwards: 70
            From: <sip:5551234@\(stage.itsp.address)>;tag=itsp
            To: <sip:100@\(stage.outside)>
            Call-ID: no-keys
            CSeq: 1 INVITE
            Contact: <sip:5551234@\(stage.itsp.address)>
            """, body: media.description(), to: stage.outside)
        _ = try stage.itsp.expect("488 INVITE")
        try stage.expectIdle()
    }
}
