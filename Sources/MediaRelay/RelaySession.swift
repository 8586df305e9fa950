import NetworkTypes

/// The streams of one anchored dialog, and the watch over their silence.
final class RelaySession {
    let id: RelaySessionID
    /// A session has few streams (an offer has at most 32 media descriptions): a list is searched faster than hashed.
    private(set) var streams: ContiguousArray<RelayStream> = []
    /// What streams closed before the session counted. An end that keeps adding and closing streams fills no memory.
    private var closed: [LegReport] = []
    private static let closedReports = 64

    private var silence: Duration?
    private var watchedSince = Instant.zero
    /// The entry of the deadline queue that counts; others are stale.
    private(set) var deadline: Instant?

    init(_ id: RelaySessionID) { self.id = id }
}

// MARK: Streams

extension RelaySession {
    func stream(_ index: UInt16) -> RelayStream? { streams.first { $0.id.index == index } }

    func add(_ stream: RelayStream) { streams.append(stream) }

    func remove(_ stream: RelayStream) {
        stream.close()
        streams.removeAll { $0 === stream }
        // What an offer opened that was refused has nothing to tell.
        let reports = stream.reports.filter { $0.counters != RelayCounters() }
        if closed.count < Self.closedReports { closed += reports }
    }

    var reports: [LegReport] { closed + streams.flatMap(\.reports) }
}

// MARK: Silence

extension RelaySession {
    /// Starts, restarts or ends the watch; the deadline to be woken at.
    func watch(_ silence: Duration?, at now: Instant) -> Instant? {
        self.silence = silence
        watchedSince = now
        deadline = silence.map { now + $0 }
        return deadline
    }

    /// What an entry of the deadline queue came to.
    enum WatchResult {
        case stale, silent
        case again(Instant)
    }

    /// Looks whether the session was silent until `now`. Packets only note their time; they never touch the queue.
    func checkSilence(scheduled: Instant, at now: Instant) -> WatchResult {
        guard let silence, deadline == scheduled else { return .stale }
        let lastValid = streams.reduce(watchedSince) { max($0, $1.lastValid) }
        let due = lastValid + silence
        if due <= now {
            self.silence = nil
            deadline = nil
            return .silent
        }
        deadline = due
        return .again(due)
    }
}
