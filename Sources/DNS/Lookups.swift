public import NetworkTypes

/// Looks names up: decides what DNS is asked, and answers within a budget whatever comes of it.
///
/// The sans-I/O core of the resolver. Requests, answers and the time go in; after each call ``takeQuestions()`` is what to
/// ask, and ``takeResults()`` what was found. A request is run through the cache from its start whenever something that it
/// waits for has come, and at the latest when its time is up:
/// * all that it needs is known: the result is whole, and kept until the first of its records ends;
/// * the head of the list is known for a while, the rest is not: the head goes out;
/// * old answers are taken once the fresh ones have kept it waiting for a while, at once where the servers are silent;
/// * the time is up: what is still open counts as failed.
public final class Lookups {
    private struct Waiting {
        /// When old answers will do, and when whatever there is.
        let patience, deadline: Instant
        /// When the head of the list was first known.
        var headSince: Instant?
        /// The earliest entry in the queue of deadlines.
        var scheduled = Instant.distantFuture
    }

    private struct Kept {
        let location: Location
        let expires: Instant
    }

    private let settings: LookupSettings
    private let cache: RecordCache
    private var kept: [LocationQuery: Kept] = [:]
    private var waiting: [LookupRequest: Waiting] = [:]
    private var dependents: [Question: Set<LookupRequest>] = [:]
    private var deadlines = DeadlineQueue<LookupRequest>()
    private var results: [(LookupRequest, LookupResult)] = []

    public init(_ settings: LookupSettings = LookupSettings()) {
        self.settings = settings
        cache = RecordCache(settings)
    }

    // MARK: In

    /// Where a request for `query` goes, where that is known.
    ///
    /// Budget: 200 ns, nothing allocated; watched by `ResolverBench`.
    public func known(_ query: LocationQuery, at now: Instant) -> Location? {
        guard let found = kept[query], now < found.expires else { return nil }
        return found.location
    }

    /// Begins a request; the result where it is known at once. Otherwise it comes by ``takeResults()``, once for all who
    /// have begun the same request until then.
    public func begin(_ request: LookupRequest, at now: Instant) -> LookupResult? {
        if case .location(let query) = request, let location = known(query, at: now) { return .location(location) }
        if waiting[request] != nil { return nil }
        guard waiting.count < settings.mostWaiting else { return request.unavailable }
        return run(request, Waiting(patience: now + settings.patience, deadline: now + settings.budget), at: now)
    }

    /// Takes a server's response to a question in.
    public func received(_ octets: [UInt8], for question: Question, at now: Instant) {
        do throws(MalformedMessage) {
            guard let answer = try Response(octets).answer(to: question) else {
                return failed(question, isSilence: false, at: now)
            }
            cache.store(answer, for: question, at: now)
            resume(question, at: now)
        } catch {
            failed(question, isSilence: false, at: now)
        }
    }

    /// Notes that the servers have not answered a question, or would not.
    public func failed(_ question: Question, isSilence: Bool, at now: Instant) {
        cache.fail(question, isSilence ? .silence : .refusal, at: now)
        resume(question, at: now)
    }

    /// Takes another hosts file.
    public func replaceHosts(_ hosts: HostsTable) {
        cache.hosts = hosts
        kept.removeAll(keepingCapacity: true)
    }

    /// Notes that other servers are asked from now on, or other domains searched: what failed may be asked again.
    public func serversChanged(search: SearchList = SearchList()) {
        cache.search = search
        cache.forgetFailures()
        kept.removeAll(keepingCapacity: true)
    }

    // MARK: Time

    /// When ``handleTimeout(at:)`` is due.
    public var nextDeadline: Instant? { deadlines.next }

    public func handleTimeout(at now: Instant) {
        while let request = deadlines.popDue(at: now) {
            guard var state = waiting[request] else { continue }
            if state.scheduled <= now { state.scheduled = .distantFuture }
            resume(request, state, at: now)
        }
    }

    // MARK: Out

    /// Takes the questions that are to be asked.
    public func takeQuestions() -> [Question] { cache.takeQuestions() }

    /// Takes the results that have come since.
    public func takeResults() -> [(LookupRequest, LookupResult)] {
        defer { results = [] }
        return results
    }

    /// Names whose records are held, requests that wait, and questions that are open.
    public var counts: (questions: Int, waiting: Int, open: Int) { (cache.count, waiting.count, cache.open) }

    // MARK: Running

    private func resume(_ question: Question, at now: Instant) {
        for request in dependents.removeValue(forKey: question) ?? [] {
            if let state = waiting[request] { resume(request, state, at: now) }
        }
    }

    private func resume(_ request: LookupRequest, _ state: Waiting, at now: Instant) {
        if let result = run(request, state, at: now) { results.append((request, result)) }
    }

    /// Runs a request; the result, where there is one, ends it.
    private func run(_ request: LookupRequest, _ state: Waiting, at now: Instant) -> LookupResult? {
        var state = state
        let isLast = now >= state.deadline
        let found = find(request, Pass(cache, at: now, patience: state.patience, isLast: isLast))
        if let result = found.result, found.pass.missing.isEmpty || isEnough(&state, at: now) {
            waiting[request] = nil
            keep(request, result, found.pass)
            return result
        }
        for question in found.pass.missing { dependents[question, default: []].insert(request) }
        var wake = min(state.deadline, found.pass.wake ?? state.deadline)
        if let headSince = state.headSince { wake = min(wake, headSince + settings.patience) }
        if wake < state.scheduled {
            state.scheduled = wake
            deadlines.schedule(request, at: wake)
        }
        waiting[request] = state
        return nil
    }

    /// Whether the head of the list has waited long enough for the rest.
    private func isEnough(_ state: inout Waiting, at now: Instant) -> Bool {
        let since = state.headSince ?? now
        state.headSince = since
        return now >= since + settings.patience
    }

    private func find(_ request: LookupRequest, _ pass: Pass) -> (result: LookupResult?, pass: Pass) {
        switch request {
        case .location(let query):
            let found = Locator.locate(query, pass)
            return (found.location.map { .location($0) }, found.pass)
        case .addresses(let host, let families):
            return addresses(of: host, pass) { name, pass in pass.addresses(ofHost: name, families).flatMap { $0 } }
        case .sources(let domain):
            // Half a list would shut servers out until it is asked for again.
            let found = addresses(of: domain, pass) { name, pass in SourceFinder.addresses(of: name, &pass) }
            return (found.1.missing.isEmpty ? found.0 : nil, found.1)
        }
    }

    private func addresses(
        of host: String, _ pass: Pass, _ find: (DomainName, inout Pass) -> [IPAddress]
    ) -> (LookupResult?, Pass) {
        guard let name = DomainName(host: host) else {
            return (.addresses(.unknownName(timeToLive: settings.longestAbsence)), pass)
        }
        var pass = pass
        let found = find(name, &pass)
        let timeToLive = pass.missing.isEmpty ? max(.seconds(1), pass.expires - pass.now) : .seconds(1)
        if !found.isEmpty { return (.addresses(.addresses(found, timeToLive: timeToLive)), pass) }
        if !pass.missing.isEmpty { return (nil, pass) }
        return (.addresses(pass.hasFailed ? .unavailable : .unknownName(timeToLive: timeToLive)), pass)
    }

    private func keep(_ request: LookupRequest, _ result: LookupResult, _ pass: Pass) {
        guard case .location(let query) = request, case .location(let location) = result, pass.missing.isEmpty,
            pass.expires > pass.now
        else { return }
        if kept.count >= settings.mostLocations {
            kept = kept.filter { $0.value.expires > pass.now }
            if kept.count >= settings.mostLocations { kept.removeAll(keepingCapacity: true) }
        }
        kept[query] = Kept(location: location, expires: pass.expires)
    }
}

extension LookupRequest {
    fileprivate var unavailable: LookupResult {
        if case .location = self { .location(.unavailable) } else { .addresses(.unavailable) }
    }
}
