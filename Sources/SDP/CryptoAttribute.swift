public import NetworkTypes

/// One `a=crypto` line (RFC 4568 §4, §9.1): a choice of suite and the key its sender would send with.
public struct CryptoAttribute: Hashable, Sendable {
    /// What an answer names the line by.
    public let tag: UInt32
    public let keys: KeyingMaterial

    public init(tag: UInt32, keys: KeyingMaterial) {
        self.tag = tag
        self.keys = keys
    }

    /// Reads `1 AES_CM_128_HMAC_SHA1_80 inline:…|2^20|1:4 WSH=64`; nil for a line that is malformed, or that can't be
    /// followed: an unknown suite, another key method, several keys, a session parameter that changes the packets.
    init?(_ bytes: [UInt8], _ value: Range<Int>) {
        var words = WordScanner(value)
        let tag = words.next(in: bytes)
        guard tag.count <= 9, let tag = bytes.decimal(tag, as: UInt32.self) else { return nil }
        let suite = words.next(in: bytes)
        guard let suite = CryptoSuite.allCases.first(where: { bytes.equals(suite, ignoringCase: $0.name) }),
            let keys = InlineKey.read(bytes, words.next(in: bytes), suite)
        else { return nil }
        while case let parameter = words.next(in: bytes), !parameter.isEmpty {
            guard Self.isHarmless(bytes, parameter) else { return nil }
        }
        self.tag = tag
        self.keys = keys
    }

    /// Whether a session parameter asks for nothing that isn't done anyway (RFC 4568 §6.3): a hint at the size of the
    /// replay window, a key derivation rate of zero, and whatever its sender marks as dispensable.
    private static func isHarmless(_ bytes: [UInt8], _ parameter: Range<Int>) -> Bool {
        if bytes[parameter.lowerBound] == UInt8(ascii: "-") || bytes.equals(parameter, ignoringCase: "KDR=0") {
            return true
        }
        guard parameter.count > 4 else { return false }
        let value = parameter.lowerBound + 4..<parameter.upperBound
        return bytes.equals(parameter.lowerBound..<value.lowerBound, ignoringCase: "WSH=")
            && (bytes.decimal(value, as: UInt32.self) ?? 0) >= 64
    }

    /// Writes the line, line end included. Neither lifetime nor master key identifier: what they would say is the default.
    public func write(into bytes: inout [UInt8]) {
        bytes.append(contentsOf: "a=crypto:".utf8)
        bytes.appendDecimal(tag)
        bytes.append(UInt8(ascii: " "))
        bytes.append(contentsOf: keys.suite.name.description.utf8)
        bytes.append(contentsOf: " inline:".utf8)
        Base64.encode(keys.key + keys.salt, into: &bytes)
        bytes.append(contentsOf: "\r\n".utf8)
    }
}

/// `inline:` key and salt, lifetime and master key identifier (RFC 4568 §6.1).
private enum InlineKey {
    static func read(_ bytes: [UInt8], _ word: Range<Int>, _ suite: CryptoSuite) -> KeyingMaterial? {
        let method: StaticString = "inline:"
        let start = word.lowerBound + method.utf8CodeUnitCount
        guard start <= word.upperBound, bytes.equals(word.lowerBound..<start, ignoringCase: method) else { return nil }
        let fields = bytes[start..<word.upperBound]
            .split(separator: UInt8(ascii: "|"), maxSplits: 3, omittingEmptySubsequences: false)
            .map { $0.startIndex..<$0.endIndex }
        guard fields.count <= 3, let key = fields.first,
            let octets = Base64.decode(bytes, key, count: suite.keyLength + suite.saltLength)
        else { return nil }
        guard let mki = identifier(bytes, fields.dropFirst()) else { return nil }
        return KeyingMaterial(
            suite, key: Array(octets.prefix(suite.keyLength)), salt: Array(octets.dropFirst(suite.keyLength)), mki: mki)
    }

    /// The master key identifier behind the lifetime, if that is there; nil when either is out of range.
    private static func identifier(_ bytes: [UInt8], _ fields: ArraySlice<Range<Int>>) -> [UInt8]? {
        guard let first = fields.first else { return [] }
        guard bytes[first].contains(UInt8(ascii: ":")) else {
            guard isLifetime(bytes, first) else { return nil }
            guard let next = fields.dropFirst().first else { return [] }
            return identifier(bytes, next)
        }
        return fields.count == 1 ? identifier(bytes, first) : nil
    }

    /// `1:4`: a number, and the octets that packets spell it with.
    private static func identifier(_ bytes: [UInt8], _ field: Range<Int>) -> [UInt8]? {
        guard let colon = bytes[field].firstIndex(of: UInt8(ascii: ":")),
            let value = bytes.decimal(field.lowerBound..<colon, as: UInt64.self),
            let length = bytes.decimal(colon + 1..<field.upperBound, as: UInt8.self),
            (1...KeyingMaterial.maximumMKILength).contains(Int(length)),
            length >= 8 || value >> (8 * UInt64(length)) == 0
        else { return nil }
        return (0..<Int(length)).reversed().map { $0 < 8 ? UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) : 0 }
    }

    /// How many packets the key is good for: no more than there are indexes (RFC 3711 §9.2).
    private static func isLifetime(_ bytes: [UInt8], _ field: Range<Int>) -> Bool {
        if field.count > 2, bytes.equals(field.lowerBound..<field.lowerBound + 2, ignoringCase: "2^") {
            guard let power = bytes.decimal(field.lowerBound + 2..<field.upperBound, as: UInt8.self) else {
                return false
            }
            return power <= 48
        }
        guard let packets = bytes.decimal(field, as: UInt64.self) else { return false }
        return packets > 0 && packets <= 1 << 48
    }
}
