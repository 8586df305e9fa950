import Glibc
import NetworkTypes
import Reactor
import Testing

@Suite("Memory of the loop's records")
struct EventMemoryTests {
    @Test("thousands of descriptors come and go, on several loops at once")
    func manyDescriptors() throws {
        let threads = try (0..<3).map { number in
            try LoopThread.start(name: "memory-\(number)") { loop in try Churn(on: loop) }
        }
        for thread in threads { thread.join() }
    }

    /// Watches sockets in waves, so that records are made, and used again by other sockets of the same number.
    private final class Churn {
        init(on loop: EventLoop) throws {
            for count in [10, 300, 50, 300] {
                let sockets = try (0..<count).map { _ in try UDPSocket(binding: anyLoopbackPort(.v4)) }
                var received = 0
                let batch = PacketBatch(capacity: 4)
                for socket in sockets {
                    try socket.onReadable(loop) { [unowned socket] in
                        received += (try? batch.receive(from: socket)) ?? 0
                        if received == count { loop.stop() }
                    }
                }
                for (from, to) in zip(sockets, sockets.reversed()) { sendPlainly([1], from: from, to: to.localAddress) }
                loop.run()
                #expect(received == count)
            }
            loop.stop()
        }
    }
}
