public import NetworkTypes

/// Where media goes, as a `c=` line says (RFC 8866 §5.7).
public struct ConnectionData: Hashable, Sendable {
    public enum Address: Hashable, Sendable {
        case ip(IPAddress)
        /// A domain name, which nobody resolves here.
        case name
        /// 0.0.0.0, ::, or a name under `.invalid` (RFC 6157 §5): nothing is to be sent there.
        case unspecified
    }

    public let address: Address
    /// Address type and address with what hangs on it (TTL, count): what a rewrite replaces.
    public var range: Range<Int> { Range(shortRange) }
    private let shortRange: Range<UInt32>

    /// Reads `IN IP4 192.0.2.1`, with or without `/ttl` and `/count`.
    init(_ bytes: [UInt8], _ value: Range<Int>) throws(SDPError) {
        var words = WordScanner(value)
        let network = words.next(in: bytes)
        let type = words.next(in: bytes)
        let word = words.next(in: bytes)
        guard bytes.equals(network, ignoringCase: "IN"), !type.isEmpty, words.remainder(in: bytes).isEmpty else {
            throw .malformedConnection
        }
        let slash = bytes[word].firstIndex(of: UInt8(ascii: "/")) ?? word.upperBound
        guard let address = Address(bytes, word.lowerBound..<slash) else { throw .malformedConnection }
        self.address = address
        shortRange = Range(short: type.lowerBound..<word.upperBound)
    }
}

extension ConnectionData.Address {
    /// Reads an address or a name. The literal decides about the family, since some senders write `IP4` before an IPv6
    /// address.
    init?(_ bytes: [UInt8], _ word: Range<Int>) {
        if let ip = IPAddress(text: bytes[word]) {
            self = ip == .unspecified(ip.family) ? .unspecified : .ip(ip)
        } else if Self.isName(bytes, word) {
            self = Self.isInvalid(bytes, word) ? .unspecified : .name
        } else {
            return nil
        }
    }

    /// Letters, digits, hyphens and dots, beginning like no number: `127.1`, `2130706433` and `0x7f.1` are no names,
    /// though the C library would make addresses of them.
    private static func isName(_ bytes: [UInt8], _ word: Range<Int>) -> Bool {
        let isHexadecimal =
            word.count > 1 && bytes[word.lowerBound] == UInt8(ascii: "0")
            && bytes[word.lowerBound + 1].lowercased == UInt8(ascii: "x")
        return !isHexadecimal && bytes[word].contains { $0.isAlpha }
            && bytes[word].allSatisfy {
                $0.isAlphanumeric || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_")
            }
    }

    private static func isInvalid(_ bytes: [UInt8], _ word: Range<Int>) -> Bool {
        let suffix: StaticString = ".invalid"
        let start = word.upperBound - suffix.utf8CodeUnitCount
        return start >= word.lowerBound && bytes.equals(start..<word.upperBound, ignoringCase: suffix)
    }
}
