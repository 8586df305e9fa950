import NetworkTypes

/// How much of what goes to each target is held back, as the targets have asked (RFC 7339 §5.4, §5.5).
struct Throttles {
    private struct Entry {
        var report: LoadReport
        var end: Instant
        /// What is owed to the share that is held back.
        var owed = 0.0
    }

    private var entries: [Target: Entry] = [:]
    /// Targets of configured trunks, which are few.
    private static let most = 1024

    var isEmpty: Bool { entries.isEmpty }

    /// A target has said how it is. One that says it is well is remembered, too: an earlier report may come later.
    mutating func note(_ report: LoadReport, from target: Target, at now: Instant) {
        var entry = entries[target].flatMap { $0.end > now ? $0 : nil }
        if let known = entry?.report.number, let number = report.number, number <= known { return }
        if entry == nil, entries.count >= Self.most {
            sweep(at: now)
            guard entries.count < Self.most else { return }
        }
        // Without a report that holds, no share does (RFC 7339 §5.7).
        let share = report.validity > .zero ? report.share : 0
        let end = now + (share > 0 ? report.validity : .milliseconds(500))
        let kept = LoadReport(share: share, validity: report.validity, number: report.number ?? entry?.report.number)
        entry = Entry(report: kept, end: end, owed: share > 0 ? entry?.owed ?? 0 : 0)
        entries[target] = entry
    }

    /// Whether the next new request to the target is one of those that are held back.
    mutating func holdsBack(_ target: Target, at now: Instant) -> Bool {
        guard var entry = entries[target], entry.end > now, entry.report.share > 0 else { return false }
        entry.owed += Double(entry.report.share) / 100
        let isHeldBack = entry.owed >= 0.999_999
        if isHeldBack { entry.owed -= 1 }
        entries[target] = entry
        return isHeldBack
    }

    mutating func sweep(at now: Instant) { entries = entries.filter { $0.value.end > now } }
}
