import NetworkTypes

/// One run through what is known: looks records up, and remembers what it found missing and when the result ends.
///
/// Locating is run again from the start whenever an answer has come, so it needs no states: it is a function of the
/// cache. A run asks for a bounded number of names, and follows a bounded number of aliases.
struct Pass {
    let cache: RecordCache
    let now: Instant
    /// Whether the time is up, so that what is open has failed.
    let isLast: Bool
    /// From then on an old answer will do.
    let patience: Instant

    /// Questions that are open, and would change the result.
    private(set) var missing: Set<Question> = []
    /// How often one of them was met.
    private(set) var gaps = 0
    /// When it is no longer worth waiting for the first of them.
    private(set) var wake: Instant?
    private(set) var hasFailed = false
    /// Whether SRV records could not be looked up: what comes when there are none must not come then.
    private(set) var hasFailedServices = false
    /// When the first record of the result ends.
    private(set) var expires: Instant
    private var seen: Set<Question> = []

    /// Questions of one run, more than any domain of good will gives rise to (security 36).
    static let mostQuestions = 128

    enum Outcome<Value> {
        case found(Value)
        case absent
        case open
        case failed
    }

    init(_ cache: RecordCache, at now: Instant, patience: Instant, isLast: Bool) {
        self.cache = cache
        self.now = now
        self.patience = patience
        self.isLast = isLast
        expires = now + .seconds(86_400)
    }

    /// The records of a name, or of what it is an alias of.
    mutating func records(_ type: RecordType, of name: DomainName) -> Outcome<Records> {
        var question = Question(name, type)
        for _ in 0...Answer.mostAliases {
            guard let lookup = lookUp(question) else { return .absent }
            switch lookup {
            case .known(let records, let until):
                expires = min(expires, until)
                switch records {
                case .alias(let target): question.name = target
                case .absent: return .absent
                default: return .found(records)
                }
            case .open(let until):
                if isLast { return failed(until: now) }
                missing.insert(question)
                gaps += 1
                if let until { wake = min(wake ?? until, until) }
                return .open
            case .failed(let until): return failed(until: until)
            }
        }
        return .absent
    }

    private mutating func failed<Value>(until: Instant) -> Outcome<Value> {
        hasFailed = true
        expires = min(expires, max(until, now))
        return .failed
    }

    /// A failure so far says nothing about the result.
    mutating func forgive() { hasFailed = false }

    /// Has the records asked for, so that they are there when they are needed.
    mutating func prepare(_ type: RecordType, of name: DomainName) { _ = lookUp(Question(name, type)) }

    /// The same for the addresses of a name.
    mutating func prepareAddresses(of name: DomainName, _ families: [IPAddress.Family]) {
        for family in families { prepare(family == .v4 ? .a : .aaaa, of: name) }
    }

    /// Nil for one question too many.
    private mutating func lookUp(_ question: Question) -> RecordCache.Lookup? {
        guard seen.count < Self.mostQuestions || seen.contains(question) else { return nil }
        seen.insert(question)
        return cache.lookUp(question, at: now, patience: patience)
    }

    mutating func services(of name: DomainName) -> Outcome<[ServiceRecord]> {
        switch records(.srv, of: name) {
        case .found(.services(let services)): return .found(services)
        case .found, .absent: return .absent
        case .open: return .open
        case .failed:
            hasFailedServices = true
            return .failed
        }
    }

    mutating func authorities(of name: DomainName) -> Outcome<[NamingAuthorityRecord]> {
        switch records(.naptr, of: name) {
        case .found(.authorities(let authorities)): .found(authorities)
        case .found, .absent: .absent
        case .open: .open
        case .failed: .failed
        }
    }

    /// The addresses of a name, IPv6 first; all families are asked for at once.
    mutating func addresses(of name: DomainName, _ families: [IPAddress.Family]) -> [[IPAddress]] {
        [IPAddress.Family.v6, .v4].filter(families.contains).map { family in
            if case .found(.addresses(let found)) = records(family == .v4 ? .a : .aaaa, of: name) { found } else { [] }
        }
    }

    /// The addresses of a name that somebody has written: one of a single label is looked for in the search list, and the
    /// first name that has an address counts.
    mutating func addresses(ofHost name: DomainName, _ families: [IPAddress.Family]) -> [[IPAddress]] {
        for candidate in candidates(for: name) {
            let before = gaps
            let found = addresses(of: candidate, families)
            if gaps > before || found.contains(where: { !$0.isEmpty }) { return found }
        }
        return []
    }

    /// The names that a name that somebody has written may stand for.
    func candidates(for name: DomainName) -> [DomainName] {
        isLocal(name) ? [name] : cache.search.candidates(for: name)
    }

    /// Whether the hosts file has the name: then it decides alone, and DNS isn't asked.
    func isLocal(_ name: DomainName) -> Bool { cache.hosts.addresses(of: name) != nil }
}
