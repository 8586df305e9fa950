import NetworkTypes
import Reactor

/// When the connections of one shard are looked at: when their deadline comes, and every so often. So traffic moves a
/// deadline without touching the queue, and entries of connections that have ended don't pile up in it.
final class StreamDeadlines {
    /// Finds a connection that has not ended.
    var connection: (UInt64) -> StreamConnection? = { _ in nil }

    private let loop: EventLoop
    private let interval: Duration
    /// By number, so that what has ended leaves nothing else behind.
    private var queue = DeadlineQueue<UInt64>()
    private var timer: Timer?

    init(on loop: EventLoop, every interval: Duration) {
        (self.loop, self.interval) = (loop, interval)
        timer = Timer(on: loop) { [unowned self] in handleTimeouts() }
    }

    /// Looks at the connection when its deadline comes, or sooner.
    func watch(_ connection: StreamConnection) {
        let next = min(connection.deadline, loop.now + interval)
        guard next < connection.scheduled else { return }
        connection.scheduled = next
        queue.schedule(connection.id, at: next)
        if let first = queue.next { timer?.schedule(at: first) }
    }

    func shrink() { queue.shrink() }

    private func handleTimeouts() {
        while let id = queue.popDue(at: loop.now) {
            guard let due = connection(id) else { continue }
            due.scheduled = .distantFuture
            due.handleTimeout()
            if connection(id) != nil { watch(due) }
        }
        if let first = queue.next { timer?.schedule(at: first) }
    }
}
