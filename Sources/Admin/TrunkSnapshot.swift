/// One trunk, configured or learned.
public struct TrunkSnapshot: Codable, Hashable, Sendable {
    public var name: String
    public var domain: String
    /// Whether it was learned from a registration or OPTIONS, without configuration.
    public var isLearned: Bool
    /// The addresses that its requests are taken from.
    public var addresses: [String]
    public var registrations: Int
    public var calls: Int
    /// Where its requests go, as far as that is known.
    public var targets: [TargetSnapshot]
    /// Answered minutes of the calls that we placed there today (UTC), where the trunk has limits.
    public var minutesToday: Double?
    /// Of calls that have ended: what came from there.
    public var media: MediaTotalsSnapshot?

    public init(
        name: String, domain: String, isLearned: Bool, addresses: [String] = [], registrations: Int = 0, calls: Int = 0,
        targets: [TargetSnapshot] = [], minutesToday: Double? = nil
    ) {
        self.name = name
        self.domain = domain
        self.isLearned = isLearned
        self.addresses = addresses
        self.registrations = registrations
        self.calls = calls
        self.targets = targets
        self.minutesToday = minutesToday
    }
}

/// One place that requests to a trunk go to.
public struct TargetSnapshot: Codable, Hashable, Sendable {
    public enum State: String, Codable, Hashable, Sendable { case up, down, unknown }

    /// `udp:192.0.2.1:5060`
    public var target: String
    /// Whether it answers.
    public var state: State

    public init(target: String, state: State) {
        self.target = target
        self.state = state
    }
}
