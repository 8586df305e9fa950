public import NetworkTypes

/// A trunk as it is known at the moment: configured, learned, or both.
public struct TrunkSummary: Hashable, Sendable {
    public var name: String
    public var domain: String
    public var isConfigured: Bool
    public var addresses: [IPAddress]
    public var bindings: Int
}
