/// The CRC-32 of ITU-T V.42 over a message, and a number that tells it from the checksums of others (RFC 8489 §14.7).
enum Fingerprint {
    static func of(_ text: Span<UInt8>) -> UInt32 {
        var crc: UInt32 = 0xffff_ffff
        for index in text.indices { crc = crc >> 8 ^ table[Int((crc ^ UInt32(text[index])) & 0xff)] }
        return ~crc ^ 0x5354_554e
    }

    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { crc, _ in crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0xedb8_8320 }
    }
}
