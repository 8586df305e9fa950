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

    public init(
        name: String, domain: String, isLearned: Bool, addresses: [String] = [], registrations: Int = 0, calls: Int = 0
    ) {
        self.name = name
        self.domain = domain
        self.isLearned = isLearned
        self.addresses = addresses
        self.registrations = registrations
        self.calls = calls
    }
}
