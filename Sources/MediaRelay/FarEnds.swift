import NetworkTypes

/// Who is behind the media ports that the inside knows, of all shards: the peers outside that may be told of each other
/// where `media.direct_media` is on.
public struct FarEnds: Sendable {
    /// A peer outside whose media needs no relay to be reached.
    struct FarEnd: Sendable {
        let rtp: SocketAddress
        /// Whether somebody else was told to send there.
        var isTold = false
    }

    private var ends: [SocketAddress: FarEnd] = [:]

    public init() {}

    /// The peer behind a port of ours; nil where there is none, or none that others may be told of.
    subscript(local: SocketAddress) -> FarEnd? { ends[local] }

    /// Says who is behind a port of ours. That somebody was told of him stays known while he stays where he is.
    mutating func set(_ rtp: SocketAddress?, behind local: SocketAddress) {
        if let rtp, ends[local]?.rtp == rtp { return }
        ends[local] = rtp.map { FarEnd(rtp: $0) }
    }

    mutating func noteTold(_ local: SocketAddress) { ends[local]?.isTold = true }
}

/// The one table of all shards, which each is alone with for a moment. Only anchors ask, when an offer or an answer is
/// being settled: never a packet.
public protocol FarEndSharing: AnyObject, Sendable {
    func withFarEnds<Result: Sendable>(_ body: (inout FarEnds) -> Result) -> Result
}

extension FarEndSharing {
    subscript(local: SocketAddress) -> FarEnds.FarEnd? { withFarEnds { $0[local] } }
    func set(_ rtp: SocketAddress?, behind local: SocketAddress) { withFarEnds { $0.set(rtp, behind: local) } }
    func noteTold(_ local: SocketAddress) { withFarEnds { $0.noteTold(local) } }
}
