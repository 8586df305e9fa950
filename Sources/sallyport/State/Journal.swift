import Dispatch
import Glibc
import Reactor

/// A file of records that is only ever appended to, and now and then written anew with what still counts.
///
/// The owner keeps what the records say in memory, by some key, where a later record of a key takes the place of an
/// earlier one: after a compaction a record may stand in the file twice. Nobody waits for the disk: a queue of its own
/// writes what has gathered, and asks the disk to keep it.
final class Journal: Sendable {
    /// More than this is not waited for: a disk that is that far behind is broken.
    private static let pendingLimit = 8 << 20
    /// A file below this size is not worth a compaction.
    private static let smallSize = 1 << 20
    private static let readLimit = 1 << 30

    private struct Pending {
        var lines: [UInt8] = []
        var snapshot: (@Sendable () -> [[UInt8]])?
        var isScheduled = false
        var size: Int
        var compactedSize: Int
        var dropped = 0
        var failure: StateError?
    }

    let path: String
    /// How many lines could not be read when the journal was opened.
    let damaged: Int
    private let isOwner: Bool
    private let pending: Guarded<Pending>
    private let file: Guarded<File>
    private let queue = DispatchQueue(label: "journal")

    /// Opens the journal at `path`, makes it where there is none, and hands over every whole record in order.
    ///
    /// - Parameter isOwner: Whether no other process has the journal open, so that it may be compacted.
    init(path: String, isOwner: Bool, replay: ([UInt8]) -> Void) throws(StateError) {
        self.path = path
        self.isOwner = isOwner
        let file = try File(path, O_RDWR | O_CREAT | O_APPEND)
        let text = try file.contents(limit: Self.readLimit)
        guard let read = JournalFormat.records(in: text) else { throw StateError(path, "is not a journal of ours") }
        if text.count < JournalFormat.header.count {
            try file.write(Array(JournalFormat.header.dropFirst(text.count)))
        } else if text.last != UInt8(ascii: "\n") {
            try file.write([UInt8(ascii: "\n")])
        }
        for record in read.records { replay(record) }
        damaged = read.damaged
        self.file = Guarded(file)
        pending = Guarded(Pending(size: text.count, compactedSize: 0))
    }

    /// What the disk said when it last refused something, and how many records were lost for want of room.
    var trouble: (failure: StateError?, dropped: Int) { pending.withLock { ($0.failure, $0.dropped) } }

    /// Whether the file has grown far beyond what the last compaction left.
    var wantsCompaction: Bool {
        pending.withLock { isOwner && $0.snapshot == nil && $0.size > max(Self.smallSize, 4 * $0.compactedSize) }
    }

    /// Adds a record and returns at once.
    func append(_ record: [UInt8]) {
        change { pending in
            guard pending.lines.count < Self.pendingLimit else {
                pending.dropped += 1
                return
            }
            JournalFormat.appendLine(record, to: &pending.lines)
        }
    }

    /// Writes the file anew with what `snapshot` returns, and returns at once. The snapshot is taken on another thread
    /// and must hold whatever was appended before that moment. Only the owner of the file may; for others it is nothing.
    func compact(_ snapshot: @escaping @Sendable () -> [[UInt8]]) {
        guard isOwner else { return }
        change { $0.snapshot = snapshot }
    }

    /// Waits until everything is on the disk.
    func flush() { queue.sync { write() } }

    private func change(_ body: (inout Pending) -> Void) {
        let isFirst = pending.withLock { pending in
            body(&pending)
            defer { pending.isScheduled = true }
            return !pending.isScheduled
        }
        if isFirst { queue.async { self.write() } }
    }

    // MARK: On the queue

    private func write() {
        let (lines, snapshot) = pending.withLock { pending in
            defer { (pending.lines, pending.snapshot, pending.isScheduled) = ([], nil, false) }
            return (pending.lines, pending.snapshot)
        }
        if let snapshot, attempt({ () throws(StateError) in try replace(with: snapshot()) }) { return }
        guard !lines.isEmpty else { return }
        _ = attempt { () throws(StateError) in try extend(with: lines) }
    }

    /// Remembers what went wrong; false when something did.
    private func attempt(_ body: () throws(StateError) -> Void) -> Bool {
        do throws(StateError) {
            try body()
            return true
        } catch {
            pending.withLock { $0.failure = error }
            return false
        }
    }

    private func extend(with lines: [UInt8]) throws(StateError) {
        try file.withLock { (file) throws(StateError) in
            do throws(StateError) {
                try file.write(lines)
            } catch {
                // Part of a line may stand there: what comes next must not continue it.
                try? file.write([UInt8(ascii: "\n")])
                throw error
            }
            try file.synchronize()
        }
        pending.withLock { $0.size += lines.count }
    }

    private func replace(with records: [[UInt8]]) throws(StateError) {
        var text = JournalFormat.header
        for record in records { JournalFormat.appendLine(record, to: &text) }
        // Nobody else writes meanwhile: only the queue does.
        let path = path
        try file.withLock { (file) throws(StateError) in file = try File.replace(path, with: text) }
        pending.withLock { ($0.size, $0.compactedSize) = (text.count, text.count) }
    }
}
