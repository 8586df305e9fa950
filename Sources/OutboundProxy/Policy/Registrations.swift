import NetworkTypes
import SIP

/// The bindings that PBXs made through us, found by their token, by domain and user, and by who made them. Each change
/// and each question costs the same however many there are.
struct Registrations {
    /// By token, domain and user: AORs that a PBX registers with one Contact share the token.
    private var tokens: [[UInt8]: [String: [String: Binding]]] = [:]
    private var domains: [String: DomainBindings] = [:]
    private var pbxs: [IPAddress: Tally] = [:]
    private(set) var count = 0
    /// Whether a binding has gone before its time.
    private var isLoose = false

    var isEmpty: Bool { count == 0 }

    var all: some Sequence<Binding> { tokens.values.lazy.flatMap { $0.values.lazy.flatMap(\.values) } }

    // MARK: Changes

    /// Adds the binding, or takes the place of the one that this AOR had with this Contact; one that expires at
    /// ``Instant/zero`` has gone.
    mutating func set(_ binding: Binding) {
        if let last = tokens[binding.token]?[binding.domain]?[binding.user] {
            remove(last)
            isLoose =
                isLoose || last.expires > binding.expires || last.registrar.address.ip != binding.registrar.address.ip
        }
        if binding.expires > .zero { add(binding) }
    }

    private mutating func add(_ binding: Binding) {
        count += 1
        tokens[binding.token, default: [:]][binding.domain, default: [:]][binding.user] = binding
        pbxs[binding.pbx.ip, default: Tally()].add(binding.expires)
        let key = DomainBindings.Key(token: binding.token, user: binding.user)
        domains[binding.domain, default: DomainBindings()].add(binding, key, contactUser: Self.contactUser(of: binding))
    }

    private mutating func remove(_ binding: Binding) {
        count -= 1
        let key = DomainBindings.Key(token: binding.token, user: binding.user)
        tokens[binding.token]?[binding.domain]?[binding.user] = nil
        if tokens[binding.token]?[binding.domain]?.isEmpty == true { tokens[binding.token]?[binding.domain] = nil }
        if tokens[binding.token]?.isEmpty == true { tokens[binding.token] = nil }
        if pbxs[binding.pbx.ip]?.remove() == false { pbxs[binding.pbx.ip] = nil }
        if domains[binding.domain]?.remove(binding, key, contactUser: Self.contactUser(of: binding)) == false {
            domains[binding.domain] = nil
        }
    }

    /// The user of the Contact that a binding was made with.
    static func contactUser(of binding: Binding) -> String {
        guard let uri = URI(0..<binding.contact.count, in: binding.contact), let user = uri.user(in: binding.contact)
        else { return "" }
        return binding.contact.text(user)
    }

    /// Forgets what has run out; true when something did, or an address was believed for too long.
    mutating func sweep(at now: Instant) -> Bool {
        let hasGone = all.contains { $0.expires <= now }
        guard hasGone || isLoose else { return false }
        let alive = all.filter { $0.expires > now }
        self = Registrations()
        for binding in alive { add(binding) }
        return true
    }

    // MARK: Questions

    /// The live binding of the token. Where several AORs have it, one of `domains`, there the one whose user is among
    /// `users`.
    func binding(
        token: some Collection<UInt8>, in domains: () -> [String], users: () -> [String], at now: Instant
    ) -> Binding? {
        guard let found = tokens[Array(token)] else { return nil }
        if found.count == 1, let accounts = found.values.first, accounts.count == 1 {
            return accounts.values.first.flatMap { $0.expires > now ? $0 : nil }
        }
        let users = users()
        let near = domains().lazy.compactMap { found[$0] }.compactMap { Self.pick($0, users, at: now) }.first
        return near ?? found.sorted { $0.key < $1.key }.lazy.compactMap { Self.pick($0.value, users, at: now) }.first
    }

    private static func pick(_ accounts: [String: Binding], _ users: [String], at now: Instant) -> Binding? {
        if let binding = users.lazy.compactMap({ accounts[$0] }).first(where: { $0.expires > now }) { return binding }
        return accounts.values.filter { $0.expires > now }.min { $0.user < $1.user }
    }

    /// The live bindings of the AOR, the longest-lived first.
    func bindings(of user: String, domain: String, at now: Instant) -> [Binding] {
        (domains[domain]?.users[user] ?? []).compactMap { tokens[$0.token]?[domain]?[$0.user] }
            .filter { $0.expires > now }.sorted { $1.expires < $0.expires }
    }

    /// Whether the AOR has a binding.
    func has(user: String, domain: String) -> Bool { domains[domain]?.users[user] != nil }

    /// The live bindings of the domain whose Contact has the user; some of them where there are very many.
    func bindings(contactUser: String, domain: String, at now: Instant) -> [Binding] {
        bindings(domains[domain]?.contactUsers[contactUser] ?? [], domain: domain, at: now)
    }

    /// The live bindings of the domain, or some of them where there are very many.
    func bindings(domain: String, at now: Instant) -> [Binding] {
        guard let users = domains[domain]?.users else { return [] }
        return bindings(users.values.lazy.joined(), domain: domain, at: now)
    }

    private func bindings(_ keys: some Sequence<DomainBindings.Key>, domain: String, at now: Instant) -> [Binding] {
        let alive = keys.lazy.compactMap { tokens[$0.token]?[domain]?[$0.user] }.filter { $0.expires > now }
        return alive.prefix(Self.mostCandidates).sorted { ($1.expires, $0.user) < ($0.expires, $1.user) }
    }

    /// Beyond that many nothing tells them apart, and any will do.
    private static let mostCandidates = 64

    /// The PBXs with live bindings of the domain.
    func pbxs(domain: String, at now: Instant) -> [SocketAddress] {
        domains[domain]?.pbxs.filter { $0.value.until > now }.map(\.key) ?? []
    }

    /// Whether the address has made a live binding.
    func isPBX(_ address: IPAddress, at now: Instant) -> Bool { pbxs[address].map { $0.until > now } ?? false }

    func isLive(domain: String, at now: Instant) -> Bool { domains[domain].map { $0.tally.until > now } ?? false }

    /// Whether a live binding of the domain was made at the address.
    func isRegistrar(_ address: IPAddress, of domain: String, at now: Instant) -> Bool {
        domains[domain]?.registrars[address].map { $0.until > now } ?? false
    }

    /// Each domain with the addresses where its bindings were made.
    var registrars: some Sequence<(domain: String, addresses: [IPAddress])> {
        domains.lazy.map { (domain: $0.key, addresses: Array($0.value.registrars.keys)) }
    }
}
