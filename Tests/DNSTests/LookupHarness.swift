import DNS
import NetworkTypes
import TestSupport

/// ``Lookups`` on a virtual clock, its questions answered from a zone after a round trip.
struct LookupHarness {
    /// What the servers do with a question.
    enum Conduct { case answer, fail, ignore }

    let lookups: Lookups
    var now = Instant(nanoseconds: 1_000_000_000_000)
    var zone: Zone
    var conduct: (Question) -> Conduct = { _ in .answer }
    var roundTrip = Duration.milliseconds(20)
    /// After this time c-ares gives a question up.
    var patience = Duration.milliseconds(2800)
    private(set) var asked: [Question] = []
    private(set) var results: [(LookupRequest, LookupResult, Instant)] = []
    private var arrivals = DeadlineQueue<(Question, Conduct)>()

    init(_ lines: [String] = [], _ settings: LookupSettings = LookupSettings()) {
        lookups = Lookups(settings)
        zone = Zone(lines)
    }

    /// Begins a request; the result, where it is there at once.
    mutating func begin(_ request: LookupRequest) -> LookupResult? {
        let result = lookups.begin(request, at: now)
        send()
        return result
    }

    /// Runs a request to its end; the result and the time that it took.
    mutating func run(_ request: LookupRequest) -> (result: LookupResult?, time: Duration) {
        let start = now
        let known = results.count
        if let result = begin(request) { return (result, .zero) }
        while !results[known...].contains(where: { $0.0 == request }), step() {}
        guard let found = results[known...].first(where: { $0.0 == request }) else { return (nil, now - start) }
        return (found.1, found.2 - start)
    }

    mutating func locate(_ query: LocationQuery) -> Location? {
        if case .location(let location) = run(.location(query)).result { location } else { nil }
    }

    /// The targets as text: `rank/weight transport:address`.
    mutating func targets(_ query: LocationQuery) -> [String] {
        switch locate(query) {
        case .targets(let targets): targets.map { "\($0.rank)/\($0.weight) \($0.target)" }
        case .unknownName: ["unknown"]
        case .unavailable: ["unavailable"]
        case nil: ["no result"]
        }
    }

    mutating func takeAsked() -> [String] {
        defer { asked = [] }
        return asked.map(\.description)
    }

    /// Lets the time pass, and everything happen that falls into it.
    mutating func advance(_ duration: Duration) {
        let end = now + duration
        while let next = nextEvent, next <= end, step() {}
        now = end
    }

    private var nextEvent: Instant? {
        [arrivals.next, lookups.nextDeadline].compactMap { $0 }.min()
    }

    /// The next thing happens; false where nothing will.
    private mutating func step() -> Bool {
        guard let next = nextEvent else { return false }
        now = max(now, next)
        while let (question, conduct) = arrivals.popDue(at: now) {
            switch conduct {
            case .answer:
                let response = zone.response(question.name.text, question.type.rawValue)
                lookups.received(response.wire, for: question, at: now)
            case .fail: lookups.failed(question, isSilence: false, at: now)
            case .ignore: lookups.failed(question, isSilence: true, at: now)
            }
            send()
        }
        lookups.handleTimeout(at: now)
        send()
        return true
    }

    private mutating func send() {
        for question in lookups.takeQuestions() {
            asked.append(question)
            let conduct = conduct(question)
            arrivals.schedule((question, conduct), at: now + (conduct == .ignore ? patience : roundTrip))
        }
        for (request, result) in lookups.takeResults() { results.append((request, result, now)) }
    }
}

extension LocationQuery {
    /// A query with everything that we can speak, unless the test says otherwise.
    init(
        _ host: String, port: UInt16? = nil, _ transport: TransportProtocol? = nil, secure: Bool = false,
        can transports: [TransportProtocol] = [.tls, .tcp, .udp], families: [IPAddress.Family] = [.v4, .v6]
    ) {
        self.init(
            host: host, port: port, transport: transport, isSecure: secure, transports: transports, families: families)
    }
}
