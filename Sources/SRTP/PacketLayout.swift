/// Where things are in an RTP packet, as far as SRTP has to know (RFC 3711 §3.1).
struct PacketLayout {
    let sequenceNumber: UInt16
    var ssrc: UInt32
    /// What stays in the clear: the fixed header, the contributing sources and the extension.
    let headerLength: Int

    /// Reads the first `length` octets; nil unless they hold an RTP header.
    @inline(__always) init?(_ packet: UnsafeMutableRawBufferPointer, _ length: Int) {
        guard length >= 12, length <= packet.count else { return nil }
        let first = packet[0]
        guard first & 0xc0 == 0x80 else { return nil }
        var headerLength = 12
        if first & 0x1f != 0 {
            headerLength += 4 * Int(first & 0x0f)
            if first & 0x10 != 0 {
                guard length >= headerLength + 4 else { return nil }
                headerLength += 4 + 4 * (Int(packet[headerLength + 2]) << 8 | Int(packet[headerLength + 3]))
            }
            guard headerLength <= length else { return nil }
        }
        self.headerLength = headerLength
        sequenceNumber = packet.word16(at: 2)
        ssrc = packet.word32(at: 8)
    }
}

extension UnsafeMutableRawBufferPointer {
    // The callers have looked at the length.
    @inline(__always) func word16(at offset: Int) -> UInt16 {
        UInt16(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    @inline(__always) func word32(at offset: Int) -> UInt32 {
        UInt32(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    @inline(__always) func store(_ word: UInt16, at offset: Int) {
        storeBytes(of: word.bigEndian, toByteOffset: offset, as: UInt16.self)
    }

    @inline(__always) func store(_ word: UInt32, at offset: Int) {
        storeBytes(of: word.bigEndian, toByteOffset: offset, as: UInt32.self)
    }

    @inline(__always) func part(_ range: Range<Int>) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: self[range])
    }
}
