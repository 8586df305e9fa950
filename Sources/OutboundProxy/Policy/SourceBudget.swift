import NetworkTypes

/// Limits how often strangers are listened to: token buckets in a table of fixed size (security 29, 31).
///
/// Sources share a bucket when their hashes collide: an attacker with many addresses fills the table and starves only
/// other strangers, never memory. IPv6 sources count by their /64.
struct SourceBudget {
    private var buckets: [TokenBucket]
    private let hash: KeyedHash

    /// At most `rate` requests a second from one source on the long run, `burst` at once.
    init(rate: Int, burst: Int, hash: KeyedHash, slots: Int = 4096) {
        self.hash = hash
        let interval = Duration.nanoseconds(1_000_000_000 / max(1, rate))
        buckets = Array(repeating: TokenBucket(every: interval, burst: burst), count: slots)
    }

    /// Takes one request's worth from the source's bucket; false when it is empty.
    mutating func take(_ source: IPAddress, at now: Instant) -> Bool {
        let key = hash(source.family == .v6 ? source.high : source.low)
        return buckets[Int(key % UInt64(buckets.count))].take(at: now)
    }
}
