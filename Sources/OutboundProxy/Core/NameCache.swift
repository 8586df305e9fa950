import NetworkTypes

/// Names and what they resolve to, with the requests that wait for an answer.
struct NameCache {
    private enum Entry {
        case pending([PendingRequest])
        case known([IPAddress], until: Instant)
    }

    enum Answer {
        case addresses([IPAddress])
        /// Ask; the request waits.
        case ask
        /// Asked already; the request waits.
        case wait
    }

    private var entries: [String: Entry] = [:]
    private static let lifetime = Duration.seconds(60)
    private static let failureLifetime = Duration.seconds(3)
    private static let maximumEntries = 10_000
    private static let maximumWaiting = 10_000
    private var waiting = 0

    /// What is known about `name`; otherwise `request` waits for it. nil when too many wait already.
    mutating func look(up name: String, for request: PendingRequest, at now: Instant) -> Answer? {
        switch entries[name] {
        case .known(let addresses, let until) where until > now: return .addresses(addresses)
        case .pending(let requests):
            guard waiting < Self.maximumWaiting else { return nil }
            waiting += 1
            entries[name] = .pending(requests + [request])
            return .wait
        default:
            guard waiting < Self.maximumWaiting, entries.count < Self.maximumEntries else { return nil }
            waiting += 1
            entries[name] = .pending([request])
            return .ask
        }
    }

    /// The requests that waited for the name.
    mutating func resolved(_ name: String, addresses: [IPAddress], at now: Instant) -> [PendingRequest] {
        var requests: [PendingRequest] = []
        if case .pending(let pending) = entries[name] { requests = pending }
        waiting -= requests.count
        entries[name] = .known(addresses, until: now + (addresses.isEmpty ? Self.failureLifetime : Self.lifetime))
        return requests
    }

    mutating func sweep(at now: Instant) {
        entries = entries.filter {
            if case .known(_, let until) = $0.value { until > now } else { true }
        }
    }
}

/// A request that has been admitted and routed, and waits for the addresses of its next hop.
struct PendingRequest {
    let arrival: Arrival
    let forwarding: Forwarding
    /// nil for an ACK, which has no transaction of its own.
    let server: ServerTransaction?
}
