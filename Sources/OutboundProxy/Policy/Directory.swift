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
    /// The address answered for the domain's trunk, which is known until then (design §3: learned trunks).
    case learn(domain: String, address: IPAddress, until: Instant)
    /// What the domain of a trunk, configured or learned, resolves to.
    case resolved(domain: String, addresses: [IPAddress])
    /// A source is not listened to for an account.
    case ban(source: IPAddress, account: String, until: Instant)
    /// A target went down or is back.
    case health(Target, TargetState)
}

/// What spans calls: registrations seen and the trunks learned from them.
///
/// Each shard has a whole copy and applies the same updates: a REGISTER has one Call-ID, so one binding is always
/// written by one shard, and nothing needs a lock or a copy of the table for each change.
struct Directory {
    var registrations = Registrations()
    let trunks: TrunkTable
    /// Addresses that answered OPTIONS, by domain, with the time until which they are believed.
    private var answered: [String: [IPAddress: Instant]] = [:]
    /// The domains that an address may have been learned for: those of which it is or was a registrar, or answered for.
    private var learned: [IPAddress: Set<String>] = [:]
    /// What domains resolve to, both ways.
    private var resolved: [String: [IPAddress]] = [:]
    private var resolvedDomains: [IPAddress: Set<String>] = [:]
    private(set) var registered = RegisteredTargets()

    init(trunks: [TrunkSettings]) { self.trunks = TrunkTable(trunks) }

    /// Whether there is nothing that could run out.
    var isEmpty: Bool { registrations.isEmpty && answered.isEmpty && learned.isEmpty }

    mutating func apply(_ update: DirectoryUpdate) {
        switch update {
        case .bind(let binding):
            registrations.set(binding)
            registered.bind(binding)
            if binding.expires > .zero { learned[binding.registrar.address.ip, default: []].insert(binding.domain) }
        case .learn(let domain, let address, let until):
            answered[domain, default: [:]][address] = max(answered[domain]?[address] ?? .zero, until)
            learned[address, default: []].insert(domain)
        case .resolved(let domain, let addresses): resolve(domain, to: addresses)
        case .health, .ban: break
        }
    }

    private mutating func resolve(_ domain: String, to addresses: [IPAddress]) {
        for address in resolved[domain] ?? [] where resolvedDomains[address]?.remove(domain) != nil {
            if resolvedDomains[address]?.isEmpty == true { resolvedDomains[address] = nil }
        }
        resolved[domain] = addresses.isEmpty ? nil : addresses
        for address in addresses { resolvedDomains[address, default: []].insert(domain) }
    }

    /// Forgets what has run out.
    mutating func sweep(at now: Instant) {
        var hasGone = registrations.sweep(at: now)
        registered.sweep(at: now)
        for (domain, addresses) in answered {
            let alive = addresses.filter { $0.value > now }
            guard alive.count < addresses.count else { continue }
            answered[domain] = alive.isEmpty ? nil : alive
            hasGone = true
        }
        guard hasGone else { return }
        learned = [:]
        for (domain, addresses) in registrations.registrars { learn(domain, addresses) }
        for (domain, addresses) in answered { learn(domain, Array(addresses.keys)) }
        for domain in resolved.keys where !trunks.has(domain: domain) && !isLearned(domain, at: now) {
            resolve(domain, to: [])
        }
    }

    private mutating func learn(_ domain: String, _ addresses: [IPAddress]) {
        for address in addresses { learned[address, default: []].insert(domain) }
    }

    // MARK: Trunks

    /// Whether the domain is one that a PBX of ours is registered at, or asked with OPTIONS (design §3).
    func isLearned(_ domain: String, at now: Instant) -> Bool {
        registrations.isLive(domain: domain, at: now) || answered[domain]?.contains { $0.value > now } ?? false
    }

    /// Whether what the domain resolves to is worth keeping.
    func wantsAddresses(of domain: String, at now: Instant) -> Bool {
        trunks.has(domain: domain) || isLearned(domain, at: now)
    }

    func addresses(of domain: String) -> [IPAddress] { resolved[domain] ?? [] }

    private func isLearned(_ domain: String, from address: IPAddress, at now: Instant) -> Bool {
        registrations.isRegistrar(address, of: domain, at: now) || answered[domain]?[address].map { $0 > now } ?? false
    }

    /// Whether the address is one of a trunk.
    func isTrunk(_ address: IPAddress, at now: Instant) -> Bool {
        learned[address]?.contains { isLearned($0, from: address, at: now) } ?? false
            || resolvedDomains[address]?.contains { wantsAddresses(of: $0, at: now) } ?? false
            || trunks.hasTrunk(at: address)
    }

    /// The domains of the learned trunks at `address`: they answered from there, or their name says so.
    func learnedDomains(at address: IPAddress, now: Instant) -> [String] {
        guard learned[address] != nil || resolvedDomains[address] != nil else { return [] }
        let answering = (learned[address] ?? []).filter { isLearned($0, from: address, at: now) }
        let named = (resolvedDomains[address] ?? []).filter { isLearned($0, at: now) }
        return answering.union(named).sorted()
    }

    /// The configured trunks that call from `address`: by their networks, their literal domain, or what that resolved to.
    func configuredTrunks(at address: IPAddress) -> [TrunkSettings] {
        guard !trunks.isEmpty else { return [] }
        return trunks.trunks(at: address, domains: resolvedDomains[address] ?? [])
    }

    /// The trunk of an account: the configured name, or the domain itself.
    func trunkName(domain: String, user: String?) -> String {
        trunks.settings(domain: domain, user: user)?.name ?? domain
    }

    /// The live binding that a token names: of the trunk that asks, where several AORs share it.
    func binding(
        token: some Collection<UInt8>, from source: IPAddress, users: () -> [String], at now: Instant
    ) -> Binding? {
        registrations.binding(
            token: token, in: { learnedDomains(at: source, now: now) }, users: users, at: now)
    }

    var summaries: [TrunkSummary] {
        var byName: [String: TrunkSummary] = [:]
        for trunk in trunks.all {
            byName[trunk.name] = TrunkSummary(
                name: trunk.name, domain: trunk.domain, isConfigured: true, addresses: resolved[trunk.domain] ?? [],
                bindings: 0)
        }
        for (address, domains) in learned {
            for domain in domains { add(address, of: domain, to: &byName) }
        }
        for binding in registrations.all {
            let name = trunkName(domain: binding.domain, user: binding.user)
            let unknown = TrunkSummary(
                name: name, domain: binding.domain, isConfigured: false, addresses: [], bindings: 0)
            byName[name, default: unknown].bindings += 1
        }
        return byName.values.sorted { $0.name < $1.name }
    }

    private func add(_ address: IPAddress, of domain: String, to summaries: inout [String: TrunkSummary]) {
        guard isLearned(domain, from: address, at: .zero) else { return }
        let accounts = trunks.trunks(domain: domain).map(\.name)
        for name in accounts.isEmpty ? [domain] : accounts {
            var summary =
                summaries[name]
                ?? TrunkSummary(name: name, domain: domain, isConfigured: false, addresses: [], bindings: 0)
            if !summary.addresses.contains(address) { summary.addresses.append(address) }
            summaries[name] = summary
        }
    }
}
