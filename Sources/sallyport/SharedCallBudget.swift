import Config
import Glibc
import NetworkTypes
import OutboundProxy
import Reactor

/// The ``CallBudget`` of the process: one for all shards, taken under a lock for a moment by each new call.
final class SharedCallBudget: CallAdmission {
    private let budget: Guarded<CallBudget>
    private let journal: Journal

    /// nil where nothing is limited, so that calls ask nobody.
    init?(_ configuration: Configuration, state: StateDirectory, now: Instant) throws(StateError) {
        let trunks = configuration.trunks.map { trunk in
            (
                name: trunk.name,
                limits: CallBudget.Limits(
                    calls: trunk.maxCalls, callsPerSecond: trunk.callsPerSecond, minutesPerDay: trunk.minutesPerDay)
            )
        }
        var budget = CallBudget(
            callsPerSecond: configuration.limits.callsPerSecond, trunks: trunks, unixTime: Self.wallClock, at: now)
        if budget.isEmpty { return nil }
        var last: [String: (day: Int64, seconds: Int64)] = [:]
        journal = try state.journal("minutes") { record in
            let words = String(decoding: record, as: UTF8.self).split(separator: " ").map(String.init)
            guard words.count == 3, let day = Int64(words[1]), let seconds = Int64(words[2]) else { return }
            last[words[0]] = (day, seconds)
        }
        for (trunk, used) in last { budget.restore(trunk: trunk, day: used.day, seconds: used.seconds, at: now) }
        self.budget = Guarded(budget)
    }

    func admit(trunk: String, isOutbound: Bool, at now: Instant) -> Result<CallPlace, CallRefusal> {
        budget.withLock { $0.admit(trunk: trunk, isOutbound: isOutbound, at: now) }
    }

    func answer(_ place: inout CallPlace, at now: Instant) {
        place = budget.withLock { [place] budget in
            var place = place
            budget.answer(&place, at: now)
            return place
        }
    }

    func end(_ place: CallPlace, isChallenged: Bool, at now: Instant) {
        budget.withLock { $0.end(place, isChallenged: isChallenged, at: now) }
    }

    /// What each limited trunk has used.
    func usage(at now: Instant) -> [CallBudget.Usage] { budget.withLock { $0.usage(at: now) } }

    // MARK: For the next start

    /// Writes down what has been used of this day, calls that go on included. Asked for again and again, so that little
    /// is lost when the process ends without notice.
    func record(at now: Instant) {
        let usage = budget.withLock { budget in
            budget.setClock(unixTime: Self.wallClock, at: now)
            return budget.usage(at: now)
        }
        let records = usage.filter { $0.seconds > 0 }.map { Array("\($0.trunk) \($0.day) \($0.seconds)".utf8) }
        for record in records where !isWritten(record) { journal.append(record) }
        if journal.wantsCompaction { journal.compact { records } }
    }

    private let written = Guarded<Set<[UInt8]>>([])

    /// Whether the last time said the same.
    private func isWritten(_ record: [UInt8]) -> Bool {
        written.withLock { written in
            if written.contains(record) { return true }
            if written.count > 256 { written = [] }
            written.insert(record)
            return false
        }
    }

    /// Waits until everything is on the disk.
    func flush(at now: Instant) {
        record(at: now)
        journal.flush()
    }

    private static var wallClock: Int64 { Int64(time(nil)) }
}
