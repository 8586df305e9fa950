import NetworkTypes

/// Names and what they resolve to, with the requests that wait for an answer.
struct NameCache {
    enum Answer {
        case addresses([IPAddress])
        /// Ask; the request waits.
        case ask
        /// Asked already; the request waits.
        case wait
    }

    /// How long a request waits for a resolver that says nothing.
    static let patience = Duration.seconds(10)

    private var known: [String: (addresses: [IPAddress], until: Instant)] = [:]
    private var pending: [String: [PendingRequest]] = [:]
    private var waiting = 0
    private static let lifetime = Duration.seconds(60)
    private static let failureLifetime = Duration.seconds(3)
    private static let maximumEntries = 10_000
    private static let maximumWaiting = 10_000

    /// What is known about `name`; otherwise `request` waits for it. nil when too many wait already.
    mutating func look(up name: String, for request: PendingRequest, at now: Instant) -> Answer? {
        if let entry = known[name], entry.until > now { return .addresses(entry.addresses) }
        guard waiting < Self.maximumWaiting else { return nil }
        let isAsked = pending[name] != nil
        guard isAsked || known.count + pending.count < Self.maximumEntries else { return nil }
        waiting += 1
        pending[name, default: []].append(request)
        return isAsked ? .wait : .ask
    }

    /// The requests that waited for the name.
    mutating func resolved(_ name: String, addresses: [IPAddress], at now: Instant) -> [PendingRequest] {
        let requests = pending.removeValue(forKey: name) ?? []
        waiting -= requests.count
        known[name] = (addresses, now + (addresses.isEmpty ? Self.failureLifetime : Self.lifetime))
        return requests
    }

    func isPending(_ name: String) -> Bool { pending[name] != nil }

    mutating func sweep(at now: Instant) { known = known.filter { $0.value.until > now } }
}

/// A request that has been admitted and routed, and waits for the addresses of its next hop.
struct PendingRequest {
    let arrival: Arrival
    let forwarding: Forwarding
    /// nil for an ACK, which has no transaction of its own.
    let server: ServerTransaction?
}
