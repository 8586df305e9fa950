import RTP
import Testing

// The macros of Swift Testing take no spans.
private func kind(_ packet: [UInt8]) -> PacketKind { PacketKind(packet.span) }
private func rtp(_ packet: [UInt8]) -> RTPHeader? { RTPHeader(packet.span) }
private func rtcp(_ packet: [UInt8]) -> RTCPHeader? { RTCPHeader(packet.span) }

@Suite("RTP and RTCP headers (RFC 3550)")
struct HeaderTests {
    private static let plain: [UInt8] = [0x80, 0x88, 0x12, 0x34, 1, 2, 3, 4, 0xde, 0xad, 0xbe, 0xef, 0xd5, 0xd5]

    @Test("Every field of an RTP header is read")
    func fields() throws {
        let header = try #require(rtp(Self.plain))
        #expect(header.hasMarker)
        #expect(header.payloadType == 8)
        #expect(header.sequenceNumber == 0x1234)
        #expect(header.timestamp == 0x0102_0304)
        #expect(header.ssrc == 0xdead_beef)
    }

    @Test("An RTP packet of every length below twelve octets is refused")
    func short() {
        for length in 0..<12 { #expect(rtp(Array(Self.plain.prefix(length))) == nil) }
    }

    /// First octet, octets after the fixed header, whether the packet is whole.
    private static let options: [(UInt8, [UInt8], Bool)] = [
        (0x40, [], false), (0xc0, [], false), (0x00, [], false),
        (0x81, [], false), (0x81, [0, 0, 0], false), (0x81, [0, 0, 0, 1], true),
        (0x8f, [UInt8](repeating: 0, count: 59), false), (0x8f, [UInt8](repeating: 0, count: 60), true),
        (0x90, [], false), (0x90, [0xbe, 0xde, 0], false), (0x90, [0xbe, 0xde, 0, 0], true),
        (0x90, [0xbe, 0xde, 0, 1], false), (0x90, [0xbe, 0xde, 0, 1, 1, 2, 3, 4], true),
        (0x90, [0xbe, 0xde, 0xff, 0xff, 1, 2, 3, 4], false),
        (0xa0, [], false), (0xa0, [0], false), (0xa0, [1], true), (0xa0, [0, 3], false), (0xa0, [0, 0, 3], true),
        (0xb1, [0, 0, 0, 1, 0, 0, 0, 0, 1], true), (0xb1, [0, 0, 0, 1, 0, 0, 0, 0, 2], false),
    ]

    @Test("Contributing sources, extension and padding must fit", arguments: options)
    func optionsFit(_ first: UInt8, _ rest: [UInt8], _ isWhole: Bool) {
        // An SSRC of zero: without anything behind the header its last octet is taken for the padding length.
        let packet = [first, 0] + [UInt8](repeating: 0, count: 10) + rest
        #expect((rtp(packet) != nil) == isWhole)
    }

    /// Octets and whether a relay takes them for RTCP.
    private static let controlPackets: [([UInt8], Bool)] = [
        ([], false), ([0x80, 200, 0], false), ([0x80, 200, 0, 1], false), ([0x80, 200, 0, 1, 0, 0, 0, 1], true),
        ([0x81, 203, 0, 0], true), ([0x40, 200, 0, 0], false), ([0x80, 191, 0, 0], false), ([0x80, 192, 0, 0], true),
        ([0x80, 223, 0, 0], true), ([0x80, 224, 0, 0], false), ([0x80, 200, 0xff, 0xff, 0, 0, 0, 1], false),
        ([0x8f, 206, 0, 0, 9, 9], true),
    ]

    @Test("security 11: only the first header of an RTCP packet is checked, and its length", arguments: controlPackets)
    func control(_ packet: [UInt8], _ isValid: Bool) {
        #expect((rtcp(packet) != nil) == isValid)
    }

    @Test("security 11: no mutation of two octets traps")
    func mutations() {
        var packet = Self.plain
        for index in 0..<4 {
            for value in UInt8.min...UInt8.max {
                for last in [0, 1, 2, 13, 14, 255] as [UInt8] {
                    packet[index] = value
                    packet[13] = last
                    for length in [0, 3, 4, 8, 12, 13, 14] {
                        let cut = Array(packet.prefix(length))
                        _ = (rtp(cut), rtcp(cut), kind(cut))
                    }
                }
            }
            packet = Self.plain
        }
    }
}
