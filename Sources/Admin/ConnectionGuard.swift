import CEvent
import Glibc
import NetworkTypes
import Reactor

/// Keeps the number and the age of the admin server's connections bounded (security 33).
///
/// evhttp has no limit of its own and tells nobody when a connection that never sent a request is gone. So it is given
/// every `bufferevent` by us, and we keep a reference: one whose event callback is nil has been let go by evhttp. A
/// connection is ended by shutting its socket down, which evhttp takes for the peer's doing.
final class ConnectionGuard {
    private struct Connection {
        let stream: OpaquePointer
        let openedAt: Instant
        var isEnded = false

        /// evhttp frees the stream, and closes the descriptor, in the same call that clears its callbacks.
        var isReleased: Bool {
            var event: bufferevent_event_cb?
            bufferevent_getcb(stream, nil, nil, &event, nil)
            return event == nil
        }
    }

    private let limits: AdminLimits
    private let loop: EventLoop
    /// Oldest first.
    private var connections: [Connection] = []

    init(_ limits: AdminLimits, on loop: EventLoop) {
        self.limits = limits
        self.loop = loop
    }

    deinit {
        for connection in connections { bufferevent_decref(connection.stream) }
    }

    /// Connections that evhttp holds.
    var count: Int {
        sweep()
        return connections.count
    }

    /// The stream of a connection that was just accepted.
    func open() -> OpaquePointer? {
        sweep()
        if connections.lazy.filter({ !$0.isEnded }).count >= limits.connections { endOldest() }
        guard let stream = bufferevent_socket_new(loop.base, -1, 0) else { return nil }
        bufferevent_incref(stream)
        connections.append(Connection(stream: stream, openedAt: loop.now))
        return stream
    }

    /// Forgets what evhttp has released and ends what is too old.
    func sweep() {
        connections.removeAll { connection in
            guard connection.isReleased else { return false }
            bufferevent_decref(connection.stream)
            return true
        }
        let oldest = loop.now + .zero - limits.lifetime
        for index in connections.indices where connections[index].openedAt < oldest { end(index) }
    }

    private func endOldest() {
        if let index = connections.firstIndex(where: { !$0.isEnded }) { end(index) }
    }

    private func end(_ index: Int) {
        guard !connections[index].isEnded else { return }
        connections[index].isEnded = true
        let descriptor = bufferevent_getfd(connections[index].stream)
        if descriptor >= 0 { shutdown(descriptor, Int32(SHUT_RDWR)) }
    }
}

extension Instant {
    fileprivate static func - (instant: Instant, duration: Duration) -> Instant {
        Instant(nanoseconds: instant.nanoseconds &- duration.nanoseconds)
    }
}
