/// Feedback packets (RFC 4585 §6), which only peers with an AVPF profile understand.
public enum RTCPFeedback {
    /// Takes the feedback packets out of the compound packet in the first `length` octets; the length it has then, 0 when
    /// nothing else was in it. What isn't well-formed behind the first packets is taken out as well.
    public static func remove(from packet: inout MutableSpan<UInt8>, length: Int) -> Int {
        let end = min(length, packet.count)
        var (from, to) = (0, 0)
        // What is left must be RTCP by its first octets, on a port that may be RTP's as well (RFC 5761 §4).
        while end - from >= 4, packet[from] & 0xc0 == 0x80, packet[from + 1] &- 192 < 32 {
            let size = 4 * (Int(packet[from + 2]) << 8 | Int(packet[from + 3])) + 4
            guard size <= end - from else { break }
            // Transport layer and payload-specific feedback.
            if packet[from + 1] != 205, packet[from + 1] != 206 {
                if to < from {
                    for offset in 0..<size { packet[to + offset] = packet[from + offset] }
                }
                to += size
            }
            from += size
        }
        return to
    }
}
