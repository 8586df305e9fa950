public import DTLS
public import NetworkTypes

/// All relay sessions of one worker: takes commands and the time, and says which sockets to read and to close.
///
/// Packets don't come through here: the driver hands them to the ``MediaChannel`` whose socket received them. After
/// each ``handle(_:at:)`` and ``handleTimeout(at:)`` the driver drains ``nextEffect()`` and looks at ``nextDeadline``.
///
/// A descriptor belongs to the core from the command that brings it. Whatever order commands come in, how often, and
/// whether or not they name something that exists: each descriptor is handed back once, by ``RelayEffect/close(_:)``.
public final class RelayCore {
    private var sessions: [RelaySessionID: RelaySession] = [:]
    private let channels: ChannelTable
    private var deadlines = DeadlineQueue<(session: RelaySessionID, scheduled: Instant)>()
    private let agenda: RelayAgenda
    private var highWater = HighWater()

    /// `identity` is our certificate where keys are agreed on by DTLS; `hasSiblings`: whether the process has other workers,
    /// to whose ports packets go through the kernel.
    public init(identity: DTLSIdentity? = .process, hasSiblings: Bool = false) {
        agenda = RelayAgenda(identity)
        channels = ChannelTable(hasSiblings: hasSiblings)
    }

    /// Legs that are joined in a circle keep each other: live ones are parted when the core goes.
    deinit {
        for session in sessions.values {
            for stream in session.streams { stream.close() }
        }
    }

    public var sessionCount: Int { sessions.count }
    public var socketCount: Int { channels.count }
}

// MARK: Effects and time

extension RelayCore {
    /// The next effect; nil when all are taken.
    public func nextEffect() -> RelayEffect? { agenda.nextEffect() }

    /// When ``handleTimeout(at:)`` wants to be called.
    public var nextDeadline: Instant? {
        guard let wake = agenda.nextWake else { return deadlines.next }
        return min(wake, deadlines.next ?? wake)
    }

    /// Looks at the handshakes and the watched sessions whose time may have come.
    public func handleTimeout(at now: Instant) {
        while let id = agenda.popWake(at: now) { stream(id)?.handleTimeout(at: now) }
        while let entry = deadlines.popDue(at: now) {
            guard let session = sessions[entry.session] else { continue }
            switch session.checkSilence(scheduled: entry.scheduled, at: now) {
            case .stale: break
            case .silent: agenda.append(.report(.silent(session.id)))
            case .again(let due): deadlines.schedule((session.id, due), at: due)
            }
        }
    }
}

// MARK: Commands

extension RelayCore {
    public func handle(_ command: RelayCommand, at now: Instant) {
        switch command {
        case .open(let id, let caller, let callee, let isOpaque):
            open(id, caller, callee, isOpaque: isOpaque)
        case .fork(let id, let original, let shared, let own):
            fork(id, of: original, shared: shared, own)
        case .expectChecks(let id, let leg, let ice): stream(id)?.expectChecks(leg, ice)
        case .prepare(let id, let leg, let remote): stream(id)?.prepare(leg, remote)
        case .commit(let id, let generation): stream(id)?.commit(generation: generation, at: now)
        case .discard(let id, let generation): stream(id)?.discard(generation: generation)
        case .describe(let id, let caller, let callee): stream(id)?.describe(caller: caller, callee: callee)
        case .close(let id): close(id)
        case .closeSession(let id): closeSession(id)
        case .watch(let id, let silence): watch(id, silence, at: now)
        }
    }

    private func open(_ id: RelayStreamID, _ caller: LegSockets, _ callee: LegSockets, isOpaque: Bool) {
        let sockets = [caller.rtp, caller.rtcp, callee.rtp, callee.rtcp]
        guard stream(id) == nil, areNew(sockets) else { return refuse(sockets) }
        let stream = RelayStream(
            id, caller: MediaLeg(caller), callee: MediaLeg(callee), isOpaque: isOpaque, budget: ProvisionalBudget(),
            channels: channels, agenda: agenda)
        register(stream.leg(.caller))
        register(stream.leg(.callee))
        session(id.session).add(stream)
    }

    private func fork(_ id: RelayStreamID, of original: RelayStreamID, shared: LegEnd, _ own: LegSockets) {
        let sockets = [own.rtp, own.rtcp]
        guard id.session == original.session, let original = stream(original), stream(id) == nil, areNew(sockets)
        else { return refuse(sockets) }
        let sharedLeg = original.leg(shared)
        let ownLeg = MediaLeg(own)
        let stream = RelayStream(
            id, caller: shared == .caller ? sharedLeg : ownLeg, callee: shared == .callee ? sharedLeg : ownLeg,
            isOpaque: original.isOpaque, budget: original.budget, channels: channels,
            agenda: agenda)
        register(ownLeg)
        session(id.session).add(stream)
    }

    private func close(_ id: RelayStreamID) {
        guard let stream = stream(id) else { return }
        sessions[id.session]?.remove(stream)
        closeUnused(stream.leg(.caller))
        closeUnused(stream.leg(.callee))
    }

    /// Every ``RelayCommand/closeSession(_:)`` is answered, that of an unknown session with no reports.
    private func closeSession(_ id: RelaySessionID) {
        let session = sessions.removeValue(forKey: id)
        let reports = session?.reports ?? []
        for stream in session?.streams ?? [] {
            stream.close()
            closeUnused(stream.leg(.caller))
            closeUnused(stream.leg(.callee))
        }
        agenda.append(.report(.ended(id, reports)))
        if highWater.hasEbbed(to: channels.count) { shrink() }
    }

    /// A rush of calls is over.
    private func shrink() {
        sessions.shrink()
        channels.shrink()
        deadlines.shrink()
        agenda.shrink()
        agenda.append(.shrunk)
    }

    private func watch(_ id: RelaySessionID, _ silence: Duration?, at now: Instant) {
        guard let deadline = sessions[id]?.watch(silence, at: now) else { return }
        deadlines.schedule((id, deadline), at: deadline)
    }
}

// MARK: Sockets

extension RelayCore {
    private func stream(_ id: RelayStreamID) -> RelayStream? { sessions[id.session]?.stream(id.index) }

    private func session(_ id: RelaySessionID) -> RelaySession {
        if let session = sessions[id] { return session }
        let session = RelaySession(id)
        sessions[id] = session
        return session
    }

    /// Whether the descriptors are all different and none is in use here.
    private func areNew(_ sockets: [RelaySocket]) -> Bool {
        Set(sockets.map(\.descriptor)).count == sockets.count
            && !sockets.contains { channels.owns(descriptor: $0.descriptor) }
    }

    /// Hands the sockets of a command that can't be followed back, but for those that a live stream uses.
    private func refuse(_ sockets: [RelaySocket]) {
        var seen: Set<Int32> = []
        for socket in sockets where !channels.owns(descriptor: socket.descriptor) {
            if seen.insert(socket.descriptor).inserted { agenda.append(.close(socket)) }
        }
    }

    private func register(_ leg: MediaLeg) {
        for channel in [leg.rtp, leg.rtcp] {
            channels.insert(channel)
            highWater.note(channels.count)
            agenda.append(.register(channel))
        }
    }

    private func closeUnused(_ leg: MediaLeg) {
        for channel in [leg.rtp, leg.rtcp]
        where channel.isClosed && channels.owns(descriptor: channel.socket.descriptor) {
            channels.remove(channel)
            agenda.append(.close(channel.socket))
        }
    }
}

// MARK: Reports

extension RelayCore {
    /// What the legs of a live session have counted so far.
    public func reports(for session: RelaySessionID) -> [LegReport] { sessions[session]?.reports ?? [] }

    /// The same for all sessions: O(sessions), for status pages.
    public func snapshot() -> [RelaySessionID: [LegReport]] { sessions.mapValues(\.reports) }
}
