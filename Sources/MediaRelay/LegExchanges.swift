import DTLS
import NetworkTypes

/// The key exchanges of one end of a stream, by what signalling said: one on the RTP port, and one on the RTCP port unless
/// that is the same (RFC 5764 §4.2).
///
/// Of those that signalling has left the keys are remembered for a while, since an exchange of offers may fail after it
/// was answered.
final class LegExchanges {
    private struct Entry {
        let media: KeyExchange
        var control: KeyExchange?
    }

    private static let capacity = 4

    private let identity: DTLSIdentity?
    private var known: [Entry] = []
    private(set) var media: KeyExchange?
    private(set) var control: KeyExchange?

    init(_ identity: DTLSIdentity?) { self.identity = identity }

    /// Makes those of `security` the current ones, if it is of a kind that has any.
    func choose(_ security: LegSecurity, isMultiplexed: Bool) {
        let (lastMedia, lastControl) = (media, control)
        defer {
            if lastMedia !== media { lastMedia?.close() }
            if lastControl !== control { lastControl?.close() }
        }
        (media, control) = (nil, nil)
        guard case .dtls(let parameters) = security, let identity else { return }
        var entry = Entry(media: KeyExchange(parameters, identity))
        if let index = known.firstIndex(where: { $0.media.parameters == parameters }) {
            entry = known.remove(at: index)
        }
        if !isMultiplexed, entry.control == nil { entry.control = KeyExchange(parameters, identity) }
        if known.count == Self.capacity { known.removeFirst() }
        known.append(entry)
        (media, control) = (entry.media, isMultiplexed ? nil : entry.control)
    }

    /// The keys of RTP, as signalling said them or as they were agreed on; nil as long as there are none.
    func mediaKeys(_ security: LegSecurity) -> LegKeys? {
        switch security {
        case .plain: nil
        case .srtp(let keys): keys
        case .dtls(let parameters): entry(parameters)?.media.keys
        }
    }

    /// The keys of RTCP, on its own port if it has one.
    func controlKeys(_ security: LegSecurity, isMultiplexed: Bool) -> LegKeys? {
        guard case .dtls(let parameters) = security, !isMultiplexed else { return mediaKeys(security) }
        return entry(parameters)?.control?.keys
    }

    private func entry(_ parameters: DTLSParameters) -> Entry? { known.last { $0.media.parameters == parameters } }
}
