import CBench
import CShims
import Glibc
import NetworkTypes

/// Waits for readable sockets (epoll, with timeouts finer than a millisecond).
final class Poller {
    private let descriptor: Int32
    private let tokens = UnsafeMutablePointer<UInt64>.allocate(capacity: Poller.capacity)
    private static let capacity = 128

    init() throws(SystemError) {
        descriptor = CBench_poll_create()
        if descriptor < 0 { throw SystemError(code: -descriptor, doing: "create an epoll descriptor") }
    }

    deinit {
        close(descriptor)
        tokens.deallocate()
    }

    func watch(_ socket: UDPSocket, token: UInt64) throws(SystemError) {
        let result = CBench_poll_add(descriptor, socket.descriptor, token)
        if result < 0 { throw SystemError(code: -result, doing: "watch a socket") }
    }

    /// Waits until `deadline` or until sockets are readable, and gives their tokens.
    func wait(until deadline: Instant, from now: Instant) -> UnsafeBufferPointer<UInt64> {
        let longest: Int64 = 100_000_000
        let timeout = min(max(0, (deadline - now).nanoseconds), longest)
        let count = CBench_poll_wait(descriptor, tokens, Int32(Self.capacity), timeout)
        return UnsafeBufferPointer(start: tokens, count: max(0, Int(count)))
    }
}

extension Instant {
    static var now: Instant { Instant(nanoseconds: CShims_monotonic_nanoseconds()) }
}
