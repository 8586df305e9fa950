import Dispatch
import Glibc
import NetworkTypes
import Reactor

/// Writes log lines on a queue of its own: a reader of standard error that has stalled holds up no call.
///
/// What waits is bounded; lines beyond that are lost, and how many were is the next thing that is written.
final class LogWriter: Sendable {
    static let standardError = LogWriter(descriptor: STDERR_FILENO)

    private struct Pending {
        var octets: [UInt8] = []
        var lost = 0
        var isScheduled = false
        /// The descriptor took part of a line last.
        var isWithinLine = false
    }

    /// The most octets that wait.
    private let limit: Int
    private let descriptor: Guarded<Int32>
    /// What is written where lines were lost.
    private let notice: @Sendable (_ lost: Int) -> String
    private let queue = DispatchQueue(label: "log")
    private let pending = Guarded(Pending())

    init(
        descriptor: Int32, limit: Int = 1 << 20,
        notice: @escaping @Sendable (Int) -> String = { "lost \($0) lines: they were not read fast enough\n" }
    ) {
        self.descriptor = Guarded(descriptor)
        self.limit = limit
        self.notice = notice
    }

    /// Goes on with another descriptor, once what waits is written, and closes the one before.
    func change(to next: Int32) {
        queue.async { [self] in
            let old = descriptor.withLock { descriptor in
                defer { descriptor = next }
                return descriptor
            }
            pending.withLock { $0.isWithinLine = false }
            Glibc.close(old)
        }
    }

    /// Leaves a line, and returns at once.
    func write(_ line: [UInt8]) {
        let mustSchedule = pending.withLock { pending in
            guard pending.octets.count + line.count <= limit else {
                pending.lost += 1
                return false
            }
            pending.octets += line
            defer { pending.isScheduled = true }
            return !pending.isScheduled
        }
        if mustSchedule { queue.async { [self] in drain() } }
    }

    /// Waits until everything is written, but not for ever; whether it is.
    @discardableResult
    func flush(within patience: Duration = .seconds(1)) -> Bool {
        let done = DispatchSemaphore(value: 0)
        queue.async { done.signal() }
        return done.wait(timeout: .now() + patience.seconds) == .success
    }

    /// Writes what waits, down to the disk, and closes the descriptor; false where that takes longer, or where lines are
    /// lost and the descriptor does not even take that.
    func close(within patience: Duration) -> Bool {
        queue.async { [self] in fsync(descriptor.withLock { $0 }) }
        change(to: -1)
        return flush(within: patience) && pending.withLock { $0.lost } == 0
    }

    private func drain() {
        while true {
            let (octets, lost) = pending.withLock { pending in
                pending.isScheduled = !pending.octets.isEmpty
                guard pending.isScheduled else { return ([UInt8](), 0) }
                defer { (pending.octets, pending.lost) = ([], 0) }
                return (pending.octets, pending.lost)
            }
            if octets.isEmpty { return }
            let all = lost + put(octets)
            // Where even that is not taken it is said later.
            if all > 0, put(Array(notice(all).utf8)) > 0 { pending.withLock { $0.lost += all } }
        }
    }

    /// What the descriptor does not take (a full disk) is lost; a line that was cut off ends before the next. How many
    /// lines were lost.
    private func put(_ lines: [UInt8]) -> Int {
        let descriptor = descriptor.withLock { $0 }
        let start: [UInt8] = pending.withLock { $0.isWithinLine } ? [10] : []
        let octets = start + lines
        var written = 0
        while written < octets.count {
            let count = octets[written...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            written += count
        }
        if written > 0 { pending.withLock { $0.isWithinLine = octets[written - 1] != 10 } }
        return octets[max(written, start.count)...].count { $0 == 10 }
    }
}
