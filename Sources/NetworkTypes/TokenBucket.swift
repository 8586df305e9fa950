/// Limits how often something is done: one token each `interval` on the long run, and `burst` at once after a quiet time.
public struct TokenBucket: Sendable {
    /// Nanoseconds that a token takes to come.
    private let cost: Int64
    private let capacity: Int64
    /// What is there, in nanoseconds.
    private var level: Int64
    private var filled = Instant.zero

    /// A full one.
    public init(every interval: Duration, burst: Int) {
        cost = min(max(1, interval.nanoseconds), Self.most)
        let (product, overflow) = cost.multipliedReportingOverflow(by: Int64(max(1, burst)))
        capacity = overflow ? Self.most : min(product, Self.most)
        level = capacity
    }

    /// Seventy years: sums of two of it don't overflow.
    private static let most: Int64 = 1 << 61

    /// A full one of `rate` tokens a second, a second's worth at once.
    public init(perSecond rate: Int) {
        self.init(every: .nanoseconds(1_000_000_000 / Int64(max(1, rate))), burst: max(1, rate))
    }

    /// Whether there is a token.
    public func hasToken(at now: Instant) -> Bool { level(at: now) >= cost }

    /// Takes a token; false when there is none.
    public mutating func take(at now: Instant) -> Bool {
        level = level(at: now)
        filled = max(filled, now)
        guard level >= cost else { return false }
        level -= cost
        return true
    }

    /// Puts back a token that was not used.
    public mutating func giveBack() { level = min(capacity, level + cost) }

    private func level(at now: Instant) -> Int64 {
        min(capacity, level + min(capacity, max(0, now.nanoseconds &- filled.nanoseconds)))
    }
}
