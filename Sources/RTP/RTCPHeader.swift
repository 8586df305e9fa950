/// The header of the first packet of a compound RTCP packet (RFC 3550 §6.4).
///
/// A relay only asks whether it may be RTCP: reduced-size packets (RFC 5506) and unknown types pass, and nothing behind
/// the first header is read.
public struct RTCPHeader: Hashable, Sendable {
    public let count: UInt8
    public let packetType: UInt8
    /// The octets of the first packet, its header included.
    public let length: Int

    /// Reads the header; nil unless the version is 2, the type is one of RTCP's (RFC 5761 §4) and the length fits.
    @inlinable public init?(_ packet: Span<UInt8>) {
        guard packet.count >= 4, packet[0] & 0xc0 == 0x80, packet[1] &- 192 < 32 else { return nil }
        let length = 4 * (Int(packet[2]) << 8 | Int(packet[3])) + 4
        guard length <= packet.count else { return nil }
        count = packet[0] & 0x1f
        packetType = packet[1]
        self.length = length
    }
}
