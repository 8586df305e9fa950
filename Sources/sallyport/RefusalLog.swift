import NetworkTypes

/// Which refusals get a line of their own: of each reason a few in ten seconds. The others are counted and told together,
/// so that a flood of refusals does not fill the disk.
struct RefusalLog {
    private struct Entry {
        var lines = 0
        var leftOut: UInt64 = 0
    }

    private var entries: [String: Entry] = [:]
    private var next = Instant.zero
    static let interval = Duration.seconds(10)
    static let mostLines = 10
    private static let mostReasons = 64

    /// Whether this refusal is told.
    mutating func admits(_ reason: String) -> Bool {
        let isNew = entries[reason] == nil
        let key = isNew && entries.count >= Self.mostReasons ? "other" : reason
        var entry = entries[key] ?? Entry()
        defer { entries[key] = entry }
        guard entry.lines < Self.mostLines else {
            entry.leftOut += 1
            return false
        }
        entry.lines += 1
        return true
    }

    /// Ends the interval when it is over: what was left out in it, by reason.
    mutating func summary(at now: Instant) -> [(reason: String, count: UInt64)] {
        guard now >= next else { return [] }
        next = now + Self.interval
        guard !entries.isEmpty else { return [] }
        defer { entries = [:] }
        return entries.filter { $0.value.leftOut > 0 }.map { ($0.key, $0.value.leftOut) }.sorted { $0.0 < $1.0 }
    }
}
