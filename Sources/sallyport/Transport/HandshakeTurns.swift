import Reactor

/// Lets few TLS handshakes compute in one turn of the loop; the others wait for a later one, so that other work comes
/// in between.
final class HandshakeTurns {
    private let limit: Int
    private var begun = 0
    /// Those that had no time in their turn, the first first.
    private var delayed: [StreamConnection] = []
    private var timer: Timer?

    init(limit: Int, on loop: EventLoop) {
        self.limit = limit
        timer = Timer(on: loop) { [unowned self] in resume() }
    }

    /// Whether the connection's handshake may compute now; if not, it is resumed in a later turn.
    func takeTurn(_ connection: StreamConnection) -> Bool {
        if begun < limit {
            begun += 1
            return true
        }
        delayed.append(connection)
        if timer?.deadline == nil { timer?.schedule(after: .zero) }
        return false
    }

    func turnEnded() { begun = 0 }

    private func resume() {
        let next = delayed.prefix(max(1, limit - begun))
        delayed.removeFirst(next.count)
        begun += next.count
        for connection in next { connection.resumeHandshake() }
        if !delayed.isEmpty { timer?.schedule(after: .zero) }
    }
}
