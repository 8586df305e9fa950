import RTP
import Testing

@Suite("Packet kinds (RFC 7983, RFC 5761)")
struct PacketKindTests {
    private func classify(_ packet: [UInt8]) -> PacketKind { PacketKind(packet.span) }

    @Test(
        "The first octet tells the protocol",
        arguments: [
            (0 as UInt8, PacketKind.stun), (3, .stun), (4, .other), (15, .other), (16, .zrtp), (19, .zrtp), (20, .dtls),
            (63, .dtls), (64, .turnChannel), (79, .turnChannel), (80, .other), (127, .other), (128, .rtp), (191, .rtp),
            (192, .other), (255, .other),
        ])
    func firstOctet(_ first: UInt8, _ kind: PacketKind) {
        let packet: [UInt8] = [first, 0, 0, 0]
        #expect(classify(packet) == kind)
    }

    @Test("The second octet tells RTP from RTCP", arguments: UInt8.min...UInt8.max)
    func secondOctet(_ second: UInt8) {
        let packet: [UInt8] = [0x80, second]
        #expect(classify(packet) == ((192...223).contains(second) ? .rtcp : .rtp))
    }

    @Test("A datagram of less than two octets is nothing known", arguments: [[], [0x80], [0x00]] as [[UInt8]])
    func short(_ packet: [UInt8]) {
        #expect(classify(packet) == .other)
    }
}
