/// A STUN Binding request (RFC 5389 §6), as far as one is answered that nobody signed: a keep-alive (RFC 5626 §3.5.2).
public struct STUNBindingRequest: Hashable, Sendable {
    /// The twelve octets that the answer repeats.
    public let transactionID: [UInt8]
    /// Attributes that we must not pass over and do not know (§7.3.1).
    public let unknownAttributes: [UInt16]
    /// Whether the request ended with a FINGERPRINT (§15.5); then the answer does.
    public let hasFingerprint: Bool

    private static let bindingRequest: UInt16 = 0x0001
    private static let bindingSuccess: UInt16 = 0x0101
    private static let bindingError: UInt16 = 0x0111
    private static let magicCookie: UInt32 = 0x2112_a442
    private static let headerSize = 20
    private static let errorCode: UInt16 = 0x0009
    private static let unknown: UInt16 = 0x000a
    private static let xorMappedAddress: UInt16 = 0x0020
    private static let fingerprint: UInt16 = 0x8028
    /// More attributes than any request has are no request.
    private static let mostAttributes = 32

    /// Reads the whole of a datagram; nil when it is anything else, a response included.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count >= Self.headerSize, bytes.bigEndian16(at: 0) == Self.bindingRequest,
            bytes.bigEndian32(at: 4) == Self.magicCookie, let length = bytes.bigEndian16(at: 2),
            length.isMultiple(of: 4), Int(length) == bytes.count - Self.headerSize
        else { return nil }
        transactionID = Array(bytes[8..<20])
        var unknown: [UInt16] = []
        var hasFingerprint = false
        var position = Self.headerSize
        var count = 0
        while position < bytes.count {
            guard let type = bytes.bigEndian16(at: position), let length = bytes.bigEndian16(at: position + 2),
                count < Self.mostAttributes, !hasFingerprint
            else { return nil }
            let next = position + 4 + (Int(length) + 3) / 4 * 4
            guard next <= bytes.count else { return nil }
            if type == Self.fingerprint {
                guard length == 4, bytes.bigEndian32(at: position + 4) == Self.fingerprint(of: bytes[..<position])
                else { return nil }
                hasFingerprint = true
            } else if type < 0x8000, !Self.isKnown(type) {
                unknown.append(type)
            }
            position = next
            count += 1
        }
        unknownAttributes = unknown
        self.hasFingerprint = hasFingerprint
    }

    /// USERNAME, MESSAGE-INTEGRITY, REALM and NONCE prove something to those who share a secret with the sender; to who
    /// only says what it saw they are nothing that must be understood.
    private static func isKnown(_ type: UInt16) -> Bool { [0x0006, 0x0008, 0x0014, 0x0015].contains(type) }

    /// The answer: where the request came from, or, where it asks for what we don't know, that (420).
    public func response(to source: SocketAddress) -> [UInt8] {
        var attributes: [UInt8] = []
        if unknownAttributes.isEmpty {
            appendMappedAddress(source, to: &attributes)
        } else {
            let reason = Array("Unknown Attribute".utf8)
            Self.append(Self.errorCode, [0, 0, 4, 20] + reason, to: &attributes)
            Self.append(Self.unknown, unknownAttributes.flatMap { $0.octets }, to: &attributes)
        }
        let length = attributes.count + (hasFingerprint ? 8 : 0)
        var out = (unknownAttributes.isEmpty ? Self.bindingSuccess : Self.bindingError).octets
        out += UInt16(clamping: length).octets
        out += Self.magicCookie.octets
        out += transactionID
        out += attributes
        if hasFingerprint { Self.append(Self.fingerprint, Self.fingerprint(of: out[...]).octets, to: &out) }
        return out
    }

    /// XOR-MAPPED-ADDRESS (§15.2): hidden from NATs that would change an address wherever they see one.
    private func appendMappedAddress(_ source: SocketAddress, to out: inout [UInt8]) {
        var value: [UInt8] = [0, source.ip.family == .v4 ? 1 : 2]
        value += (source.port ^ UInt16(truncatingIfNeeded: Self.magicCookie >> 16)).octets
        let mask = Self.magicCookie.octets + transactionID
        value += zip(source.ip.octets, mask).map { $0 ^ $1 }
        Self.append(Self.xorMappedAddress, value, to: &out)
    }

    private static func append(_ type: UInt16, _ value: [UInt8], to out: inout [UInt8]) {
        out += type.octets
        out += UInt16(clamping: value.count).octets
        out += value
        out += [UInt8](repeating: 0, count: (4 - value.count % 4) % 4)
    }

    /// CRC-32 of ITU-T V.42 over everything before the attribute, and a number that tells it from others (§15.5).
    private static func fingerprint(of bytes: ArraySlice<UInt8>) -> UInt32 {
        var crc: UInt32 = 0xffff_ffff
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0xedb8_8320 }
        }
        return ~crc ^ 0x5354_554e
    }
}

extension [UInt8] {
    fileprivate func bigEndian16(at position: Int) -> UInt16? {
        guard position >= 0, position + 2 <= count else { return nil }
        return UInt16(self[position]) << 8 | UInt16(self[position + 1])
    }

    fileprivate func bigEndian32(at position: Int) -> UInt32? {
        guard let high = bigEndian16(at: position), let low = bigEndian16(at: position + 2) else { return nil }
        return UInt32(high) << 16 | UInt32(low)
    }
}

extension FixedWidthInteger {
    /// The octets, most significant first.
    fileprivate var octets: [UInt8] {
        stride(from: Self.bitWidth - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: self >> $0) }
    }
}
