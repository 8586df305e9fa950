/// Tells when a rush is over: a table that was large and is now nearly empty keeps its memory until it is rebuilt.
public struct HighWater: Sendable {
    private var peak = 0
    /// Less than this is no rush: rebuilding would gain nothing.
    private static let rush = 1024

    public init() {}

    /// The table has `count` entries now.
    public mutating func note(_ count: Int) { peak = max(peak, count) }

    /// Whether a table with `count` entries is to be rebuilt; true once for each rush.
    public mutating func hasEbbed(to count: Int) -> Bool {
        guard peak >= Self.rush, count < peak / 8 else { return false }
        peak = count
        return true
    }
}

extension Dictionary {
    /// Rebuilds the table at the size that its entries need.
    public mutating func shrink() { self = Dictionary(uniqueKeysWithValues: map { ($0.key, $0.value) }) }
}
