import Glibc
import NetworkTypes
import Reactor

/// What a restart must not forget before it expires: one record for each key, of which the last counts.
///
/// Expiry is kept in wall-clock seconds, since the monotonic clock starts anew.
final class ExpiringJournal<Value: ExpiringRecord>: Sendable {
    private struct Entry {
        let expires: Int64
        let record: [UInt8]
    }

    private let journal: Journal
    /// What was alive when the journal was opened, by the clock of `now`.
    let loaded: [Value]
    /// What a compaction leaves: the last record of each key.
    private let live: Guarded<[Value.Key: Entry]>

    init(_ name: String, in directory: StateDirectory, now: Instant) throws(StateError) {
        var alive = Survivors<Value>(now: now)
        journal = try directory.journal(name) { alive.take($0) }
        loaded = alive.values
        live = Guarded(alive.entries.mapValues { Entry(expires: $0.expires, record: $0.record) })
        // One that is kept again and again makes the file grow for ever.
        if alive.read > loaded.count { compact() }
    }

    /// What is alive in the file at `path`, without touching it; none where it can't be read.
    static func read(_ path: String, now: Instant) -> [Value] {
        guard let file = try? File(path, O_RDONLY), let text = try? file.contents(limit: 1 << 30),
            let read = JournalFormat.records(in: text)
        else { return [] }
        var alive = Survivors<Value>(now: now)
        for record in read.records { alive.take(record) }
        return alive.values
    }

    /// Whether something with that key is alive, as far as anybody wrote down.
    func has(_ key: Value.Key) -> Bool { live.withLock { $0[key] != nil } }

    /// Writes the value down, without waiting for the disk; `isGone`: that there is none any more.
    func record(_ value: Value, isGone: Bool = false, now: Instant) {
        let left = isGone ? 0 : Int64((value.expires - now).seconds.rounded(.up))
        let expires = WallClock.seconds + left
        let record = RecordFields.octets(value.fields + [Array("\(expires)".utf8)])
        live.withLock { $0[value.key] = left <= 0 ? nil : Entry(expires: expires, record: record) }
        journal.append(record)
        if journal.wantsCompaction { compact() }
    }

    private func compact() {
        journal.compact {
            let wall = WallClock.seconds
            return self.live.withLock { live in
                live = live.filter { $0.value.expires > wall }
                return live.values.map(\.record)
            }
        }
    }

    /// Waits until everything is on the disk.
    func flush() { journal.flush() }
}

/// Something that expires, and is kept by its key until then.
protocol ExpiringRecord: Sendable {
    associatedtype Key: Hashable, Sendable

    var key: Key { get }
    var expires: Instant { get set }
    /// What is written, but for the expiry.
    var fields: [[UInt8]] { get }
    /// What was written; nil for what can't have been. It has not expired as of `now`.
    init?(fields: [[UInt8]], now: Instant)
}

/// What of the records of a journal is alive.
private struct Survivors<Value: ExpiringRecord> {
    let now: Instant
    private let wall = WallClock.seconds
    private(set) var entries: [Value.Key: (value: Value, expires: Int64, record: [UInt8])] = [:]
    private(set) var read = 0

    init(now: Instant) { self.now = now }

    var values: [Value] { entries.values.map(\.value) }

    mutating func take(_ record: [UInt8]) {
        read += 1
        guard let fields = RecordFields.fields(of: record), let last = fields.last,
            let expires = Int64(String(decoding: last, as: UTF8.self)),
            var value = Value(fields: fields.dropLast(), now: now)
        else { return }
        value.expires = now + .seconds(min(max(0, expires - wall), 1 << 24))
        entries[value.key] = expires > wall ? (value, expires, record) : nil
    }
}

/// Records as a length and octets for each field.
enum RecordFields {
    static func octets(_ fields: [[UInt8]]) -> [UInt8] {
        fields.reduce(into: []) { octets, field in
            let count = min(field.count, Int(UInt16.max))
            octets += [UInt8(count >> 8), UInt8(count & 0xff)] + field.prefix(count)
        }
    }

    static func fields(of record: [UInt8]) -> [[UInt8]]? {
        var fields: [[UInt8]] = []
        var rest = record[...]
        while rest.count >= 2 {
            let count = Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1])
            rest = rest.dropFirst(2)
            guard rest.count >= count else { return nil }
            fields.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        return fields
    }
}

enum WallClock {
    static var seconds: Int64 { Int64(time(nil)) }
}
