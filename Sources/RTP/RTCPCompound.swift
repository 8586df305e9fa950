/// Walks through the packets of a compound RTCP packet (RFC 3550 §6.1), one header at a time.
///
/// Nothing is believed but what fits: the walk ends at the first octet that begins no whole packet, and after
/// ``mostPackets`` in any case (security 11). What is behind stays unread.
public struct RTCPCompound {
    /// One packet: where it is, and what its header says.
    public struct Packet: Hashable, Sendable {
        /// Sender report, receiver report, transport layer feedback, extended report (RFC 3550, RFC 4585, RFC 3611).
        public static let senderReport: UInt8 = 200
        public static let receiverReport: UInt8 = 201
        public static let transportFeedback: UInt8 = 205
        public static let extendedReport: UInt8 = 207

        public let type: UInt8
        /// Report blocks, or what the type makes of these five bits.
        public let count: UInt8
        public let range: Range<Int>
    }

    public static let mostPackets = 16

    private var position = 0
    private var left = RTCPCompound.mostPackets

    public init() {}

    /// The next packet of the first `length` octets.
    public mutating func next(in packet: Span<UInt8>, length: Int) -> Packet? {
        let end = min(length, packet.count)
        guard left > 0, end - position >= 8, packet[position] & 0xc0 == 0x80, packet[position + 1] &- 192 < 32 else {
            return nil
        }
        let size = 4 * (Int(packet[position + 2]) << 8 | Int(packet[position + 3])) + 4
        guard size >= 8, size <= end - position else { return nil }
        defer {
            position += size
            left -= 1
        }
        return Packet(
            type: packet[position + 1], count: packet[position] & 0x1f, range: position..<position + size)
    }
}

/// What a sender report says for the round trip (RFC 3550 §6.4.1).
public struct SenderReport: Hashable, Sendable {
    public let ssrc: UInt32
    /// The middle 32 bits of the NTP timestamp, which a receiver gives back as LSR.
    public let timestamp: UInt32

    /// Reads a packet of that type; nil if it is too short.
    public init?(_ packet: RTCPCompound.Packet, in octets: Span<UInt8>) {
        guard packet.type == RTCPCompound.Packet.senderReport, packet.range.count >= ReportBlock.firstOfSender,
            packet.range.upperBound <= octets.count
        else { return nil }
        ssrc = octets.word(at: packet.range.lowerBound + 4)
        timestamp = octets.word(at: packet.range.lowerBound + 10)
    }
}

/// What a receiver says about one source (RFC 3550 §6.4.1).
public struct ReportBlock: Hashable, Sendable {
    static let length = 24
    static let firstOfSender = 28
    static let firstOfReceiver = 8

    public let ssrc: UInt32
    /// The share lost since the report before, in 256ths.
    public let fractionLost: UInt8
    /// Packets lost since the beginning; duplicates make it negative.
    public let lost: Int32
    /// The highest sequence number, and in the upper half how often it has wrapped.
    public let highest: UInt32
    /// Interarrival jitter in timestamp units.
    public let jitter: UInt32
    /// The last sender report (LSR), and how long ago it came in 65,536ths of a second (DLSR).
    public let lastReport: UInt32
    public let delay: UInt32

    /// Where block `index` of a sender or receiver report is; nil if there is none.
    public static func place(_ index: Int, of packet: RTCPCompound.Packet) -> Int? {
        let first: Int
        switch packet.type {
        case RTCPCompound.Packet.senderReport: first = firstOfSender
        case RTCPCompound.Packet.receiverReport: first = firstOfReceiver
        default: return nil
        }
        guard index >= 0, index < Int(packet.count), first + (index + 1) * length <= packet.range.count else {
            return nil
        }
        return packet.range.lowerBound + first + index * length
    }

    /// Reads block `index`; nil if there is none.
    public init?(_ index: Int, of packet: RTCPCompound.Packet, in octets: Span<UInt8>) {
        guard let place = Self.place(index, of: packet), place + Self.length <= octets.count else { return nil }
        ssrc = octets.word(at: place)
        fractionLost = octets[place + 4]
        // 24 bits with a sign.
        lost = Int32(bitPattern: octets.word(at: place + 4) << 8) >> 8
        highest = octets.word(at: place + 8)
        jitter = octets.word(at: place + 12)
        lastReport = octets.word(at: place + 16)
        delay = octets.word(at: place + 20)
    }
}

extension Span<UInt8> {
    /// Four octets in network order. The callers have looked at the length.
    func word(at place: Int) -> UInt32 {
        UInt32(self[place]) << 24 | UInt32(self[place + 1]) << 16 | UInt32(self[place + 2]) << 8
            | UInt32(self[place + 3])
    }
}
