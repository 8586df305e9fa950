public import NetworkTypes
public import RTP

// What the signalling side (MediaAnchor) and the packet side (RelayCore, on a worker thread) say to each other.
// All of it is values: they cross between threads in mailboxes.

/// Names the relay session of one anchored dialog, in the whole process.
public struct RelaySessionID: Hashable, Sendable {
    public let value: UInt64

    public init(_ value: UInt64) { self.value = value }
}

/// Names one stream of a relay session: one media description, and one fork of it.
public struct RelayStreamID: Hashable, Sendable {
    public let session: RelaySessionID
    public let index: UInt16

    public init(session: RelaySessionID, index: UInt16) {
        self.session = session
        self.index = index
    }
}

/// Which of the two legs of a relay stream: the one whose peer sent the initial INVITE, or the other.
public enum LegEnd: UInt8, Hashable, Sendable, CaseIterable {
    case caller, callee

    public var opposite: LegEnd { self == .caller ? .callee : .caller }
}

/// A bound socket of ours: the descriptor is owned by the relay stream from the command that opens it on.
public struct RelaySocket: Hashable, Sendable {
    public let descriptor: Int32
    public let local: SocketAddress

    public init(descriptor: Int32, local: SocketAddress) {
        self.descriptor = descriptor
        self.local = local
    }
}

/// The two sockets of a media leg: an even port for RTP, the next one for RTCP.
public struct LegSockets: Hashable, Sendable {
    public let rtp: RelaySocket
    public let rtcp: RelaySocket

    public init(rtp: RelaySocket, rtcp: RelaySocket) {
        self.rtp = rtp
        self.rtcp = rtcp
    }
}

/// What signalling says about the peer of one leg: where its packets should go and which sources are believed.
public struct LegRemote: Hashable, Sendable {
    /// Counts the offer/answer exchanges of the session; a commit names it.
    public var generation: UInt32
    /// The signalled RTP address; nil where the peer takes no media (port 0, or hold by an unspecified address).
    public var rtp: SocketAddress?
    /// The signalled RTCP address: `a=rtcp` (RFC 3605), or the RTP port plus one.
    public var rtcp: SocketAddress?
    /// Further networks whose packets are believed (`media_networks` of the trunk).
    public var networks: [IPNetwork]
    /// The SIP source address, believed for a peer behind NAT; nil otherwise.
    public var signallingAddress: IPAddress?
    /// Whether any other source may be believed provisionally (`nat: yes`, a phone).
    public var acceptsAnySource: Bool
    /// Whether our packets keep going to the signalled address whatever source was latched (a trunk without `nat`).
    public var isDestinationFixed: Bool
    /// How packets are secured, both ways.
    public var security = LegSecurity.plain
    /// Whether ``rtp`` is a media port of ours: another leg is the peer.
    public var isJoint = false
    /// Whether the peer speaks RTCP feedback (RFC 4585).
    public var hasFeedback = false
    /// What was agreed on about ICE: then checks decide which sources are believed, and where media goes.
    public var ice: ICEParameters?

    /// Whether RTP and RTCP have one port (RFC 5761).
    var isMultiplexed: Bool { ice?.isMultiplexed ?? (rtp != nil && rtp == rtcp) }

    public init(
        generation: UInt32, rtp: SocketAddress?, rtcp: SocketAddress?, networks: [IPNetwork] = [],
        signallingAddress: IPAddress? = nil, acceptsAnySource: Bool = false, isDestinationFixed: Bool = true
    ) {
        self.generation = generation
        self.rtp = rtp
        self.rtcp = rtcp
        self.networks = networks
        self.signallingAddress = signallingAddress
        self.acceptsAnySource = acceptsAnySource
        self.isDestinationFixed = isDestinationFixed
    }
}

/// What the signalling side tells the worker that owns a session.
public enum RelayCommand: Sendable {
    /// Start relaying between two legs. Opaque streams (`image/udptl`) are not read as RTP.
    case open(stream: RelayStreamID, caller: LegSockets, callee: LegSockets, isOpaque: Bool)
    /// Another answer to the same offer: the stream shares leg `shared` of stream `of`, and has the other to itself.
    case fork(stream: RelayStreamID, of: RelayStreamID, shared: LegEnd, own: LegSockets)
    /// An offer to that leg's peer names an ICE agent: its checks are answered from now on.
    case expectChecks(stream: RelayStreamID, leg: LegEnd, ICEParameters)
    /// A new remote for one leg: accepted beside the old one from now on, a destination from the commit on.
    case prepare(stream: RelayStreamID, leg: LegEnd, remote: LegRemote)
    /// The answer came: prepared remotes of the generation take over; older ones are accepted for 2 s more.
    case commit(stream: RelayStreamID, generation: UInt32)
    /// The exchange failed: prepared remotes of the generation are forgotten.
    case discard(stream: RelayStreamID, generation: UInt32)
    /// What the payload types of both peers' media stand for, for those who judge it.
    case describe(stream: RelayStreamID, caller: [PayloadFormat], callee: [PayloadFormat])
    /// Stop relaying one stream and close its own sockets.
    case close(stream: RelayStreamID)
    /// Stop the whole session, report its counters (``RelayEvent/ended(_:_:)``) and close its sockets.
    case closeSession(RelaySessionID)
    /// Report silence of the session after this time without a valid packet on any leg; nil: don't watch it.
    case watch(RelaySessionID, silence: Duration?)
}

/// What a worker tells the signalling side.
public enum RelayEvent: Sendable {
    /// No leg of a watched session has had a valid packet for the time it was watched with. Said once.
    case silent(RelaySessionID)
    /// The session is closed; what its legs counted.
    case ended(RelaySessionID, [LegReport])
}

/// The counters of one media leg, for status pages and the call's verdict.
public struct LegReport: Hashable, Sendable {
    public var stream: RelayStreamID
    public var leg: LegEnd
    /// What was received from the leg's peer.
    public var counters: RelayCounters
    /// Our RTP address on the leg.
    public var local: SocketAddress
    /// The latched RTP source, if any.
    public var source: SocketAddress?
    /// Where the peer wants its RTP, as signalled.
    public var signalled: SocketAddress?
    /// How packets are secured, and who told the keys: a session description, or DTLS.
    public enum Security: String, Hashable, Sendable { case rtp, sdes, dtls }

    public var security = Security.rtp
    public var quality = LegQuality()

    public init(
        stream: RelayStreamID, leg: LegEnd, counters: RelayCounters, local: SocketAddress, source: SocketAddress?
    ) {
        self.stream = stream
        self.leg = leg
        self.counters = counters
        self.local = local
        self.source = source
    }
}

/// What one media leg has received and what became of it.
public struct RelayCounters: Hashable, Sendable {
    public var packets: UInt64 = 0
    public var bytes: UInt64 = 0
    /// RTCP packets relayed.
    public var controlPackets: UInt64 = 0
    /// RTP packets that never came, by the sequence numbers (RFC 3550 appendix A.3).
    public var lost: UInt64 = 0
    /// RTP packets that came after a later one.
    public var outOfOrder: UInt64 = 0
    /// Interarrival jitter in RTP timestamp units (RFC 3550 §6.4.1).
    public var jitter: UInt32 = 0
    /// Packets from a source that is not believed.
    public var droppedSource: UInt64 = 0
    /// Packets that are no RTP or RTCP, or too short.
    public var droppedMalformed: UInt64 = 0
    /// Packets for a leg whose peer takes none (no address yet, hold).
    public var droppedNoDestination: UInt64 = 0
    /// Packets on a secure leg that no key of its peer makes authentic, replays included.
    public var droppedAuthentication: UInt64 = 0
    /// Packets that SRTP can't carry on: most are late copies, whose number was used already.
    public var droppedProtection: UInt64 = 0
    /// Packets that the socket refused.
    public var droppedSend: UInt64 = 0
    /// Packets of a source that was believed only provisionally; at most 5 a stream are relayed (CVE-2025-53399).
    public var provisional: UInt64 = 0
    /// ICE connectivity checks answered.
    public var checks: UInt64 = 0
    /// STUN that was no authentic connectivity check.
    public var droppedChecks: UInt64 = 0

    public init() {}
}
