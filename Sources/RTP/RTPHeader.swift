/// The fixed header of an RTP packet (RFC 3550 §5.1), and a check that the packet is as long as it says.
public struct RTPHeader: Hashable, Sendable {
    public let hasMarker: Bool
    public let payloadType: UInt8
    public let sequenceNumber: UInt16
    public let timestamp: UInt32
    public let ssrc: UInt32

    /// The octets that every RTP packet has.
    public static let minimumLength = 12

    public init(hasMarker: Bool = false, payloadType: UInt8, sequenceNumber: UInt16, timestamp: UInt32, ssrc: UInt32) {
        self.hasMarker = hasMarker
        self.payloadType = payloadType
        self.sequenceNumber = sequenceNumber
        self.timestamp = timestamp
        self.ssrc = ssrc
    }

    /// Reads the header; nil unless the version is 2 and the contributing sources, the extension and the padding fit.
    @inlinable public init?(_ packet: Span<UInt8>) {
        guard packet.count >= 12, packet[0] & 0xc0 == 0x80 else { return nil }
        // Nearly all packets have neither contributing sources nor extension nor padding.
        if packet[0] & 0x3f != 0, !Self.hasRoomForOptions(packet) { return nil }
        hasMarker = packet[1] & 0x80 != 0
        payloadType = packet[1] & 0x7f
        sequenceNumber = UInt16(packet[2]) << 8 | UInt16(packet[3])
        timestamp = UInt32(packet[4]) << 24 | UInt32(packet[5]) << 16 | UInt32(packet[6]) << 8 | UInt32(packet[7])
        ssrc = UInt32(packet[8]) << 24 | UInt32(packet[9]) << 16 | UInt32(packet[10]) << 8 | UInt32(packet[11])
    }

    @usableFromInline static func hasRoomForOptions(_ packet: Span<UInt8>) -> Bool {
        var length = minimumLength + 4 * Int(packet[0] & 0x0f)
        if packet[0] & 0x10 != 0 {
            guard packet.count >= length + 4 else { return false }
            length += 4 + 4 * (Int(packet[length + 2]) << 8 | Int(packet[length + 3]))
        }
        if packet[0] & 0x20 != 0 {
            let padding = Int(packet[packet.count - 1])
            guard padding > 0 else { return false }
            length += padding
        }
        return length <= packet.count
    }
}
