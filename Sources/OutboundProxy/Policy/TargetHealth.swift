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
    }

    private var entries: [Target: Entry] = [:]
    /// How many are down: mostly none, and then nothing needs to be looked up.
    private(set) var downs = 0
    /// The one that was last seen up.
    private var lastUp: Target?

    static let firstInterval = Duration.seconds(30)
    private static let longestInterval = Duration.seconds(240)
    /// A `Retry-After` is believed up to that.
    private static let longestPause = Duration.seconds(600)
    /// How long one that is down is remembered when nobody tries it.
    private static let memory = Duration.seconds(900)
    private static let maximumEntries = 4096

    func state(of target: Target) -> TargetState {
        guard let entry = entries[target] else { return .unknown }
        return entry.downUntil.map { .down(until: $0) } ?? .up
    }

    func isDown(_ target: Target) -> Bool { downs > 0 && entries[target]?.downUntil != nil }

    /// Whether a request should go there before others: it is not down, or this request is the one that tries it.
    mutating func isUsable(_ target: Target, at now: Instant) -> Bool {
        guard downs > 0, var entry = entries[target], let until = entry.downUntil else { return true }
        guard until <= now else { return false }
        entry.interval = min(entry.interval * 2, Self.longestInterval)
        entry.downUntil = now + entry.interval
        entries[target] = entry
        return true
    }

    /// It has answered: whether it was down.
    mutating func succeeded(_ target: Target) -> Bool {
        if target == lastUp { return false }
        let wasDown = isDown(target)
        set(target, nil)
        lastUp = target
        return wasDown
    }

    /// It did not answer, can't be reached, or wants to be left alone for a while (RFC 3261 §21.5.4): until when it is
    /// down, where that is news. What fails later than it did first counts as much, or one that asked for a short pause
    /// and then died would be tried first after that pause.
    mutating func failed(_ target: Target, for pause: Duration? = nil, at now: Instant) -> Instant? {
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
        downs += (downUntil == nil ? 0 : 1) - (known?.downUntil == nil ? 0 : 1)
        if downUntil != nil, lastUp == target { lastUp = nil }
        entries[target] = Entry(
            downUntil: downUntil,
            interval: known?.downUntil == nil ? Self.firstInterval : known?.interval ?? Self.firstInterval)
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
        guard downs > 0 else { return }
        for (target, entry) in entries {
            guard let until = entry.downUntil, until + Self.memory <= now else { continue }
            entries[target] = nil
            downs -= 1
        }
    }
}
