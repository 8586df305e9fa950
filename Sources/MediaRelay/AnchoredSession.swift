import NetworkTypes

/// The control half of a relay session: what its dialog has negotiated and what is being negotiated.
final class AnchoredSession {
    /// Our end of one leg.
    struct Leg: Hashable {
        let side: Side
        let local: IPAddress
    }

    /// Offers that may be open at a time: an early dialog of each fork, and glare.
    static let maximumExchanges = 16

    let id: RelaySessionID
    let caller: MediaPeer
    let callee: MediaPeer
    let isEmergency: Bool
    /// Our ends, from the first offer on.
    var legs: Legs?

    /// The streams in use, by the number of their media description.
    var media: [AnchoredMedia?] = []
    var exchanges: [Exchange] = []
    /// The fork whose 2xx came.
    var confirmedFork: UInt32?
    /// The silence that the worker was last told to watch for.
    var watched: Duration?
    var ownKeys = OwnKeys()
    var ownICE = OwnICE()
    /// Whether it was told already that a stream of the session is not anchored.
    var hasToldUnanchored = false
    /// The peers that were told somebody else's address, and send their media there.
    var isDirect = PerEnd<Bool>()
    /// The types of media that were secure on a leg of the confirmed dialog.
    private var secureTypes = PerEnd<Set<String>>()
    private var lastGeneration: UInt32 = 0
    private var nextStream: UInt16 = 0

    init(_ id: RelaySessionID, caller: MediaPeer, callee: MediaPeer, isEmergency: Bool = false) {
        self.isEmergency = isEmergency
        self.id = id
        self.caller = caller
        self.callee = callee
    }

    /// Whether any stream was ever opened, so that a worker knows the session.
    var wasOpened: Bool { nextStream > 0 }

    /// Whether a stream is open. Legs keep their addresses while one is.
    var isOpen: Bool { media.contains { $0 != nil } || exchanges.contains { $0.lines.contains { $0.media != nil } } }

    /// Every stream, in use or proposed, once.
    var allMedia: [AnchoredMedia] {
        var all = media.compactMap { $0 }
        for exchange in exchanges {
            for line in exchange.lines {
                if let proposed = line.media, !all.contains(where: { $0 === proposed }) { all.append(proposed) }
            }
        }
        return all
    }

    func media(at index: Int) -> AnchoredMedia? { media.indices.contains(index) ? media[index] : nil }

    /// Whether a stream was secure on the leg that faces `end`, now or before.
    func wasSecure(
        _ type: @autoclosure () -> String, at index: Int, facing end: LegEnd, _ fork: UInt32
    ) -> Bool {
        if let media = media(at: index), let place = media.index(of: fork),
            media.branches[place].isSecure(facing: end), media.kind.type == type()
        {
            return true
        }
        return secureTypes[end]?.contains(type()) ?? false
    }

    /// Notes what is secure in the confirmed dialog.
    func noteSecurity() {
        guard confirmedFork != nil else { return }
        for media in media.compactMap({ $0 }) {
            for end in LegEnd.allCases where media.branches[0].isSecure(facing: end) {
                secureTypes[end] = (secureTypes[end] ?? []).union([media.kind.type])
            }
        }
    }

    /// Keys and names of ours on a leg that is gone are not for the next one on its port.
    func forgetOwn(_ sockets: LegSockets) {
        ownKeys.forget(sockets.rtp.local)
        ownICE.forget(sockets.rtp.local)
    }

    /// Removes every mention of a stream.
    func forget(_ closed: AnchoredMedia) {
        for index in media.indices where media[index] === closed { media[index] = nil }
        for exchange in exchanges.indices {
            for line in exchanges[exchange].lines.indices where exchanges[exchange].lines[line].media === closed {
                exchanges[exchange].lines[line].media = nil
            }
        }
    }

    /// The index of the exchange with this number among the latest.
    func index(of exchange: UInt64) -> Int? { exchanges.lastIndex { $0.id == exchange } }

    func newGeneration() -> UInt32 {
        lastGeneration &+= 1
        return lastGeneration
    }

    /// A number for a new stream; nil when a session has used them all up.
    func newStream() -> RelayStreamID? {
        guard nextStream < .max else { return nil }
        defer { nextStream += 1 }
        return RelayStreamID(session: id, index: nextStream)
    }
}
