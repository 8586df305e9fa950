import Admin
import NetworkTypes
import Reactor

/// An admin server on a thread of its own.
final class RunningServer: Sendable {
    let address: SocketAddress
    private let thread: LoopThread

    private final class Bound: Sendable {
        let address = Guarded(SocketAddress(.unspecified(.v4), 0))
    }

    /// `build` adds routes on the loop's thread; what it returns is kept with the server.
    init(
        limits: AdminLimits = AdminLimits(),
        _ build: @escaping @Sendable (AdminServer, EventLoop) -> AnyObject? = { _, _ in nil }
    ) throws {
        let bound = Bound()
        thread = try LoopThread.start(name: "admin-test") { loop in
            let server = try AdminServer(on: loop, listen: SocketAddress(IPAddress(v4: 0x7f00_0001), 0), limits: limits)
            server.route("/ok") { _, reply in reply.send("ok\n") }
            server.route("/connections") { [unowned server] _, reply in reply.send("\(server.connections)") }
            bound.address.withLock { $0 = server.address }
            return (server, build(server, loop))
        }
        address = bound.address.withLock { $0 }
    }

    deinit { stop() }

    func stop() {
        thread.stop()
        thread.join()
    }

    func text(_ target: String) throws -> String {
        String(decoding: try AdminClient(address, timeoutSeconds: 8).page(target), as: UTF8.self)
    }

    /// What the server says to these octets until it closes.
    func exchange(_ request: String) throws -> String {
        let connection = try RawConnection(address)
        connection.send(request)
        return connection.readToEnd()
    }
}

/// Answers that are given later, kept by a test.
final class HeldReplies {
    private var replies: [AdminReply] = []
    private var timer: Timer?

    func hold(_ reply: AdminReply) { replies.append(reply) }

    /// Answers all that are held, after `delay`.
    func answer(_ text: String, after delay: Duration, on loop: EventLoop) {
        timer = Timer(on: loop) { [unowned self] in
            for reply in replies { reply.send(text) }
            replies.removeAll()
        }
        timer?.schedule(after: delay)
    }
}
