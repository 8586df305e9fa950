public import NetworkTypes

/// A STUN Binding message over the datagram that it was read from: values and ranges, no copies (RFC 8489, RFC 8445 §16).
///
/// Read strictly: each attribute has to end within the message, the message where the datagram ends, and FINGERPRINT,
/// where there is one, has to be right and the last. Nothing here proves who sent the message: that takes the octets
/// of ``integrity`` and a password.
public struct STUNMessage: Hashable, Sendable {
    public enum Kind: UInt16, Sendable {
        case request = 0x0001
        case indication = 0x0011
        case success = 0x0101
        case error = 0x0111
    }

    /// What the sender of a check takes itself for (RFC 8445 §7.1.3), with its tie-breaker.
    public enum Role: Hashable, Sendable {
        case controlling(UInt64)
        case controlled(UInt64)
    }

    /// A MESSAGE-INTEGRITY attribute: HMAC-SHA1 over the octets before it, the length in the header (at octet 2) being
    /// `length` (RFC 8489 §14.5).
    public struct Integrity: Hashable, Sendable {
        public let covered: Range<Int>
        public let length: UInt16
        public let value: Range<Int>
    }

    /// The longest message that is read. Checks and keep-alives have some hundred octets, even with long user names.
    public static let maximumLength = 1_280
    /// More attributes than any message has are no message.
    static let maximumAttributes = 32
    static let magicCookie: UInt32 = 0x2112_a442
    static let headerLength = 20

    public let kind: Kind
    public let transactionID: STUNTransactionID
    public private(set) var username: Range<Int>?
    public private(set) var priority: UInt32?
    public private(set) var usesCandidate = false
    public private(set) var role: Role?
    public private(set) var mappedAddress: SocketAddress?
    public private(set) var errorCode: Int?
    public private(set) var integrity: Integrity?
    /// Whether the message ends with a FINGERPRINT; then the answer does.
    public private(set) var hasFingerprint = false
    /// Attributes that must not be passed over and are not known (RFC 8489 §6.3.1).
    public private(set) var unknownAttributes: [UInt16] = []

    /// Reads the whole of a datagram; nil when it is anything else.
    public init?(_ bytes: Span<UInt8>, for usage: STUNUsage) {
        guard bytes.count <= Self.maximumLength, let type = bytes.bigEndian16(at: 0), let kind = Kind(rawValue: type),
            let length = bytes.bigEndian16(at: 2), length.isMultiple(of: 4),
            Int(length) == bytes.count - Self.headerLength, bytes.bigEndian32(at: 4) == Self.magicCookie,
            let high = bytes.bigEndian32(at: 8), let low = bytes.bigEndian64(at: 12)
        else { return nil }
        self.kind = kind
        transactionID = STUNTransactionID(high: high, low: low)
        guard readAttributes(bytes, usage) else { return nil }
    }

    public init?(_ bytes: [UInt8], for usage: STUNUsage) { self.init(bytes.span, for: usage) }
}

// MARK: Attributes

extension STUNMessage {
    /// Whether all attributes are within the message and of the form that their type has.
    private mutating func readAttributes(_ bytes: Span<UInt8>, _ usage: STUNUsage) -> Bool {
        var position = Self.headerLength
        var count = 0
        while position < bytes.count {
            guard count < Self.maximumAttributes, !hasFingerprint, let type = bytes.bigEndian16(at: position),
                let length = bytes.bigEndian16(at: position + 2)
            else { return false }
            let value = position + 4..<position + 4 + Int(length)
            let next = position + 4 + (Int(length) + 3) / 4 * 4
            guard next <= bytes.count, read(type, value, of: bytes, usage) else { return false }
            position = next
            count += 1
        }
        return true
    }

    /// Reads one attribute; of several of a type the first counts, and of those behind MESSAGE-INTEGRITY only FINGERPRINT
    /// (RFC 8489 §14, §14.5).
    private mutating func read(_ type: UInt16, _ value: Range<Int>, of bytes: Span<UInt8>, _ usage: STUNUsage) -> Bool {
        let known = STUNAttribute(rawValue: type)
        if known == .fingerprint { return readFingerprint(value, of: bytes) }
        if integrity != nil { return true }
        guard let known, type >= 0x8000 || known.isUnderstood(in: usage) else {
            if type < 0x8000, !unknownAttributes.contains(type) { unknownAttributes.append(type) }
            return true
        }
        return read(known, value, of: bytes)
    }

    private mutating func read(_ attribute: STUNAttribute, _ value: Range<Int>, of bytes: Span<UInt8>) -> Bool {
        switch attribute {
        case .username:
            username = username ?? value
            return value.count <= 763
        case .priority:
            priority = priority ?? bytes.bigEndian32(at: value.lowerBound)
            return value.count == 4
        case .useCandidate:
            usesCandidate = true
            return value.isEmpty
        case .iceControlled, .iceControlling: return readRole(attribute, value, of: bytes)
        case .messageIntegrity: return readIntegrity(value)
        case .xorMappedAddress: return readMappedAddress(value, of: bytes)
        case .errorCode: return readErrorCode(value, of: bytes)
        case .mappedAddress, .unknownAttributes, .realm, .nonce, .messageIntegritySHA256, .fingerprint: return true
        }
    }

    private mutating func readRole(_ attribute: STUNAttribute, _ value: Range<Int>, of bytes: Span<UInt8>) -> Bool {
        guard value.count == 8, let tieBreaker = bytes.bigEndian64(at: value.lowerBound) else { return false }
        role = role ?? (attribute == .iceControlling ? .controlling(tieBreaker) : .controlled(tieBreaker))
        return true
    }

    private mutating func readIntegrity(_ value: Range<Int>) -> Bool {
        let end = value.upperBound - Self.headerLength
        guard value.count == 20, let length = UInt16(exactly: end) else { return false }
        integrity = Integrity(covered: 0..<value.lowerBound - 4, length: length, value: value)
        return true
    }

    private mutating func readFingerprint(_ value: Range<Int>, of bytes: Span<UInt8>) -> Bool {
        guard value.count == 4, value.upperBound == bytes.count,
            bytes.bigEndian32(at: value.lowerBound) == Fingerprint.of(bytes.extracting(0..<value.lowerBound - 4))
        else { return false }
        hasFingerprint = true
        return true
    }

    private mutating func readMappedAddress(_ value: Range<Int>, of bytes: Span<UInt8>) -> Bool {
        let start = value.lowerBound
        guard value.count == 8 || value.count == 20, let port = bytes.bigEndian16(at: start + 2) else { return false }
        let ip: IPAddress
        switch (bytes[start + 1], value.count) {
        case (1, 8):
            guard let word = bytes.bigEndian32(at: start + 4) else { return false }
            ip = IPAddress(v4: word).masked(by: transactionID)
        case (2, 20):
            guard let high = bytes.bigEndian64(at: start + 4), let low = bytes.bigEndian64(at: start + 12) else {
                return false
            }
            ip = IPAddress(v6High: high, low: low).masked(by: transactionID)
        default: return false
        }
        mappedAddress = mappedAddress ?? SocketAddress(ip, port ^ UInt16(Self.magicCookie >> 16))
        return true
    }

    private mutating func readErrorCode(_ value: Range<Int>, of bytes: Span<UInt8>) -> Bool {
        guard value.count >= 4 else { return false }
        errorCode = errorCode ?? Int(bytes[value.lowerBound + 2] & 7) * 100 + Int(bytes[value.lowerBound + 3])
        return true
    }
}

extension IPAddress {
    /// The address as XOR-MAPPED-ADDRESS has it, and back (RFC 8489 §14.2): hidden from NATs that would change an address
    /// wherever they see one.
    func masked(by id: STUNTransactionID) -> IPAddress {
        if let v4 { return IPAddress(v4: v4 ^ STUNMessage.magicCookie) }
        let mask = UInt64(STUNMessage.magicCookie) << 32 | UInt64(id.high)
        return IPAddress(v6High: high ^ mask, low: low ^ id.low)
    }
}
