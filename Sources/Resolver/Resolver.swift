public import DNS
public import NetworkTypes
public import Reactor

/// Finds out where a name leads, without ever holding its loop up (RFC 3263).
///
/// The driver of ``Lookups``: c-ares on one side, the loop's clock on the other. It follows `/etc/resolv.conf` and
/// `/etc/hosts`. While nothing is asked it has no socket, no timer and no channel. Each loop has one of its own.
///
/// A reply comes within the call where the answer is at hand, otherwise in a later turn of the loop, at the latest when the
/// budget of a lookup is over; never after the resolver was released.
public final class Resolver {
    private let loop: EventLoop
    private let settings: ResolverSettings
    private let lookups: Lookups
    private var replies: [LookupRequest: [(LookupResult) -> Void]] = [:]
    private var channel: QueryChannel?
    /// What the channel was asked and has not answered.
    private var open: Set<Question> = []
    private var hosts: WatchedFile
    private var resolvConf: WatchedFile
    private var nextFileCheck: Instant
    private var isWorking = false
    private lazy var timer = Timer(on: loop) { [unowned self] in
        lookups.handleTimeout(at: loop.now)
        work()
    }

    public init(on loop: EventLoop, settings: ResolverSettings = ResolverSettings()) {
        self.loop = loop
        self.settings = settings
        lookups = Lookups(settings.lookups)
        hosts = WatchedFile(settings.hostsPath)
        resolvConf = WatchedFile(settings.resolvConfPath)
        nextFileCheck = loop.now + settings.fileCheckInterval
        lookups.replaceHosts(readHosts())
        lookups.serversChanged(search: readSearchList())
    }

    // MARK: Asking

    /// Finds the places that a request for `query` can go to, best first.
    public func locate(_ query: LocationQuery, reply: @escaping (Location) -> Void) {
        checkFiles()
        if let location = lookups.known(query, at: loop.now) { return reply(location) }
        begin(.location(query)) { result in
            if case .location(let location) = result { reply(location) }
        }
    }

    /// Finds the addresses of a host: its A and AAAA records. An address is its own.
    public func addresses(
        of host: String, families: [IPAddress.Family] = IPAddress.Family.allCases,
        reply: @escaping (AddressAnswer) -> Void
    ) {
        if let literal = IPAddress(host) {
            let isFitting = families.contains(literal.family)
            let forever = settings.lookups.longestLifetime
            return reply(
                isFitting ? .addresses([literal], timeToLive: forever) : .unknownName(timeToLive: forever))
        }
        checkFiles()
        beginAddresses(.addresses(of: host.lowercased(), families: families), reply)
    }

    /// Finds all addresses that the SIP servers of a domain have: what its NAPTR, SRV and address records lead to.
    public func sources(of domain: String, reply: @escaping (AddressAnswer) -> Void) {
        guard IPAddress(domain) == nil else { return addresses(of: domain, reply: reply) }
        checkFiles()
        beginAddresses(.sources(of: domain.lowercased()), reply)
    }

    private func beginAddresses(_ request: LookupRequest, _ reply: @escaping (AddressAnswer) -> Void) {
        begin(request) { result in
            if case .addresses(let answer) = result { reply(answer) }
        }
    }

    private func begin(_ request: LookupRequest, _ reply: @escaping (LookupResult) -> Void) {
        if let result = lookups.begin(request, at: loop.now) {
            work()
            return reply(result)
        }
        replies[request, default: []].append(reply)
        work()
    }

    // MARK: Working

    /// Does what the core wants until it wants nothing more. A reply may ask again, which is done in the same round.
    private func work() {
        if isWorking { return }
        isWorking = true
        defer { isWorking = false }
        while true {
            let questions = lookups.takeQuestions()
            let results = lookups.takeResults()
            if questions.isEmpty, results.isEmpty { break }
            for question in questions { ask(question) }
            for (request, result) in results {
                for reply in replies.removeValue(forKey: request) ?? [] { reply(result) }
            }
        }
        if let deadline = lookups.nextDeadline { timer.schedule(at: deadline) }
    }

    private func ask(_ question: Question) {
        if channel == nil {
            channel = QueryChannel(on: loop, settings) { [weak self] question, outcome in
                self?.answered(question, outcome)
            }
        }
        guard let channel else { return lookups.failed(question, isSilence: true, at: loop.now) }
        open.insert(question)
        channel.ask(question)
    }

    private func answered(_ question: Question, _ outcome: QueryChannel.Outcome) {
        open.remove(question)
        switch outcome {
        case .response(let octets): lookups.received(octets, for: question, at: loop.now)
        case .silence: lookups.failed(question, isSilence: true, at: loop.now)
        case .refusal: lookups.failed(question, isSilence: false, at: loop.now)
        }
        work()
    }

    // MARK: Files

    private func checkFiles() {
        let now = loop.now
        guard now >= nextFileCheck else { return }
        nextFileCheck = now + settings.fileCheckInterval
        if hosts.hasChanged() { lookups.replaceHosts(readHosts()) }
        if resolvConf.hasChanged() { changeServers() }
    }

    private func readSearchList() -> SearchList { SearchList(resolvConf.contents(limit: 1 << 16)) }

    private func readHosts() -> HostsTable { HostsTable(hosts.contents(limit: 1 << 22)) }

    /// Asks the servers that are named now, also what those before have not answered yet: they may be out of reach.
    private func changeServers() {
        channel = nil
        lookups.serversChanged(search: readSearchList())
        for question in open { ask(question) }
        work()
    }
}
