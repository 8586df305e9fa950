import MediaRelay
import NetworkTypes
import OutboundProxy

/// Calls that have ended: each waits for what its relay session has counted, and is then added up and written down.
struct EndedCalls {
    /// More than this do not wait: a worker that is so far behind will not tell in time.
    private var mostWaiting = 20_000
    /// What learned trunks and phones are counted as.
    static let others = ""

    private let log: CallLog?
    private let trunks: Set<String>
    private var waiting: [UInt64: CallSummary] = [:]
    /// Called once none waits.
    private var allWritten: (@Sendable () -> Void)?
    /// By configured trunk.
    private(set) var totals: [String: MediaTotals] = [:]

    init(log: CallLog?, trunks: some Sequence<String>) {
        self.log = log
        self.trunks = Set(trunks)
    }

    /// A call has ended; `isReported`: its session will be reported on.
    mutating func add(_ call: CallSummary, isReported: Bool, at now: Instant) {
        guard let session = call.session, isReported, waiting.count < mostWaiting else {
            return write(call, [], at: now)
        }
        waiting[session] = call
    }

    /// What the session of a call has counted.
    mutating func add(_ reports: [LegReport], of session: UInt64, at now: Instant) {
        guard let call = waiting.removeValue(forKey: session) else { return }
        let trunk = trunks.contains(call.trunk) ? call.trunk : Self.others
        for report in reports where (report.leg == .caller) == (call.origin == .outside) {
            totals[trunk, default: MediaTotals()].add(report)
        }
        write(call, reports, at: now)
        tellIfWritten()
    }

    /// The process ends, and with it all calls at once: however many they are, none goes without its counters.
    mutating func expectAll() { mostWaiting = .max }

    /// Calls `allWritten` as soon as no call waits any more.
    mutating func whenWritten(_ allWritten: @escaping @Sendable () -> Void) {
        self.allWritten = allWritten
        tellIfWritten()
    }

    private mutating func tellIfWritten() {
        guard let allWritten, waiting.isEmpty else { return }
        self.allWritten = nil
        allWritten()
    }

    /// Nobody will report any more.
    mutating func flush(at now: Instant) {
        for call in waiting.values { write(call, [], at: now) }
        waiting = [:]
    }

    mutating func shrink() { waiting.shrink() }

    private func write(_ call: CallSummary, _ reports: [LegReport], at now: Instant) {
        let record = CallRecord(call: call, reports: reports)
        guard let log, record.isWritten else { return }
        log.write(record.line(at: now, .now()))
    }
}
