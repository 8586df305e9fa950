public import DTLS
public import NetworkTypes
import SDP

/// The control half of the media relay: offers and answers go in, bodies for the other end and commands for the workers
/// come out (RFC 3264). Each signalling shard has one.
///
/// A session has two legs, one per end of its dialog, and each leg a pair of ports per media description. The pairs are
/// taken when an offer first needs them, both ends' at once, so that a call that can't have media is refused before it
/// rings; they stay while the stream lasts, whatever the peers move. An offer only prepares. The answer commits; a
/// rollback discards. Nothing here looks at packets: see ``RelayCore``.
public final class MediaAnchor {
    private(set) var settings: RelaySettings
    private(set) var policy: MediaTargetPolicy
    let ports: MediaPorts
    var sessions: [RelaySessionID: AnchoredSession] = [:]
    private var nextSession: UInt64
    private let sessionStride: UInt64
    /// That of our certificate; nil where no keys are agreed on by DTLS.
    let fingerprint: CertificateFingerprint?
    private var commands: [RelayCommand] = []
    /// How many sessions had a stream that was left alone.
    public private(set) var unanchoredSessions: UInt64 = 0
    private var unanchored: [UnanchoredStream] = []

    /// The shards of a process number their sessions apart: `firstSession`, and every `sessionStride` from there.
    public init(
        settings: RelaySettings, binder: any PortBinder, firstSession: UInt64 = 1, sessionStride: UInt64 = 1,
        identity: DTLSIdentity? = .process
    ) {
        self.settings = settings
        policy = MediaTargetPolicy(settings)
        ports = MediaPorts(settings, binder: binder)
        nextSession = firstSession
        self.sessionStride = sessionStride
        fingerprint = identity?.fingerprint
    }

    /// SDP that leaves outside names these addresses from now on, that of sessions which are up too (`outside.advertise`).
    public func advertise(_ addresses: [IPAddress]) {
        settings.advertise(addresses)
        policy = MediaTargetPolicy(settings)
    }

    /// What SDP says our address on that leg is.
    func advertised(_ leg: AnchoredSession.Leg) -> IPAddress {
        settings[leg.side][leg.local.family]?.advertised ?? leg.local
    }

    /// Whether an offer to the peer is to have ICE though none was agreed on yet.
    func speaksICE(_ peer: MediaPeer) -> Bool { settings.phonesWithICE?.contains(peer) ?? false }

    func noteICE(of peer: MediaPeer, in offer: SessionDescription) { settings.phonesWithICE?.note(peer, offer) }

    /// Notes the first stream of a session that crosses without us.
    func noteLeftAlone(_ lines: [Exchange.Line], of description: SessionDescription, in session: AnchoredSession) {
        guard !session.hasToldUnanchored, let index = lines.firstIndex(where: \.isLeftAlone) else { return }
        let media = description.media[index]
        session.hasToldUnanchored = true
        unanchoredSessions &+= 1
        unanchored.append(UnanchoredStream(session: session.id, transport: description.transport(of: media)))
    }

    func emit(_ command: RelayCommand) { commands.append(command) }

    func policy(_ peer: MediaPeer, wasSecure: Bool) -> SecurityPolicy {
        SecurityPolicy(peer: peer, wasSecure: wasSecure, fingerprint: fingerprint)
    }

    var reader: RemoteReader { RemoteReader(policy: policy, ports: ports, settings: settings) }
}

// MARK: Sessions

extension MediaAnchor {
    /// A new session. The ends are fixed by who sent the initial INVITE; nothing is allocated yet.
    /// An emergency call may have the ports that are kept for such.
    public func open(caller: MediaPeer, callee: MediaPeer, isEmergency: Bool = false) -> RelaySessionID {
        let id = RelaySessionID(nextSession)
        nextSession &+= sessionStride
        sessions[id] = AnchoredSession(id, caller: caller, callee: callee, isEmergency: isEmergency)
        return id
    }

    /// The 2xx of that fork came: its streams stay, those of the other forks end. The first counts.
    public func confirm(_ id: RelaySessionID, fork: UInt32) {
        guard let session = sessions[id], session.confirmedFork == nil else { return }
        session.confirmedFork = fork
        for media in session.allMedia { keep(fork, of: media, in: session) }
        for media in session.media.compactMap({ $0 }) where media.branches[0].isRejected { retire(media, of: session) }
        session.noteSecurity()
        publishFarEnds(of: session)
        updateWatch(session)
    }

    /// The dialog is over: all streams end and all ports are free again. Whether its worker will report on it.
    @discardableResult
    public func close(_ id: RelaySessionID) -> Bool {
        guard let session = sessions.removeValue(forKey: id) else { return false }
        for media in session.allMedia { release(media) }
        if session.wasOpened { emit(.closeSession(id)) }
        return session.wasOpened
    }

    /// Leaves `media` with the branch of one fork. One that has not been heard of inherits the first.
    private func keep(_ fork: UInt32, of media: AnchoredMedia, in session: AnchoredSession) {
        let kept = media.index(of: fork) ?? 0
        for (index, branch) in media.branches.enumerated() where index != kept {
            emit(.close(stream: branch.stream))
            session.forgetOwn(branch.own)
            ports.release(branch.own)
        }
        media.branches = [media.branches[kept]]
        media.branches[0].fork = fork
    }

    /// Closes a stream and forgets it.
    func retire(_ media: AnchoredMedia, of session: AnchoredSession) {
        for branch in media.branches {
            emit(.close(stream: branch.stream))
            session.forgetOwn(branch.own)
        }
        session.forgetOwn(media.shared)
        release(media)
        session.forget(media)
    }

    private func release(_ media: AnchoredMedia) {
        forgetFarEnd(behind: media.shared.rtp.local)
        ports.release(media.shared)
        for branch in media.branches {
            forgetFarEnd(behind: branch.own.rtp.local)
            ports.release(branch.own)
        }
    }

    /// Silence means a dead call only where both ends should be sending: answered, RTP, nothing on hold.
    func updateWatch(_ session: AnchoredSession) {
        let streams = session.media.compactMap { $0 }.filter { $0.branches[0].isCommitted }
        let isWatched =
            session.confirmedFork != nil && !streams.isEmpty
            // Nobody knows how media does that doesn't come here.
            && session.isDirect.caller != true && session.isDirect.callee != true
            && streams.allSatisfy { !$0.branches[0].isHeld && !$0.kind.isOpaque }
        let silence = isWatched ? settings.silence : nil
        guard silence != session.watched else { return }
        session.watched = silence
        emit(.watch(session.id, silence: silence))
    }
}

// MARK: Reading

extension MediaAnchor {
    /// The commands since the last call, in order. Each names its session; the driver routes it to the worker.
    public func takeCommands() -> [RelayCommand] {
        defer { commands.removeAll() }
        return commands
    }

    /// The streams that crossed as they were since the last call, the first of each session.
    public func takeUnanchored() -> [UnanchoredStream] {
        if unanchored.isEmpty { return [] }
        defer { unanchored = [] }
        return unanchored
    }

    public var sessionCount: Int { sessions.count }

    /// Gives back the memory of a time with many more sessions.
    public func shrink() { sessions.shrink() }

    /// The free pairs of ports on a side's address of that family.
    public func freePairs(on side: Side, _ family: IPAddress.Family) -> Int {
        settings[side][family].map { ports.freePairs(on: $0.local) } ?? 0
    }

    /// All pairs of ports on a side's address of that family.
    public func pairs(on side: Side, _ family: IPAddress.Family) -> Int {
        settings[side][family].map { ports.pairs(on: $0.local) } ?? 0
    }

    /// Whether a call could have a stream there, without the pairs that are kept for emergency calls.
    public func hasCapacity(on side: Side, _ family: IPAddress.Family) -> Bool {
        settings[side][family].map { ports.hasFreePair(on: $0.local) } ?? false
    }
}
