public import NetworkTypes

/// How a target is, as far as its answers tell.
public enum TargetState: Hashable, Sendable {
    case up
    /// It is tried last; from then on one request may see whether it is back.
    case down(until: Instant)
    case unknown
}

/// Which targets answer (RFC 3263 §4.3: those that failed are not tried again at once).
///
/// A target is its address, port and transport, whichever trunks share it. Each shard has a copy and publishes its
/// changes; one that is down is tried by one request per interval and shard ("half open"), and the interval doubles as
/// long as it stays down, so that it costs later calls next to nothing.
struct TargetHealth {
    private struct Entry {
        /// nil: it is up.
        var downUntil: Instant?
        var interval: Duration
        /// When it answered last, unless it is among ``latest``.
        var heardAt: Instant?
    }

    private struct Heard {
        let target: Target
        var at: Instant
    }

    private var entries: [Target: Entry] = [:]
    /// How many are down.
    private var downs = 0
    /// Those that have not answered a request that they should have, and until when they are doubted.
    private var doubts: [Target: Instant] = [:]
    /// Who answered last on each side: mostly the same again, and then nothing needs to be looked up.
    private var latest: [Heard?] = [nil, nil]

    static let firstInterval = Duration.seconds(30)
    private static let longestInterval = Duration.seconds(240)
    /// A `Retry-After` is believed up to that.
    private static let longestPause = Duration.seconds(600)
    /// How long one that is down is remembered when nobody tries it.
    private static let memory = Duration.seconds(900)
    private static let maximumEntries = 4096

    /// How many are known about.
    var count: Int { entries.count + doubts.count }

    func state(of target: Target) -> TargetState {
        guard let entry = entries[target] else { return .unknown }
        return entry.downUntil.map { .down(until: $0) } ?? .up
    }

    /// Whether all targets are as good as any: then nothing needs to be looked up.
    var isWell: Bool { downs == 0 && doubts.isEmpty }

    func isDown(_ target: Target) -> Bool { downs > 0 && entries[target]?.downUntil != nil }

    /// Whether a request should go there before others: it is neither down nor, unless that does not matter, doubted; or
    /// this request is the one that tries it.
    mutating func isUsable(_ target: Target, ignoringDoubts: Bool = false, at now: Instant) -> Bool {
        if !ignoringDoubts, let end = doubts[target], end > now { return false }
        guard downs > 0, var entry = entries[target], let until = entry.downUntil else { return true }
        guard until <= now else { return false }
        entry.interval = min(entry.interval * 2, Self.longestInterval)
        entry.downUntil = now + entry.interval
        entries[target] = entry
        return true
    }

    /// It has answered: whether it was down.
    mutating func succeeded(_ target: Target, on side: Side, at now: Instant) -> Bool {
        let place = Int(side.rawValue)
        if latest[place]?.target == target {
            latest[place]?.at = now
            return false
        }
        if let other = latest[place]?.target { setAside(other) }
        trust(target)
        let wasDown = isDown(target)
        set(target, nil)
        latest[place] = Heard(target: target, at: now)
        return wasDown
    }

    /// From now on its answers are looked at again.
    private mutating func setAside(_ target: Target) {
        guard let place = latest.firstIndex(where: { $0?.target == target }) else { return }
        entries[target]?.heardAt = latest[place]?.at
        latest[place] = nil
    }

    /// Whether it has answered anything since.
    private func hasAnswered(_ target: Target, since start: Instant) -> Bool {
        let heard = latest.first { $0?.target == target } ?? nil
        return (heard?.at ?? entries[target]?.heardAt).map { $0 >= start } ?? false
    }

    /// A request had to be repeated, and there are other targets: until it has answered, or time has shown whether it is
    /// down, new requests try those first. Nobody is told.
    mutating func doubt(_ target: Target, until end: Instant) {
        guard doubts[target] == nil, doubts.count < Self.maximumEntries, !isDown(target) else { return }
        setAside(target)
        doubts[target] = end
    }

    /// It has answered something.
    mutating func trust(_ target: Target) { doubts[target] = nil }

    /// It did not answer what was sent at `start`, can't be reached, or wants to be left alone for a while (RFC 3261
    /// §21.5.4): until when it is down, where that is news. One that has answered something else in the meantime isn't.
    /// What fails later than it did first counts as much, or one that asked for a short pause and then died would be
    /// tried first after that pause.
    mutating func failed(
        _ target: Target, for pause: Duration? = nil, since start: Instant? = nil, at now: Instant
    ) -> Instant? {
        if let start, hasAnswered(target, since: start) { return nil }
        let until = now + min(max(pause ?? Self.firstInterval, .seconds(1)), Self.longestPause)
        // Many requests may fail at once.
        if let known = entries[target]?.downUntil, until < known + .seconds(1) { return nil }
        return set(target, until) ? until : nil
    }

    /// What another shard saw, or what a target did not answer when it was asked: whether that is news.
    @discardableResult
    mutating func set(_ target: Target, _ downUntil: Instant?) -> Bool {
        let known = entries[target]
        guard known != nil || makeRoom() else { return false }
        if let known, known.downUntil == downUntil { return false }
        trust(target)
        downs += (downUntil == nil ? 0 : 1) - (known?.downUntil == nil ? 0 : 1)
        if downUntil != nil { setAside(target) }
        entries[target] = Entry(
            downUntil: downUntil,
            interval: known?.downUntil == nil ? Self.firstInterval : known?.interval ?? Self.firstInterval,
            heardAt: entries[target]?.heardAt)
        return true
    }

    /// Those that are up are known for status pages only.
    private mutating func makeRoom() -> Bool {
        guard entries.count >= Self.maximumEntries else { return true }
        entries = entries.filter { $0.value.downUntil != nil }
        return entries.count < Self.maximumEntries
    }

    /// Forgets those that nobody has tried for long.
    mutating func sweep(at now: Instant) {
        for (target, end) in doubts where end <= now { doubts[target] = nil }
        guard downs > 0 else { return }
        for (target, entry) in entries {
            guard let until = entry.downUntil, until + Self.memory <= now else { continue }
            entries[target] = nil
            downs -= 1
        }
    }
}
