import NetworkTypes
import Reactor

/// How many connections there are, in all and from each source: counted for all shards together, since the kernel
/// spreads the connections of one source over them.
final class ConnectionCensus: Sendable {
    struct Limits: Sendable {
        var connections = 10_000
        var perSource = 100
        /// TLS handshakes that are not over yet: of all, and of one stranger (security 33).
        var handshakes = 1000
        var handshakesPerSource = 20
    }

    enum Verdict { case taken, tooMany, tooManyFromSource }

    private struct State: Sendable {
        var total = 0
        var bySource: [UInt64: Int] = [:]
        var handshakes = 0
        var handshakesBySource: [UInt64: Int] = [:]
    }

    private let limits: Limits
    private let state = Guarded(State())

    init(_ limits: Limits) { self.limits = limits }

    /// Counts a connection from `source` in, if there is room for it. Strangers leave an eighth of the room to others.
    func admit(_ source: IPAddress, isKnown: Bool) -> Verdict {
        state.withLock { state in
            let room = isKnown ? limits.connections : limits.connections - limits.connections / 8
            guard state.total < max(room, 1) else { return .tooMany }
            let key = Self.key(source)
            guard isKnown || state.bySource[key, default: 0] < limits.perSource else { return .tooManyFromSource }
            state.total += 1
            state.bySource[key, default: 0] += 1
            return .taken
        }
    }

    /// Counts a connection in that we open: those are as many as we have next hops.
    func add(_ peer: IPAddress) {
        state.withLock { state in
            state.total += 1
            state.bySource[Self.key(peer), default: 0] += 1
        }
    }

    func remove(_ peer: IPAddress) {
        state.withLock { state in
            let key = Self.key(peer)
            state.total -= 1
            guard let count = state.bySource[key] else { return }
            state.bySource[key] = count > 1 ? count - 1 : nil
        }
    }

    // MARK: Handshakes

    /// Counts a handshake in that a peer begins, if there is room for it. Strangers leave an eighth of the room to others.
    func beginHandshake(_ peer: IPAddress, isKnown: Bool) -> Bool {
        state.withLock { state in
            let room = isKnown ? limits.handshakes : limits.handshakes - limits.handshakes / 8
            let key = Self.key(peer)
            guard state.handshakes < max(room, 1),
                isKnown || state.handshakesBySource[key, default: 0] < limits.handshakesPerSource
            else { return false }
            state.handshakes += 1
            state.handshakesBySource[key, default: 0] += 1
            return true
        }
    }

    func endHandshake(_ peer: IPAddress) {
        state.withLock { state in
            let key = Self.key(peer)
            state.handshakes -= 1
            guard let count = state.handshakesBySource[key] else { return }
            state.handshakesBySource[key] = count > 1 ? count - 1 : nil
        }
    }

    /// A network of IPv6 hosts counts as one source: each of them has addresses without end.
    private static func key(_ source: IPAddress) -> UInt64 { source.family == .v6 ? source.high : source.low }
}
