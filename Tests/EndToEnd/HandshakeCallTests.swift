import DTLS
import Glibc
import NetworkTypes
import Testing

@Suite("The executable: DTLS-SRTP")
struct HandshakeCallTests {
    /// An ITSP with DTLS-SRTP only.
    private func stage(begins: Bool) throws -> Stage {
        let stage = try Stage(
            extra: """
                trunks: [{name: itsp, domain: "ITSP", networks: ["ITSP"], srtp: required, keying: dtls}]
                pbx: "PBX"
                """)
        stage.itsp.isSecure = true
        stage.itsp.handshakes = begins ? .begins : .waits
        try stage.start()
        return stage
    }

    @Test(
        "RTP inside and DTLS-SRTP outside, in calls both ways, with re-INVITEs of either side, whoever begins",
        arguments: [true, false])
    func calls(_ begins: Bool) throws {
        try stage(begins: begins).callBothWays()
    }

    @Test("security 8, 9: strangers' handshakes and media before the keys leave a call as it is")
    func strangers() throws {
        let stage = try stage(begins: true)
        let call = try stage.outboundCall()
        let target = try #require(call.itspMedia.remote)
        // From the address that is signalled, before there are keys.
        for _ in 0..<100 { call.itspMedia.rtp.send(call.itspMedia.packet(), to: target) }
        let stranger = try LoopbackPeer(at: SocketAddress(call.itspMedia.rtp.address.ip, 0))
        let hello = try DTLSAssociation(client: DTLSIdentity(), expecting: [])
        hello.start(at: .zero)
        for datagram in hello.takeOutput() { stranger.send(datagram, to: target) }
        let request = try #require(stranger.receive())
        hello.receive(request.packet.span, from: target, at: .zero)
        for datagram in hello.takeOutput() { stranger.send(datagram, to: target) }
        #expect(call.pbxMedia.rtp.receive(within: 200) == nil)
        try call.talk()
        for number in 0..<1000 {
            // No faster than a busy machine reads: the call's own packets wait in the same socket.
            if number % 50 == 0 { usleep(5_000) }
            call.itspMedia.rtp.send([21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40], to: target)
        }
        try call.talk()
        try call.hangUp(by: .pbx)
        try stage.expectIdle()
    }
}
