import NetworkTypes
import SRTP

/// The contexts of one media leg, one for each key and direction, shared by all forks.
///
/// A key that comes back finds its context as it was: neither does a roll-over counter start anew, nor is an index used
/// twice. More keys than can be in use at a time are remembered: an exchange may go back to those of the one before,
/// and there are at most ``AnchoredSession/maximumExchanges`` of them.
final class LegContexts {
    private static let capacity = 2 * AnchoredSession.maximumExchanges

    private var sending: [(keys: KeyingMaterial, context: SRTPContext)] = []
    private var receiving: [(keys: KeyingMaterial, context: SRTPContext)] = []

    /// The context for a key; nil if the library makes none.
    func context(_ keys: KeyingMaterial, _ direction: SRTPContext.Direction) -> SRTPContext? {
        direction == .sending ? Self.find(keys, .sending, in: &sending) : Self.find(keys, .receiving, in: &receiving)
    }

    private static func find(
        _ keys: KeyingMaterial, _ direction: SRTPContext.Direction,
        in known: inout [(keys: KeyingMaterial, context: SRTPContext)]
    ) -> SRTPContext? {
        if let index = known.firstIndex(where: { $0.keys == keys }) {
            let entry = known.remove(at: index)
            known.append(entry)
            return entry.context
        }
        guard let context = try? SRTPContext(keys, direction) else { return nil }
        if known.count == capacity { known.removeFirst() }
        known.append((keys, context))
        return context
    }
}
