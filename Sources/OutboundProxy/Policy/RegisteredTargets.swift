import NetworkTypes

/// The target of the last successful REGISTER, by AOR: a trunk's requests go there first (design §5).
struct RegisteredTargets {
    private struct Registered {
        var target: Target
        var until: Instant
    }

    /// By domain and user.
    private var domains: [String: [String: Registered]] = [:]

    /// A binding was made, refreshed or removed.
    mutating func bind(_ binding: Binding) {
        let isAlive = binding.expires > .zero
        domains[binding.domain, default: [:]][binding.user] =
            isAlive ? Registered(target: binding.registrar, until: binding.expires) : nil
        if !isAlive, domains[binding.domain]?.isEmpty == true { domains[binding.domain] = nil }
    }

    /// Where the account is registered: the first of `users` that is one.
    func target(domain: String, users: [String?], at now: Instant) -> Target? {
        guard let accounts = domains[domain] else { return nil }
        for case let user? in users {
            if let found = accounts[user], found.until > now { return found.target }
        }
        return nil
    }

    /// Where the domain's only account is registered.
    func onlyTarget(domain: String, at now: Instant) -> Target? {
        guard let accounts = domains[domain], accounts.count == 1, let only = accounts.values.first, only.until > now
        else { return nil }
        return only.target
    }

    mutating func sweep(at now: Instant) {
        domains = domains.compactMapValues { accounts in
            let alive = accounts.filter { $0.value.until > now }
            return alive.isEmpty ? nil : alive
        }
    }
}
