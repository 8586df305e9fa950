import DTLS
import NetworkTypes

/// What a core wants its driver to do, in order, and when its streams want to be woken.
final class RelayAgenda {
    /// Our certificate; nil where there are no DTLS associations.
    let identity: DTLSIdentity?
    private var effects: [RelayEffect] = []
    private var nextIndex = 0
    private var wakes = DeadlineQueue<RelayStreamID>()

    init(_ identity: DTLSIdentity?) { self.identity = identity }

    func append(_ effect: RelayEffect) { effects.append(effect) }

    /// The next effect; nil when all are taken.
    func nextEffect() -> RelayEffect? {
        guard nextIndex < effects.count else {
            effects.removeAll(keepingCapacity: effects.count < 256)
            nextIndex = 0
            return nil
        }
        nextIndex += 1
        return effects[nextIndex - 1]
    }

    func wake(_ stream: RelayStreamID, at deadline: Instant) { wakes.schedule(stream, at: deadline) }

    var nextWake: Instant? { wakes.next }

    func popWake(at now: Instant) -> RelayStreamID? { wakes.popDue(at: now) }

    func shrink() { wakes.shrink() }
}
