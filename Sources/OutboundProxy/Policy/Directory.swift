public import NetworkTypes

/// One binding that a PBX made at a registrar through us (design §3, §4): a 2xx to its REGISTER was seen.
public struct Binding: Hashable, Sendable {
    /// The token in the Contact that left: it admits requests while the binding lives.
    public var token: [UInt8]
    /// The user and the domain of the AOR, in lower case where they are compared so.
    public var user: String
    public var domain: String
    /// The Contact URI as the PBX wrote it.
    public var contact: [UInt8]
    /// Where the PBX's REGISTER came from.
    public var pbx: SocketAddress
    /// The target that took the registration: the trunk's calls go there first (design §5).
    public var registrar: Target
    /// The connection that it was made on, on stream transports; 0 elsewhere.
    public var connection: UInt64
    public var expires: Instant

    public init(
        token: [UInt8], user: String, domain: String, contact: [UInt8], pbx: SocketAddress, registrar: Target,
        connection: UInt64 = 0, expires: Instant
    ) {
        self.token = token
        self.user = user
        self.domain = domain
        self.contact = contact
        self.pbx = pbx
        self.registrar = registrar
        self.connection = connection
        self.expires = expires
    }
}

/// A change of what all shards know: applied where it was seen, and sent to the other shards.
public enum DirectoryUpdate: Hashable, Sendable {
    /// A binding that expires at ``Instant/zero`` has gone; other AORs with the same Contact, and so the same token,
    /// stay.
    case bind(Binding)
    case unbind(token: [UInt8])
    /// The address answered for the domain's trunk, which is known until then (design §3: learned trunks).
    case learn(domain: String, address: IPAddress, until: Instant)
    /// What a configured trunk's domain resolves to.
    case resolved(trunk: String, addresses: [IPAddress])
    /// A target went down or is back.
    case health(Target, TargetState)
}

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

/// What spans calls: registrations seen and the trunks learned from them.
///
/// Each shard has a whole copy and applies the same updates: a REGISTER has one Call-ID, so one binding is always
/// written by one shard, and nothing needs a lock or a copy of the table for each change.
struct Directory {
    /// By token: AORs that a PBX registers with one Contact share it.
    private var bindings: [[UInt8]: [Binding]] = [:]
    /// Addresses that answered OPTIONS, by domain, with the time until which they are believed.
    private var answered: [String: [IPAddress: Instant]] = [:]
    /// Those, and the registrars of live bindings.
    private var learned: [String: [IPAddress: Instant]] = [:]
    private var domains: [IPAddress: Set<String>] = [:]
    private var resolvedAddresses: [String: [IPAddress]] = [:]
    private(set) var registered = RegisteredTargets()
    private let trunks: [TrunkSettings]

    /// The domains of configured trunks that are addresses.
    private let literals: [String: IPAddress]

    init(trunks: [TrunkSettings]) {
        self.trunks = trunks
        literals = Dictionary(trunks.map { ($0.name, IPAddress($0.domain)) }, uniquingKeysWith: { first, _ in first })
            .compactMapValues { $0 }
    }

    var allBindings: some Sequence<Binding> { bindings.values.lazy.joined() }

    mutating func apply(_ update: DirectoryUpdate) {
        switch update {
        case .bind(let binding): bind(binding)
        case .unbind(let token):
            let gone = bindings.removeValue(forKey: token) ?? []
            for domain in Set(gone.map(\.domain)) { relearn(domain) }
        case .learn(let domain, let address, let until):
            answered[domain, default: [:]][address] = max(answered[domain]?[address] ?? .zero, until)
            learn(domain, address, until: until)
        case .resolved(let trunk, let addresses): resolvedAddresses[trunk] = addresses
        case .health: break
        }
    }

    private mutating func bind(_ binding: Binding) {
        registered.bind(binding)
        var list = bindings[binding.token] ?? []
        let place = list.firstIndex { $0.user == binding.user && $0.domain == binding.domain }
        let last = place.map { list.remove(at: $0) }
        if binding.expires > .zero { list.append(binding) }
        bindings[binding.token] = list.isEmpty ? nil : list
        if let last, last.expires > binding.expires || last.registrar.address.ip != binding.registrar.address.ip {
            relearn(binding.domain)
        } else {
            learn(binding.domain, binding.registrar.address.ip, until: binding.expires)
        }
    }

    /// The trunk's addresses age out with its bindings (design §3): what is left of them after one has gone.
    private mutating func relearn(_ domain: String) {
        for address in learned[domain, default: [:]].keys { forget(domain, address) }
        learned[domain] = nil
        for (address, until) in answered[domain] ?? [:] { learn(domain, address, until: until) }
        for binding in allBindings where binding.domain == domain {
            learn(domain, binding.registrar.address.ip, until: binding.expires)
        }
    }

    private mutating func forget(_ domain: String, _ address: IPAddress) {
        domains[address]?.remove(domain)
        if domains[address]?.isEmpty == true { domains[address] = nil }
    }

    private mutating func learn(_ domain: String, _ address: IPAddress, until: Instant) {
        let known = learned[domain]?[address] ?? .zero
        learned[domain, default: [:]][address] = max(known, until)
        domains[address, default: []].insert(domain)
    }

    /// Whether there is nothing that could run out.
    var isEmpty: Bool { bindings.isEmpty && learned.isEmpty && answered.isEmpty }

    /// Forgets what has run out.
    mutating func sweep(at now: Instant) {
        registered.sweep(at: now)
        for (token, list) in bindings where !list.allSatisfy({ $0.expires > now }) {
            let alive = list.filter { $0.expires > now }
            bindings[token] = alive.isEmpty ? nil : alive
        }
        for (domain, addresses) in answered {
            let alive = addresses.filter { $0.value > now }
            answered[domain] = alive.isEmpty ? nil : alive
        }
        for (domain, addresses) in learned {
            let alive = addresses.filter { $0.value > now }
            for address in addresses.keys where alive[address] == nil { forget(domain, address) }
            learned[domain] = alive.isEmpty ? nil : alive
        }
    }

    /// The live binding that a token names: the one whose registrar asks, where there are several.
    func binding(token: some Collection<UInt8>, from source: IPAddress, at now: Instant) -> Binding? {
        guard let list = bindings[Array(token)] else { return nil }
        let alive = list.filter { $0.expires > now }
        guard alive.count > 1 else { return alive.first }
        return alive.first { $0.registrar.address.ip == source } ?? alive.first {
            domains[source]?.contains($0.domain) ?? false
        }
            ?? alive.first
    }

    // MARK: Trunks

    /// The trunk whose domain it is: the configured name, or the domain itself.
    func trunkName(domain: String, user: String? = nil) -> String {
        settings(domain: domain, user: user)?.name ?? domain
    }

    /// The trunk of that name, as ``trunkName(domain:user:)`` gives it.
    func settings(named name: String) -> TrunkSettings? { trunks.first { $0.name == name } }

    func settings(domain: String, user: String? = nil) -> TrunkSettings? {
        let candidates = trunks.filter { $0.domain == domain }
        return candidates.first { $0.user != nil && $0.user == user } ?? candidates.first { $0.user == nil }
            ?? (user == nil ? candidates.first : nil)
    }

    /// The configured trunk that calls from `address`: by its networks, its literal domain, or what that resolved to.
    func configuredTrunk(at address: IPAddress, user: String?) -> TrunkSettings? {
        let candidates = trunks.filter { trunk in
            trunk.networks.contains { $0.contains(address) } || literals[trunk.name] == address
                || (resolvedAddresses[trunk.name]?.contains(address) ?? false)
        }
        return candidates.first { $0.user != nil && $0.user == user } ?? candidates.first
    }

    /// The domains of the learned trunks that answered from `address`.
    func learnedDomains(at address: IPAddress, now: Instant) -> [String] {
        (domains[address] ?? []).filter { (learned[$0]?[address] ?? .zero) > now }.sorted()
    }

    /// The live bindings of those domains.
    func bindings(domains: [String], at now: Instant) -> [Binding] {
        allBindings.filter { $0.expires > now && domains.contains($0.domain) }.sorted { $0.user < $1.user }
    }

    var summaries: [TrunkSummary] {
        var byName: [String: TrunkSummary] = [:]
        for trunk in trunks {
            byName[trunk.domain] = TrunkSummary(
                name: trunk.name, domain: trunk.domain, isConfigured: true,
                addresses: resolvedAddresses[trunk.name] ?? [], bindings: 0)
        }
        for (domain, addresses) in learned {
            var summary =
                byName[domain]
                ?? TrunkSummary(name: domain, domain: domain, isConfigured: false, addresses: [], bindings: 0)
            summary.addresses += addresses.keys.filter { !summary.addresses.contains($0) }
            byName[domain] = summary
        }
        for binding in allBindings { byName[binding.domain]?.bindings += 1 }
        return byName.values.sorted { $0.name < $1.name }
    }
}
