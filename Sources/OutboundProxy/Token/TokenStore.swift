/// Keeps the originals that are too long for a token, across restarts, for all shards at once.
public protocol TokenStore: AnyObject, Sendable {
    /// Keeps `original` under `handle`. The same handle always comes with the same original; what is known already
    /// must cost no more than finding that out.
    func keep(_ original: [UInt8], under handle: TokenHandle)

    /// What was kept under `handle`, on this node or one that shares its state.
    func original(under handle: TokenHandle) -> [UInt8]?
}

/// Names an original in a ``TokenStore``: 16 octets that follow from the original and the token key.
public struct TokenHandle: Hashable, Sendable {
    /// How many octets a handle has.
    public static let length = 16

    public let high: UInt64
    public let low: UInt64

    /// Nil unless there are ``length`` octets.
    public init?(_ octets: ArraySlice<UInt8>) {
        guard octets.count == Self.length else { return nil }
        var halves: (UInt64, UInt64) = (0, 0)
        for octet in octets { halves = (halves.0 << 8 | halves.1 >> 56, halves.1 << 8 | UInt64(octet)) }
        (high, low) = halves
    }

    public var octets: [UInt8] {
        stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: high >> $0) }
            + stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: low >> $0) }
    }
}
