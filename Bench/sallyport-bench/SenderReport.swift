/// An RTCP sender report with the CNAME that RFC 3550 §6.1 asks for in every compound packet.
struct SenderReport {
    var ssrc: UInt32
    /// Nanoseconds of the real-time clock.
    var sent: Int64
    var packets: UInt32
    var octets: UInt32

    private static let name = Array("bench".utf8)

    /// The octets of the compound packet: SR, then SDES.
    var bytes: [UInt8] {
        // NTP counts from 1900, in seconds and 2^-32 of them.
        let seconds = UInt32(truncatingIfNeeded: sent / 1_000_000_000 + 2_208_988_800)
        let fraction = UInt32(truncatingIfNeeded: (sent % 1_000_000_000) << 32 / 1_000_000_000)
        let timestamp = UInt32(truncatingIfNeeded: sent / 125_000)
        var out: [UInt8] = [0x80, 200, 0, 6]
        for word in [ssrc, seconds, fraction, timestamp, packets, octets] { Self.append(word, to: &out) }
        out += [0x81, 202, 0, 3]
        Self.append(ssrc, to: &out)
        out += [1, UInt8(Self.name.count)] + Self.name + [0]
        return out
    }

    private static func append(_ word: UInt32, to out: inout [UInt8]) {
        withUnsafeBytes(of: word.bigEndian) { out += $0 }
    }

    /// The SSRC of a sender report; nil for anything else.
    static func ssrc(of bytes: UnsafeRawBufferPointer) -> UInt32? {
        guard bytes.count >= 28, bytes[0] >> 6 == 2, bytes[1] == 200 else { return nil }
        return UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
    }
}
