import NetworkTypes
import RTP
import SDP

/// One offer/answer exchange of a session (RFC 3264), from its offer until a later one has made it history.
struct Exchange {
    /// One media description of the offer.
    struct Line {
        /// The stream that carries it; nil where the offer has port 0 or a transport that is not relayed.
        var media: AnchoredMedia?
        /// Whether the line crosses as it is (``MediaDescription/isLeftAlone``).
        var isLeftAlone = false
        /// Whether the stream was opened for this offer.
        var isProposed = false
        /// What it says about the offerer.
        var remote: LegRemote?
        /// The profile that the offerer offered, and the line with its keys that is taken up.
        var profile: RTPProfile?
        var crypto: CryptoAttribute?
        /// What the offerer says about its ICE agent.
        var ice: PeerICE?
        /// The other kind of keying that is taken up: what it says of its end, and what becomes of it.
        var identity: TransportIdentity?
        var dtls: OfferedAssociation?
        /// Whether it wants RTCP on the port of RTP.
        var isMultiplexed = false
        /// What the offer says on the other leg.
        var face = LegFace()
        var isHeld = false
        /// What the offerer's payload types stand for.
        var formats: [PayloadFormat] = []
        /// What was committed before, for the case that the exchange fails after a provisional answer.
        var previous: AnchoredMedia.Branch?

        var hasKeys: Bool { crypto != nil || identity != nil }
    }

    let id: UInt64
    let offerer: LegEnd
    let generation: UInt32
    /// The early dialog that the offer belongs to.
    let fork: UInt32
    /// Whether the offer was made before the dialog was confirmed, so that several forks may answer.
    let isEarly: Bool
    var lines: [Line]
    /// What the offer said instead of our address, and whether the offerer uses ICE.
    var direct: DirectMedia?
    var usesICE = false
    /// Who was told somebody else's address before, for the case that the exchange fails after a provisional answer.
    var previouslyDirect: PerEnd<Bool>?
    /// The forks that have answered.
    var answered: [UInt32] = []

    var isAnswered: Bool { !answered.isEmpty }

    subscript(media index: Int) -> Line? { lines.indices.contains(index) ? lines[index] : nil }
}
