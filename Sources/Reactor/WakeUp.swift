import CShims
import Glibc

/// An eventfd: a descriptor that one thread makes readable and another waits for. Closed with the object.
final class WakeUp: Sendable {
    enum Kind {
        /// For a loop: reading it takes all that was signalled at once, and never waits.
        case polled
        /// For plain threads: each ``wait()`` takes one signal, and waits for it.
        case awaited
    }

    let descriptor: Int32

    init(_ kind: Kind) throws(SystemError) {
        descriptor = CShims_eventfd(kind == .polled ? 1 : 0, kind == .awaited ? 1 : 0)
        if descriptor < 0 { throw .last("eventfd") }
    }

    deinit { close(descriptor) }

    /// Makes the descriptor readable. It can't fail: the counter would have to pass 2^64.
    func signal() {
        var one: UInt64 = 1
        while write(descriptor, &one, 8) < 0, errno == EINTR {}
    }

    /// Takes what was signalled; on an awaited one, waits for a signal.
    func wait() {
        var count: UInt64 = 0
        while read(descriptor, &count, 8) < 0, errno == EINTR {}
    }
}
