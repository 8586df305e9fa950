public import NetworkTypes

/// A trunk as it is known at the moment: configured, learned, or both.
public struct TrunkSummary: Hashable, Sendable {
    public var name: String
    public var domain: String
    public var isConfigured: Bool
    public var addresses: [IPAddress]
    public var bindings: Int
    /// Where its requests go, as far as that is known, and whether they arrive.
    public var targets: [TargetSummary] = []
}

/// One target of a trunk.
public struct TargetSummary: Hashable, Sendable {
    public var target: Target
    public var state: TargetState

    public init(target: Target, state: TargetState) {
        self.target = target
        self.state = state
    }
}
