import NetworkTypes

/// Limits how often strangers are listened to: token buckets in a table of fixed size (security 29, 31).
///
/// Sources share a bucket when their hashes collide: an attacker with many addresses fills the table and starves only
/// other strangers, never memory. IPv6 sources count by their /64.
struct SourceBudget {
    private struct Bucket {
        var level: Int64
        var filled: Instant
    }

    private var buckets: [Bucket]
    private let hash: KeyedHash
    /// Nanoseconds that one request costs.
    private let cost: Int64
    private let burst: Int64

    /// At most `rate` requests a second from one source on the long run, `burst` at once.
    init(rate: Int, burst: Int, hash: KeyedHash, slots: Int = 4096) {
        cost = 1_000_000_000 / Int64(max(1, rate))
        self.burst = cost * Int64(max(1, burst))
        self.hash = hash
        buckets = Array(repeating: Bucket(level: self.burst, filled: .zero), count: slots)
    }

    /// Takes one request's worth from the source's bucket; false when it is empty.
    mutating func take(_ source: IPAddress, at now: Instant) -> Bool {
        let key = hash(source.family == .v6 ? source.high : source.low)
        let index = Int(key % UInt64(buckets.count))
        let passed = max(0, now.nanoseconds - buckets[index].filled.nanoseconds)
        let level = min(burst, buckets[index].level + min(passed, burst))
        buckets[index].filled = now
        guard level >= cost else {
            buckets[index].level = level
            return false
        }
        buckets[index].level = level - cost
        return true
    }
}
