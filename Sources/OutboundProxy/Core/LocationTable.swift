import NetworkTypes

/// The questions about names that are open, with the requests that wait for the answers.
///
/// Answers are the resolver's to keep, for as long as DNS says. Here one is kept for a moment only, so that a rush of
/// requests to one name does not go through the driver each time.
struct LocationTable {
    /// How long a request waits for a resolver that says nothing; the resolver itself gives up after 2 s.
    static let patience = Duration.milliseconds(2500)

    private var open: [LocationQuery: OpenLocation] = [:]
    private var copies: [LocationQuery: (targets: [LocatedTarget], until: Instant)] = [:]
    private var places: [String: [Target]] = [:]
    private var waiting = 0
    private static let lifetime = Duration.seconds(1)
    private static let maximumEntries = 1_000
    private static let maximumWaiting = 10_000

    enum Answer {
        case targets([LocatedTarget])
        /// Ask; the request waits.
        case ask(OpenLocation)
        /// Asked already; the request waits.
        case wait
    }

    /// The targets, where they were told a moment ago; otherwise `waiter` waits for them. nil when too many wait.
    mutating func look(up query: LocationQuery, for waiter: LocationWaiter, at now: Instant) -> Answer? {
        if let copy = copies[query], copy.until > now { return .targets(copy.targets) }
        guard waiting < Self.maximumWaiting || waiter.isEmergency && waiting < 2 * Self.maximumWaiting else {
            return nil
        }
        waiting += 1
        if let location = open[query] {
            location.waiters.append(waiter)
            return .wait
        }
        let location = OpenLocation(query)
        location.waiters.append(waiter)
        open[query] = location
        return .ask(location)
    }

    /// The answer has come: who waited for it.
    mutating func close(_ query: LocationQuery, _ location: Location, at now: Instant) -> [LocationWaiter] {
        if case .targets(let targets) = location {
            if copies.count < Self.maximumEntries { copies[query] = (targets, now + Self.lifetime) }
            if places.count < Self.maximumEntries || places[query.host] != nil {
                places[query.host] = targets.map(\.target)
            }
        }
        guard let waiters = open.removeValue(forKey: query)?.waiters else { return [] }
        waiting -= waiters.count
        return waiters
    }

    /// Where the name led when it was last asked for, for status pages.
    func lastTargets(of host: String) -> [Target] { places[host] ?? [] }

    /// Whether the question has no answer yet.
    func isOpen(_ location: OpenLocation) -> Bool { open[location.query] === location }

    mutating func sweep(at now: Instant) { copies = copies.filter { $0.value.until > now } }
}

/// A question about a name, and who waits for its answer.
final class OpenLocation {
    let query: LocationQuery
    fileprivate(set) var waiters: [LocationWaiter] = []

    init(_ query: LocationQuery) { self.query = query }
}

/// What an answer is awaited for.
enum LocationWaiter {
    case request(PendingRequest)
    case qualification(Qualification)

    fileprivate var isEmergency: Bool {
        if case .request(let request) = self { request.forwarding.isEmergency } else { false }
    }
}

/// A request that has been admitted and routed, and has to be sent to its next hop.
struct PendingRequest {
    let arrival: Arrival
    var forwarding: Forwarding
    /// nil for an ACK, which has no transaction of its own.
    let server: ServerTransaction?
}
