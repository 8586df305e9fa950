/// What a datagram on a media port is, by its first two octets (RFC 7983 §7, RFC 5761 §4).
public enum PacketKind: UInt8, Hashable, Sendable, CaseIterable {
    case stun, zrtp, dtls, turnChannel, rtp, rtcp
    /// Anything else, a datagram of less than two octets included.
    case other

    /// Classifies a datagram without looking further than its second octet.
    @inlinable public init(_ packet: Span<UInt8>) {
        guard packet.count >= 2 else {
            self = .other
            return
        }
        let first = packet[0]
        if first &- 128 < 64 {
            // RFC 5761 §4: a second octet of 192 to 223 is an RTCP packet type, else a marker and a payload type.
            self = packet[1] &- 192 < 32 ? .rtcp : .rtp
        } else {
            self.init(other: first)
        }
    }

    @inlinable init(other first: UInt8) {
        switch first {
        case 0...3: self = .stun
        case 16...19: self = .zrtp
        case 20...63: self = .dtls
        case 64...79: self = .turnChannel
        default: self = .other
        }
    }
}
