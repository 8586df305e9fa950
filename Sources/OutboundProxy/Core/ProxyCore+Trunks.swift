import NetworkTypes
import SIP

// Which trunk a request comes from or goes to (design §3, §10), and which PBX it is for.

/// A trunk that a request came from.
struct TrunkMatch {
    let name: String
    let settings: TrunkSettings?
    let domain: String
    /// The names and domains of all trunks that have its address.
    var names: Set<String> = []
}

extension ProxyCore {
    // MARK: From outside

    /// The trunk that a request's source address belongs to; where several have it, the one that the request names.
    func trunk(of arrival: Arrival, _ uri: URI?) -> TrunkMatch? {
        let candidates = trunks(at: arrival)
        guard candidates.count > 1 else { return candidates.first }
        let evidence = TrunkEvidence(arrival.message, uri)
        var best: (trunk: TrunkMatch, weight: Int)?
        for trunk in candidates {
            let weight = evidence.weight(of: trunk, in: directory.registrations, at: arrival.now)
            if weight > best?.weight ?? -1 { best = (trunk, weight) }
        }
        best?.trunk.names = Set(candidates.flatMap { [$0.name, $0.domain] })
        return best?.trunk
    }

    /// All trunks that have the source address and are taken over that listener; those for any user first, then the
    /// other configured ones, then what was learned.
    private func trunks(at arrival: Arrival) -> [TrunkMatch] {
        let source = arrival.flow.peer.ip
        let isUDP = arrival.listener.transport == .udp
        let learned = directory.learnedDomains(at: source, now: arrival.now)
        var configured = directory.configuredTrunks(at: source)
        for domain in learned {
            configured += directory.trunks.trunks(domain: domain).filter { trunk in
                !configured.contains { $0.name == trunk.name }
            }
        }
        if let own = arrival.listener.trunk { configured = configured.filter { $0.name == own } }
        var found: [TrunkMatch] = configured.filter { $0.trustsUDP || !isUDP }
            .map { TrunkMatch(name: $0.name, settings: $0, domain: $0.domain, names: [$0.name, $0.domain]) }
        guard arrival.listener.trunk == nil else { return found }
        // A domain of which only some accounts are configured is a trunk of its own for the others.
        for domain in learned where directory.trunks.settings(domain: domain, user: nil) == nil {
            found.append(TrunkMatch(name: domain, settings: nil, domain: domain, names: [domain]))
        }
        return found
    }

    /// Where a trunk's request without a token goes: the registrations of that user; else the trunk's PBXs, the default
    /// ones, the registrations of the AOR in To, or the only PBX that registered there. They are tried in this order.
    func destinations(
        of uri: URI, in message: Message, trunk: TrunkMatch, at now: Instant
    ) -> [RestoredTarget] {
        let bytes = message.bytes
        let claimed = claims(of: uri, in: message, trunk: trunk, at: now)
        if !claimed.isEmpty { return claimed.map { contacts.restored($0, keepingUserOf: uri, in: bytes) } }
        if let pbxs = trunk.settings?.pbxs, !pbxs.isEmpty {
            return pbxs.map { contacts.target(at: $0, uri, in: bytes) }
        }
        // What another inside host registered at reaches that host's Contacts, and no PBX (design §3: learned trunks).
        let registered = directory.registrations.pbxs(domain: trunk.domain, at: now)
        let isPBXTrunk =
            trunk.settings != nil || registered.isEmpty || registered.contains { inside.isPBX($0.ip) }
        if isPBXTrunk, !settings.pbxs.isEmpty {
            return settings.pbxs.map { contacts.target(at: $0, uri, in: bytes) }
        }
        let named = registrations(of: message.user(.to) ?? "", trunk, at: now)
        if !named.isEmpty { return named.map { contacts.restored($0, keepingUserOf: uri, in: bytes) } }
        guard registered.count == 1 else { return [] }
        let bindings = directory.registrations.bindings(domain: trunk.domain, at: now)
        let own = bindings.first { $0.user == trunk.settings?.user } ?? bindings.min { $0.user < $1.user }
        return own.map { [contacts.restored($0, keepingUserOf: uri, in: bytes)] } ?? []
    }

    /// The registrations that a request is for: those of the AOR that its Request-URI names, else the one with such a
    /// Contact; of several the one that To names.
    private func claims(of uri: URI, in message: Message, trunk: TrunkMatch, at now: Instant) -> [Binding] {
        guard let user = uri.user(in: message.bytes).map({ message.bytes.text($0) }) else { return [] }
        let named = registrations(of: user, trunk, at: now)
        if !named.isEmpty { return named }
        let contacted = directory.registrations.bindings(contactUser: user, domain: trunk.domain, at: now)
            .filter { trunk.settings?.user == nil || $0.user == trunk.settings?.user }
        guard contacted.count > 1, let to = message.user(.to) else { return Array(contacted.prefix(1)) }
        return [contacted.first { $0.user == to } ?? contacted[0]]
    }

    /// The registrations of an AOR of the trunk.
    private func registrations(of user: String, _ trunk: TrunkMatch, at now: Instant) -> [Binding] {
        guard trunk.settings?.user == nil || trunk.settings?.user == user else { return [] }
        return directory.registrations.bindings(of: user, domain: trunk.domain, at: now)
    }

    /// Keeps what the domain of a learned trunk resolves to: its calls may come from any of these (design §3). The
    /// configured ones are followed anyway.
    func note(_ location: Location, of query: LocationQuery, for waiters: [LocationWaiter], at now: Instant) {
        guard case .targets(let targets) = location, !directory.trunks.has(domain: query.host),
            directory.isLearned(query.host, at: now) || waiters.contains(where: \.isRegistration)
        else { return }
        let addresses = targets.map(\.target.address.ip)
        guard Set(addresses) != Set(directory.addresses(of: query.host)) else { return }
        publish(.resolved(domain: query.host, addresses: addresses))
    }

    // MARK: From inside

    /// The trunk that a request of the PBX goes to: the one whose domain its Route, its Request-URI or its From names
    /// (design §10), else the one that the address belongs to; of several accounts the one that sends.
    func outboundTrunk(
        of message: Message, next uri: URI
    ) -> (name: String, settings: TrunkSettings?) {
        let domain = message.bytes.text(uri.host).lowercased()
        guard !directory.trunks.isEmpty else { return (domain, nil) }
        let hosts = [
            { domain },
            { URI(message.requestURI, in: message.bytes).map { message.bytes.text($0.host).lowercased() } },
            { message.host(.from) },
        ]
        for host in hosts {
            guard let name = host(), directory.trunks.has(domain: name) else { continue }
            let settings = account(of: message, among: directory.trunks.trunks(domain: name), domain: name)
            return (settings?.name ?? name, settings)
        }
        if let address = uri.address(in: message.bytes) {
            let trunks = directory.configuredTrunks(at: address)
            if let first = trunks.first {
                let settings = account(of: message, among: trunks, domain: first.domain)
                return (settings?.name ?? domain, settings)
            }
        }
        return (domain, nil)
    }

    /// The account that sends a request; nil when it is one that is not configured. A call whose sender says nothing
    /// about the account, such as one with somebody's caller identity, goes by the first.
    private func account(of message: Message, among trunks: [TrunkSettings], domain: String) -> TrunkSettings? {
        guard trunks.contains(where: { $0.user != nil }) else { return trunks.first }
        let forAnybody = trunks.first { $0.user == nil }
        if message.method == .register {
            let user = message.user(.to)
            return trunks.first { $0.user != nil && $0.user == user } ?? forAnybody
        }
        for field in [HeaderName.from, .contact] {
            guard let user = message.user(field) else { continue }
            if let own = trunks.first(where: { $0.user == user }) { return own }
            if directory.registrations.has(user: user, domain: domain) { return forAnybody }
        }
        return forAnybody ?? trunks.first
    }
}

extension LocationWaiter {
    /// Whether a PBX registers there.
    fileprivate var isRegistration: Bool {
        guard case .request(let request) = self else { return false }
        return request.arrival.message.method == .register && request.forwarding.egress == .outside
    }
}

/// What an inbound request says about the account that it is for, where an address alone does not tell: its users and
/// domains.
private struct TrunkEvidence {
    private let target: String?
    private let to: String?
    private let from: String?
    private let hosts: [String]

    init(_ message: Message, _ uri: URI?) {
        target = uri?.user(in: message.bytes).map { message.bytes.text($0) }
        to = message.user(.to)
        from = message.user(.from)
        hosts =
            [uri.map { message.bytes.text($0.host).lowercased() }, message.host(.to), message.host(.from)]
            .compactMap { $0 }
    }

    /// How much speaks for the trunk: first who is called, then where, then who calls.
    func weight(of trunk: TrunkMatch, in registrations: Registrations, at now: Instant) -> Int {
        var weight = 0
        if let target, isAccount(target, of: trunk, in: registrations, at: now) { weight += 16 }
        if let to, isAccount(to, of: trunk, in: registrations, at: now) { weight += 8 }
        if hosts.contains(trunk.domain) { weight += 4 }
        if let target, isContact(target, of: trunk, in: registrations, at: now) { weight += 2 }
        if let from, from == trunk.settings?.user { weight += 1 }
        return weight
    }

    private func isAccount(
        _ user: String, of trunk: TrunkMatch, in registrations: Registrations, at now: Instant
    ) -> Bool {
        if let own = trunk.settings?.user { return own == user }
        return !registrations.bindings(of: user, domain: trunk.domain, at: now).isEmpty
    }

    private func isContact(
        _ user: String, of trunk: TrunkMatch, in registrations: Registrations, at now: Instant
    ) -> Bool {
        let bindings = registrations.bindings(contactUser: user, domain: trunk.domain, at: now)
        guard let own = trunk.settings?.user else { return !bindings.isEmpty }
        return bindings.contains { $0.user == own }
    }
}
