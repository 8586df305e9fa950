import NetworkTypes
import Synchronization

/// Who is behind the media ports that the inside knows, of all shards: the peers outside that may be told of each other
/// where `media.direct_media` is on.
///
/// Only anchors touch it, when an offer or an answer has been settled: never a packet.
public final class FarEnds: Sendable {
    /// A peer outside whose media needs no relay to be reached.
    struct FarEnd {
        let rtp: SocketAddress
        /// Whether somebody else was told to send there.
        var isTold = false
    }

    private let ends = Mutex<[SocketAddress: FarEnd]>([:])

    public init() {}

    /// The peer behind a port of ours; nil where there is none, or none that others may be told of.
    subscript(local: SocketAddress) -> FarEnd? { ends.withLock { $0[local] } }

    /// Says who is behind a port of ours. That somebody was told of him stays known while he stays where he is.
    func set(_ rtp: SocketAddress?, behind local: SocketAddress) {
        ends.withLock { ends in
            if let rtp, ends[local]?.rtp == rtp { return }
            ends[local] = rtp.map { FarEnd(rtp: $0) }
        }
    }

    func noteTold(_ local: SocketAddress) { ends.withLock { $0[local]?.isTold = true } }
}
