import NetworkTypes

/// The target of the last successful REGISTER, by AOR: a trunk's requests go there first (design §5).
struct RegisteredTargets {
    private struct AOR: Hashable {
        let domain: String
        let user: String
    }

    private struct Registered {
        var target: Target
        var until: Instant
    }

    private var byAOR: [AOR: Registered] = [:]
    private var latest: [String: Registered] = [:]

    var isEmpty: Bool { byAOR.isEmpty }

    /// A binding was made, refreshed or removed.
    mutating func bind(_ binding: Binding) {
        let registered = Registered(target: binding.registrar, until: binding.expires)
        byAOR[AOR(domain: binding.domain, user: binding.user)] = binding.expires > .zero ? registered : nil
        if binding.expires > .zero { latest[binding.domain] = registered }
    }

    /// Where the account is registered; where nobody knows which account it is, where the last of the domain is.
    func target(domain: String, users: [String?], at now: Instant) -> Target? {
        guard !byAOR.isEmpty else { return nil }
        for case let user? in users {
            if let found = byAOR[AOR(domain: domain, user: user)], found.until > now { return found.target }
        }
        guard let last = latest[domain], last.until > now else { return nil }
        return last.target
    }

    mutating func sweep(at now: Instant) {
        byAOR = byAOR.filter { $0.value.until > now }
        latest = latest.filter { $0.value.until > now }
    }
}
