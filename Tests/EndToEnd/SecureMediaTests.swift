import NetworkTypes
import Testing

@Suite("The executable: SRTP")
struct SecureMediaTests {
    /// An ITSP with SRTP only, over UDP, which `required` allows.
    private func stage() throws -> Stage {
        let stage = try Stage(
            extra: "trunks: [{name: itsp, domain: \"ITSP\", networks: [\"ITSP\"], srtp: required}]\npbx: \"PBX\"")
        stage.itsp.isSecure = true
        try stage.start()
        return stage
    }

    @Test("RTP inside and SRTP outside, in calls both ways, with re-INVITEs of either side")
    func calls() throws {
        try stage().callBothWays()
    }

    @Test("security 4, 5: of 20,000 bad packets none arrives, and the call goes on")
    func flood() throws {
        let stage = try stage()
        let call = try stage.outboundCall()
        try call.talk()
        let target = try #require(call.itspMedia.remote)
        for number in 0..<20_000 {
            var packet = call.itspMedia.packet()
            packet[30] = UInt8(truncatingIfNeeded: number)
            // As sent, without a tag; and with one that is wrong.
            call.itspMedia.rtp.send(number % 2 == 0 ? packet : packet + [UInt8](repeating: 1, count: 10), to: target)
        }
        #expect(call.pbxMedia.rtp.receive(within: 200) == nil)
        try call.talk()
        try call.hangUp(by: .pbx)
        try stage.expectIdle()
    }

    @Test("security 6: an ITSP that offers no keys where they are required gets 488")
    func refused() throws {
        let stage = try stage()
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
