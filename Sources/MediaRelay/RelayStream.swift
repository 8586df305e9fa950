import NetworkTypes
import RTP
import SRTP

/// One media description of a session, or one fork of it: two ends and the paths between them.
final class RelayStream {
    let id: RelayStreamID
    let isOpaque: Bool
    let budget: ProvisionalBudget
    private let channels: ChannelTable
    private let agenda: RelayAgenda
    /// When the stream is to be woken next.
    private var wake: Instant?
    private let caller: StreamEnd
    private let callee: StreamEnd

    init(
        _ id: RelayStreamID, caller: MediaLeg, callee: MediaLeg, isOpaque: Bool, budget: ProvisionalBudget,
        channels: ChannelTable, agenda: RelayAgenda
    ) {
        self.id = id
        self.isOpaque = isOpaque
        self.budget = budget
        self.channels = channels
        self.agenda = agenda
        self.caller = StreamEnd(caller, isOpaque: isOpaque, budget: budget, agenda: agenda)
        self.callee = StreamEnd(callee, isOpaque: isOpaque, budget: budget, agenda: agenda)
        self.caller.observer.opposite = self.callee.observer
        self.callee.observer.opposite = self.caller.observer
        self.caller.attach(to: self)
        self.callee.attach(to: self)
    }

    /// Takes the stream off its channels: no packet reaches it any more.
    func close() {
        caller.detach()
        callee.detach()
    }
}

// MARK: Signalling

extension RelayStream {
    func leg(_ end: LegEnd) -> MediaLeg { self.end(end).leg }

    func expectChecks(_ end: LegEnd, _ ice: ICEParameters) { self.end(end).expectChecks(ice) }

    func prepare(_ end: LegEnd, _ remote: LegRemote) { self.end(end).prepare(remote) }

    func commit(generation: UInt32, at now: Instant) {
        caller.commit(generation: generation, at: now)
        callee.commit(generation: generation, at: now)
        // Also where nothing is new: an answer that is said again asks for what was given up.
        caller.beginExchanges(at: now)
        callee.beginExchanges(at: now)
        updateDestinations()
        schedule(at: now)
    }

    func discard(generation: UInt32) {
        caller.discard(generation: generation)
        callee.discard(generation: generation)
    }

    /// Points the paths of each end at the peer of the other. Called when signalling or a latch has changed.
    func updateDestinations() {
        point(caller, at: callee)
        point(callee, at: caller)
    }

    private func point(_ from: StreamEnd, at to: StreamEnd) {
        from.observer.protector = from.protector
        let dropsFeedback = from.hasFeedback && !to.hasFeedback
        let media = target(to.mediaDestination, from: to.leg.rtp, to.protector, dropsFeedback, to)
        let control = target(to.controlDestination, from: to.controlSender, to.controlProtector, dropsFeedback, to)
        from.rtp.point(media: media, control: control)
        // The second port of an opaque stream is as opaque as the first.
        from.rtcp.point(media: control, control: control)
    }

    private func target(
        _ destination: SocketAddress?, from sender: MediaChannel, _ protector: SRTPContext?, _ dropsFeedback: Bool,
        _ end: StreamEnd
    ) -> RelayTarget? {
        guard let destination else { return nil }
        let joined = channels[destination]
        // The port may be another call's by now.
        if end.isJoint, joined == nil, !channels.hasSiblings { return nil }
        return RelayTarget(
            destination: destination, sender: sender, joined: joined, protector: protector,
            dropsFeedback: dropsFeedback)
    }

    private func end(_ end: LegEnd) -> StreamEnd { end == .caller ? caller : callee }
}

// MARK: Handshakes

extension RelayStream {
    /// Takes a datagram of a DTLS handshake; whether one is expected there.
    func receiveHandshake(
        _ datagram: Span<UInt8>, on path: RelayPath, from source: SocketAddress, rank: UInt8, isProven: Bool,
        at now: Instant
    ) -> Bool {
        guard
            let isAgreed = end(of: path).receiveHandshake(
                datagram, on: path, from: source, rank: rank, isProven: isProven, at: now)
        else { return false }
        if isAgreed { updateDestinations() }
        schedule(at: now)
        return true
    }

    /// Checks have nominated another address for what comes on `path`.
    func destinationChanged(on path: RelayPath, at now: Instant) {
        updateDestinations()
        end(of: path).moveExchange(on: path, at: now)
        schedule(at: now)
    }

    private func end(of path: RelayPath) -> StreamEnd { path === caller.rtp || path === caller.rtcp ? caller : callee }

    func handleTimeout(at now: Instant) {
        if let wake, wake <= now { self.wake = nil }
        caller.continueExchanges(at: now)
        callee.continueExchanges(at: now)
        schedule(at: now)
    }

    private func schedule(at now: Instant) {
        let next = [caller.exchangeDeadline, callee.exchangeDeadline].compactMap { $0 }.min()
        guard let next, wake.map({ next < $0 }) ?? true else { return }
        wake = next
        agenda.wake(id, at: next)
    }
}

// MARK: Reports

extension RelayStream {
    var reports: [LegReport] {
        [caller.report(id, .caller, opposite: callee), callee.report(id, .callee, opposite: caller)]
    }

    /// The source whose packets go to the peer of a path: that of the other end.
    func source(oppositeTo path: RelayPath) -> UInt32? {
        path === caller.rtp || path === caller.rtcp ? callee.rtp.mediaSource : caller.rtp.mediaSource
    }

    /// Says what the payload types of each end's peer stand for.
    func describe(caller formats: [PayloadFormat], callee others: [PayloadFormat]) {
        // Who receives says what its numbers mean, nearly always the same as the sender's own.
        caller.rtp.describe(others + formats)
        callee.rtp.describe(formats + others)
    }

    var lastValid: Instant {
        max(caller.lastValid ?? .zero, callee.lastValid ?? .zero)
    }
}
