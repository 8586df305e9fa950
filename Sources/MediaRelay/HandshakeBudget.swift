import NetworkTypes

/// How many handshakes others may begin with one exchange: each costs us a key pair and a signature.
struct HandshakeBudget {
    static let burst = 16
    private static let interval: Duration = .seconds(1)

    private var remaining = burst
    /// Up to when what was earned is counted.
    private var counted = Instant.zero

    /// Whether there is one left.
    mutating func isOpen(at now: Instant) -> Bool {
        let earned = Int(clamping: (now - counted).nanoseconds / Self.interval.nanoseconds)
        if earned >= Self.burst - remaining {
            (remaining, counted) = (Self.burst, now)
        } else if earned > 0 {
            remaining += earned
            counted += Self.interval * earned
        }
        return remaining > 0
    }

    mutating func take() { remaining -= remaining > 0 ? 1 : 0 }
}
