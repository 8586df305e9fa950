import NetworkTypes

/// The configured trunks, found by name, domain and address.
struct TrunkTable {
    let all: [TrunkSettings]
    private let byName: [String: TrunkSettings]
    /// Those of one domain, the one for any user first.
    private let byDomain: [String: [TrunkSettings]]
    private let literals: [IPAddress: [String]]

    /// - Parameter phones: remote phones, which are no trunk but have the policy of one.
    init(_ trunks: [TrunkSettings], phones: TrunkSettings? = nil) {
        all = trunks
        byName = Dictionary(
            (trunks + (phones.map { [$0] } ?? [])).map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        byDomain = Dictionary(grouping: trunks, by: \.domain)
            .mapValues { $0.filter { $0.user == nil } + $0.filter { $0.user != nil } }
        literals = Dictionary(
            byDomain.keys.compactMap { domain in IPAddress(domain).map { ($0, [domain]) } }, uniquingKeysWith: +)
    }

    var isEmpty: Bool { all.isEmpty }

    func has(domain: String) -> Bool { byDomain[domain] != nil }

    /// The trunk of that name.
    func named(_ name: String) -> TrunkSettings? { byName[name] }

    /// The accounts of a domain.
    func trunks(domain: String) -> [TrunkSettings] { byDomain[domain] ?? [] }

    /// The trunk of an account: the one that names it, else the one for any user.
    func settings(domain: String, user: String?) -> TrunkSettings? {
        guard let trunks = byDomain[domain] else { return nil }
        return trunks.first { $0.user != nil && $0.user == user } ?? trunks.first { $0.user == nil }
    }

    /// Whether a trunk's calls come from the address, as the configuration alone tells.
    func hasTrunk(at address: IPAddress) -> Bool {
        literals[address] != nil || all.contains { $0.networks.contains { $0.contains(address) } }
    }

    /// The trunks whose calls come from the address, which the names of `domains` resolve to; those for any user first.
    func trunks(at address: IPAddress, domains: Set<String>) -> [TrunkSettings] {
        let literals = literals[address] ?? []
        let found = all.filter { trunk in
            trunk.networks.contains { $0.contains(address) } || literals.contains(trunk.domain)
                || domains.contains(trunk.domain)
        }
        return found.count < 2 ? found : found.filter { $0.user == nil } + found.filter { $0.user != nil }
    }
}
