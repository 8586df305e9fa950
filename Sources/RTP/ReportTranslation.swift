/// A stream whose packets left with another source or other numbers than they came with, as its receiver reports on it.
public struct AlteredStream: Hashable, Sendable {
    /// The source as its receiver knows it, and as its sender does.
    public let sent: UInt32
    public let received: UInt32
    /// What was added to sequence numbers, wraps included; and the extended number, as sent, that it began with.
    public let offset: UInt32
    public let since: UInt32

    public init(sent: UInt32, received: UInt32, offset: UInt32, since: UInt32) {
        self.sent = sent
        self.received = received
        self.offset = offset
        self.since = since
    }

    /// The extended sequence number that the sender knows. What was reported before the change is nothing of its own:
    /// its first number says so.
    func original(_ highest: UInt32) -> UInt32 {
        let isBefore = Int32(bitPattern: highest &- since) < 0
        return (isBefore ? since : highest) &- offset
    }
}

/// Puts into the words of a stream's sender what its receiver says about it: report blocks, NACKs (RFC 4585 §6.2.1) and
/// those extended reports that name sequence numbers (RFC 3611 §4.1–4.3, §4.6).
public enum ReportTranslation {
    /// Changes the packets in the first `length` octets in place. `stream` names what was altered.
    public static func apply(
        to packet: inout MutableSpan<UInt8>, length: Int, _ stream: (UInt32) -> AlteredStream?
    ) {
        var compound = RTCPCompound()
        while let part = compound.next(in: packet.span, length: length) {
            switch part.type {
            case RTCPCompound.Packet.senderReport, RTCPCompound.Packet.receiverReport:
                for index in 0..<Int(part.count) { translateBlock(index, of: part, in: &packet, stream) }
            case RTCPCompound.Packet.transportFeedback: translateFeedback(part, in: &packet, stream)
            case RTCPCompound.Packet.payloadFeedback: translateSource(part, in: &packet, stream)
            case RTCPCompound.Packet.extendedReport: translateExtended(part, in: &packet, stream)
            default: break
            }
        }
    }

    private static func translateBlock(
        _ index: Int, of part: RTCPCompound.Packet, in packet: inout MutableSpan<UInt8>,
        _ stream: (UInt32) -> AlteredStream?
    ) {
        guard let place = ReportBlock.place(index, of: part), let altered = stream(packet.span.word(at: place)) else {
            return
        }
        packet.store(altered.received, at: place)
        packet.store(altered.original(packet.span.word(at: place + 8)), at: place + 8)
    }

    /// The media source of a feedback packet is its third word.
    private static func translateSource(
        _ part: RTCPCompound.Packet, in packet: inout MutableSpan<UInt8>, _ stream: (UInt32) -> AlteredStream?
    ) {
        let place = part.range.lowerBound + 8
        guard part.range.count >= 12, let altered = stream(packet.span.word(at: place)) else { return }
        packet.store(altered.received, at: place)
    }

    private static func translateFeedback(
        _ part: RTCPCompound.Packet, in packet: inout MutableSpan<UInt8>, _ stream: (UInt32) -> AlteredStream?
    ) {
        guard part.range.count >= 12, let altered = stream(packet.span.word(at: part.range.lowerBound + 8)) else {
            return
        }
        packet.store(altered.received, at: part.range.lowerBound + 8)
        // Generic NACK: the first of the lost packets, and a mask of those behind it.
        guard part.count == 1 else { return }
        for place in stride(from: part.range.lowerBound + 12, to: part.range.upperBound - 3, by: 4) {
            packet.subtract(altered.offset, from: place)
        }
    }

    private static func translateExtended(
        _ part: RTCPCompound.Packet, in packet: inout MutableSpan<UInt8>, _ stream: (UInt32) -> AlteredStream?
    ) {
        var place = part.range.lowerBound + 8
        while part.range.upperBound - place >= 4 {
            let size = 4 * (Int(packet[place + 2]) << 8 | Int(packet[place + 3])) + 4
            guard size <= part.range.upperBound - place else { return }
            if size >= 8, [1, 2, 3, 6, 7].contains(packet[place]), let altered = stream(packet.span.word(at: place + 4))
            {
                packet.store(altered.received, at: place + 4)
                if packet[place] != 7, size >= 12 {
                    packet.subtract(altered.offset, from: place + 8)
                    packet.subtract(altered.offset, from: place + 10)
                }
            }
            place += size
        }
    }
}

extension RTCPCompound.Packet {
    static let payloadFeedback: UInt8 = 206
}

extension MutableSpan<UInt8> {
    // The callers have looked at the length.
    fileprivate mutating func store(_ word: UInt32, at place: Int) {
        for index in 0..<4 { self[place + index] = UInt8(truncatingIfNeeded: word >> UInt32(24 - 8 * index)) }
    }

    fileprivate mutating func subtract(_ offset: UInt32, from place: Int) {
        let number = UInt16(self[place]) << 8 | UInt16(self[place + 1])
        let original = number &- UInt16(truncatingIfNeeded: offset)
        self[place] = UInt8(truncatingIfNeeded: original >> 8)
        self[place + 1] = UInt8(truncatingIfNeeded: original)
    }
}
