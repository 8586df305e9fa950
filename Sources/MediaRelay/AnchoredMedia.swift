import NetworkTypes
import RTP
import SDP

/// Our sockets for one media description of a session: a callee's leg that all forks share, and a caller's leg of each
/// fork. INVITEs fork on the way to the callee, so the callees' leg is the shared one whichever end made the offer.
final class AnchoredMedia {
    /// One early dialog's stream, or the confirmed dialog's.
    struct Branch {
        var fork: UInt32
        let stream: RelayStreamID
        /// The leg that the caller sends to.
        let own: LegSockets
        /// What was committed about the two peers.
        var remotes = PerEnd<LegRemote>()
        /// The generations that the worker has prepared and not committed.
        var prepared = PerEnd<UInt32>()
        /// What was agreed on with the two peers about profiles and keys.
        var faces = PerEnd<LegFace>()
        /// What the worker was told of the peers' payload types.
        var formats = PerEnd<[PayloadFormat]>()
        /// Whether the peers look for a way by ICE.
        var usesICE = PerEnd<Bool>()
        /// Whether the last exchange put the stream on hold.
        var isHeld = false
        /// Whether the answer refused the stream.
        var isRejected = false

        func isSecure(facing end: LegEnd) -> Bool { remotes[end].map { $0.security != .plain } ?? false }

        var isCommitted: Bool { remotes.caller != nil && remotes.callee != nil && !isRejected }
    }

    /// What has to stay the same for the sockets to be kept (RFC 3264 §8.3.2, §8.3.3).
    struct Kind: Hashable {
        let type: String
        let isOpaque: Bool
    }

    /// The most forks of one INVITE that get media.
    static let maximumBranches = 16

    let kind: Kind
    /// The leg that the callees send to.
    let shared: LegSockets
    /// At least one: the first was opened with the stream.
    var branches: [Branch]

    init(_ kind: Kind, shared: LegSockets, first: Branch) {
        self.kind = kind
        self.shared = shared
        branches = [first]
    }

    func index(of fork: UInt32) -> Int? { branches.firstIndex { $0.fork == fork } }

    /// Our RTP address on the leg that faces `end`, of a branch or of the first.
    func local(facing end: LegEnd, _ branch: Branch? = nil) -> SocketAddress {
        end == .callee ? shared.rtp.local : (branch ?? branches[0]).own.rtp.local
    }
}

/// Something that each end of a session may have.
struct PerEnd<Value> {
    var caller: Value?
    var callee: Value?

    subscript(end: LegEnd) -> Value? {
        get { end == .caller ? caller : callee }
        set { if end == .caller { caller = newValue } else { callee = newValue } }
    }
}
