import NetworkTypes
import SRTP

/// The contexts of one media leg, one for each key and direction, shared by all forks.
///
/// A key that comes back finds its context as it was: neither does a roll-over counter start anew, nor is an index used
/// twice. Contexts in use are never forgotten, and of others more are remembered than an exchange could go back to:
/// there are at most ``AnchoredSession/maximumExchanges``.
final class LegContexts {
    private static let capacity = 2 * AnchoredSession.maximumExchanges

    private var sending: [(keys: KeyingMaterial, context: SRTPContext)] = []
    private var receiving: [(keys: KeyingMaterial, context: SRTPContext)] = []

    /// The context for a key; nil if the library makes none.
    func context(_ keys: KeyingMaterial, _ direction: SRTPContext.Direction) -> SRTPContext? {
        direction == .sending ? Self.find(keys, .sending, in: &sending) : Self.find(keys, .receiving, in: &receiving)
    }

    private static func isUnused(_ context: inout SRTPContext) -> Bool { isKnownUniquelyReferenced(&context) }

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
        if known.count >= capacity, let unused = known.indices.first(where: { isUnused(&known[$0].context) }) {
            known.remove(at: unused)
        }
        known.append((keys, context))
        return context
    }
}
