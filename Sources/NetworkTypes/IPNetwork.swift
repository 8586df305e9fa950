/// A range of addresses in CIDR notation; a bare address is a network of one.
public struct IPNetwork: Hashable, Sendable, CustomStringConvertible {
    /// The first address: host bits are zero.
    public let address: IPAddress
    /// How many leading bits count: up to 32 or 128.
    public let prefixLength: Int

    public init(_ address: IPAddress, prefixLength: Int) {
        let length = max(0, min(prefixLength, address.family == .v4 ? 32 : 128))
        self.prefixLength = length
        self.address = Self.masked(address, length)
    }

    /// Reads `192.0.2.0/24`, `2001:db8::/32` or a bare address; host bits may be set and are cleared.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, let address = IPAddress(String(first)) else { return nil }
        let limit = address.family == .v4 ? 32 : 128
        switch parts.count {
        case 1: self.init(address, prefixLength: limit)
        case 2:
            guard let length = Int(parts[1]), (0...limit).contains(length), parts[1].allSatisfy(\.isNumber) else {
                return nil
            }
            self.init(address, prefixLength: length)
        default: return nil
        }
    }

    public func contains(_ candidate: IPAddress) -> Bool {
        candidate.family == address.family && Self.masked(candidate, prefixLength) == address
    }

    public var description: String {
        prefixLength == (address.family == .v4 ? 32 : 128) ? "\(address)" : "\(address)/\(prefixLength)"
    }

    private static func masked(_ address: IPAddress, _ length: Int) -> IPAddress {
        if address.family == .v4 {
            let mask: UInt32 = length == 0 ? 0 : ~0 << UInt32(32 - length)
            return IPAddress(v4: UInt32(truncatingIfNeeded: address.low) & mask)
        }
        let highMask: UInt64 = length == 0 ? 0 : length >= 64 ? ~0 : ~0 << UInt64(64 - length)
        let lowMask: UInt64 = length <= 64 ? 0 : ~0 << UInt64(128 - length)
        return IPAddress(v6High: address.high & highMask, low: address.low & lowMask)
    }
}
