import Glibc
import OutboundProxy
import Reactor

/// The originals that are too long for a token, in memory for all shards and in a journal for the next start.
///
/// An original is kept until it has not been used for 30 days. Its use is written down once a day, so a Contact that is
/// sent again and again costs a look into a table. Where space runs out the longest unused go first.
final class DurableTokenStore: TokenStore {
    /// Days that an original is kept without being used.
    static let lifetime: UInt32 = 30

    private struct Entry {
        var original: [UInt8]
        var lastUse: UInt32
    }

    private struct Table {
        var entries: [TokenHandle: Entry] = [:]
        var octets = 0

        mutating func set(_ handle: TokenHandle, _ entry: Entry) {
            let old = entries.updateValue(entry, forKey: handle)
            octets += entry.original.count - (old?.original.count ?? 0)
        }

        /// Lets go of the longest unused until a tenth of the space is free.
        mutating func evict(limit: Int) {
            for (handle, entry) in entries.sorted(by: { $0.value.lastUse < $1.value.lastUse }) {
                guard octets > limit - limit / 10 else { return }
                entries[handle] = nil
                octets -= entry.original.count
            }
        }
    }

    private let table: Guarded<Table>
    private let journal: Journal
    private let limit: Int
    private let today: @Sendable () -> UInt32

    /// Opens the store at `path`.
    ///
    /// - Parameters:
    ///   - limit: The most octets of originals kept.
    ///   - today: The day, counted from any day; by default from 1970-01-01.
    init(
        path: String, isOwner: Bool, limit: Int = 16 << 20,
        today: @escaping @Sendable () -> UInt32 = { UInt32(truncatingIfNeeded: time(nil) / 86_400) }
    ) throws(StateError) {
        var table = Table()
        var records = 0
        let oldest = today().subtractingReportingOverflow(Self.lifetime)
        journal = try Journal(path: path, isOwner: isOwner) { record in
            records += 1
            guard let (handle, entry) = Self.read(record), oldest.overflow || entry.lastUse >= oldest.partialValue
            else { return }
            table.set(handle, entry)
        }
        if table.octets > limit { table.evict(limit: limit) }
        let needsCompaction = records > table.entries.count || journal.damaged > 0
        self.limit = limit
        self.today = today
        self.table = Guarded(table)
        if needsCompaction { compact() }
    }

    /// How many originals are kept.
    var count: Int { table.withLock { $0.entries.count } }

    /// What the disk has to complain about.
    var trouble: (failure: StateError?, dropped: Int) { journal.trouble }

    func keep(_ original: [UInt8], under handle: TokenHandle) {
        let day = today()
        let isNew = table.withLock { table in
            if table.entries[handle]?.lastUse == day { return false }
            let entry = Entry(original: original, lastUse: day)
            table.set(handle, entry)
            if table.octets > limit { table.evict(limit: limit) }
            return true
        }
        guard isNew else { return }
        journal.append(Self.record(handle, Entry(original: original, lastUse: day)))
        if journal.wantsCompaction { compact() }
    }

    func original(under handle: TokenHandle) -> [UInt8]? { table.withLock { $0.entries[handle]?.original } }

    /// Waits until everything is on the disk.
    func flush() { journal.flush() }

    private func compact() {
        journal.compact {
            let entries = self.table.withLock { $0.entries }
            return entries.map { Self.record($0.key, $0.value) }
        }
    }

    // MARK: Records: `day | handle | original`

    private static func record(_ handle: TokenHandle, _ entry: Entry) -> [UInt8] {
        let day = stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: entry.lastUse >> $0) }
        return day + handle.octets + entry.original
    }

    private static func read(_ record: [UInt8]) -> (TokenHandle, Entry)? {
        let day = record.prefix(4)
        let handle = record.dropFirst(4).prefix(TokenHandle.length)
        guard day.count == 4, let handle = TokenHandle(handle) else { return nil }
        let lastUse = day.reduce(0) { $0 << 8 | UInt32($1) }
        return (handle, Entry(original: Array(record.dropFirst(4 + TokenHandle.length)), lastUse: lastUse))
    }
}
