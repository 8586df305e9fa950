import NetworkTypes
import SRTP

/// One end of a relay stream: a leg, the two paths that begin there, and what signalling says about the leg's peer.
final class StreamEnd {
    let leg: MediaLeg
    /// The paths of what the leg's peer sends.
    let rtp: RelayPath
    let rtcp: RelayPath
    private let receiver = LegReceiver()
    /// Answers the checks of a peer that speaks ICE.
    private var agent: ICEAgent?
    let observer = ControlObserver()
    /// That of the RTCP port, whose keys may be others.
    private let controlReceiver = LegReceiver()
    private var current: LegRemote?
    private var prepared: LegRemote?
    /// What protects the packets to the leg's peer.
    private(set) var protector: SRTPContext?
    private(set) var controlProtector: SRTPContext?
    let agenda: RelayAgenda
    let exchanges: LegExchanges

    init(_ leg: MediaLeg, isOpaque: Bool, budget: ProvisionalBudget, agenda: RelayAgenda) {
        self.leg = leg
        self.agenda = agenda
        exchanges = LegExchanges(agenda.identity)
        rtp = RelayPath(isOpaque ? .opaque : .rtp, budget: budget, receiver: receiver, observer: observer)
        rtcp = RelayPath(isOpaque ? .opaque : .rtcp, budget: budget, receiver: controlReceiver, observer: observer)
    }

    func attach(to stream: RelayStream) {
        rtp.stream = stream
        rtcp.stream = stream
        leg.rtp.attach(rtp)
        leg.rtcp.attach(rtcp)
    }

    func detach() {
        stopChecks()
        leg.rtp.detach(rtp)
        leg.rtcp.detach(rtcp)
        rtp.point(media: nil, control: nil)
        rtcp.point(media: nil, control: nil)
    }
}

// MARK: Signalling

extension StreamEnd {
    func prepare(_ remote: LegRemote) {
        prepared = remote
        let own = leg.rtp.socket.local.ip
        rtp.prepare(SourceRules(remote, signalled: remote.rtp, own: own))
        rtcp.prepare(SourceRules(remote, signalled: remote.rtcp, own: own))
        if let ice = remote.ice { expectChecks(ice) }
        let (isSecure, isMultiplexed) = (remote.security != .plain, remote.isMultiplexed)
        receiver.prepare(exchanges.mediaKeys(remote.security), isSecure: isSecure, leg.contexts)
        controlReceiver.prepare(
            exchanges.controlKeys(remote.security, isMultiplexed: isMultiplexed), isSecure: isSecure, leg.contexts)
        updateSecurity()
    }

    func commit(generation: UInt32, at now: Instant) {
        guard let next = prepared, next.generation == generation else { return }
        current = next
        prepared = nil
        rtp.commit(generation: generation, at: now)
        rtcp.commit(generation: generation, at: now)
        settleChecks(next.ice)
        let isSecure = next.security != .plain
        exchanges.choose(next.security, isMultiplexed: next.isMultiplexed)
        receiver.commit(mediaKeys, isSecure: isSecure, leg.contexts, at: now)
        controlReceiver.commit(controlKeys, isSecure: isSecure, leg.contexts, at: now)
        updateProtectors()
        updateSecurity()
    }

    /// Keys have come that the last commit left open.
    func takeKeys() {
        receiver.complete(mediaKeys, leg.contexts)
        controlReceiver.complete(controlKeys, leg.contexts)
        updateProtectors()
    }

    private func updateProtectors() {
        protector = mediaKeys.flatMap { leg.contexts.context($0.outbound, .sending) }
        controlProtector = controlKeys.flatMap { leg.contexts.context($0.outbound, .sending) }
    }

    private var mediaKeys: LegKeys? { current.flatMap { exchanges.mediaKeys($0.security) } }

    private var controlKeys: LegKeys? {
        current.flatMap { exchanges.controlKeys($0.security, isMultiplexed: $0.isMultiplexed) }
    }

    func discard(generation: UInt32) {
        if prepared?.generation == generation {
            prepared = nil
            receiver.discard()
            controlReceiver.discard()
            settleChecks(current?.ice)
            updateSecurity()
        }
        rtp.discard(generation: generation)
        rtcp.discard(generation: generation)
    }

    private func updateSecurity() {
        rtp.isSecured = receiver.isNeeded
        rtcp.isSecured = controlReceiver.isNeeded
    }

    /// Whether the peer is to have packets protected.
    private var isSecure: Bool { current?.security != .plain }

    /// Whether the peer is another leg of ours.
    var isJoint: Bool { current?.isJoint ?? false }

    var hasFeedback: Bool { current?.hasFeedback ?? false }
}

// MARK: Checks

extension StreamEnd {
    func expectChecks(_ ice: ICEParameters) {
        if let agent { return agent.prepare(ice) }
        let agent = ICEAgent()
        agent.prepare(ice)
        self.agent = agent
        rtp.component = ICEComponent(agent)
        rtcp.component = ICEComponent(agent)
        updateChannels()
    }

    /// Takes up what was agreed on about checks, if anything was.
    private func settleChecks(_ ice: ICEParameters?) {
        guard let ice else { return stopChecks() }
        expectChecks(ice)
        agent?.commit(ice)
        rtp.component?.commit(ice)
        rtcp.component?.commit(ice)
    }

    private func stopChecks() {
        if agent == nil { return }
        agent = nil
        rtp.component = nil
        rtcp.component = nil
        updateChannels()
    }

    private func updateChannels() {
        leg.rtp.updateComponents()
        leg.rtcp.updateComponents()
    }
}

// MARK: Destinations

extension StreamEnd {
    /// Where RTP to this leg's peer goes: as signalled, or where the peer was seen (symmetric RTP, RFC 4961).
    var mediaTarget: SocketAddress? {
        if let ice = current?.ice { return ice.takesMedia ? rtp.component?.destination : nil }
        guard let current, let signalled = current.rtp else { return nil }
        return current.isDestinationFixed ? signalled : rtp.latched ?? signalled
    }

    /// Where RTCP to this leg's peer goes: RTCP latches on its own.
    var controlTarget: SocketAddress? {
        if let ice = current?.ice {
            let component = ice.isMultiplexed ? rtp.component : rtcp.component
            return ice.takesMedia ? component?.destination : nil
        }
        guard let current, current.rtp != nil, let signalled = current.rtcp else { return nil }
        if current.isMultiplexed { return mediaTarget }
        return current.isDestinationFixed ? signalled : rtcp.latched ?? signalled
    }

    /// The same, as long as packets could be protected if they have to be.
    var mediaDestination: SocketAddress? { isSecure && protector == nil ? nil : mediaTarget }
    var controlDestination: SocketAddress? { isSecure && controlProtector == nil ? nil : controlTarget }

    /// The channel that RTCP leaves from: that of RTP where the peer named one port for both (RFC 5761).
    var controlSender: MediaChannel { current?.isMultiplexed == true ? leg.rtp : leg.rtcp }
}

// MARK: Reports

extension StreamEnd {
    var lastValid: Instant? {
        guard let media = rtp.lastValid else { return rtcp.lastValid }
        return max(media, rtcp.lastValid ?? media)
    }

    /// `opposite` sends what the leg's peer gets.
    func report(_ stream: RelayStreamID, _ end: LegEnd, opposite: StreamEnd) -> LegReport {
        var counters = RelayCounters()
        rtp.add(to: &counters)
        rtcp.add(to: &counters)
        var report = LegReport(
            stream: stream, leg: end, counters: counters, local: leg.rtp.socket.local, source: rtp.latched)
        report.signalled = current?.rtp
        report.security = security
        if rtp.content == .rtp {
            report.quality = quality(opposite)
            report.quality.judge(counters)
        }
        return report
    }

    private var security: LegReport.Security {
        switch current?.security {
        case nil, .plain: .rtp
        case .srtp: .sdes
        default: .dtls
        }
    }

    private func quality(_ opposite: StreamEnd) -> LegQuality {
        var quality = LegQuality()
        rtp.add(to: &quality)
        quality.roundTrip = observer.roundTrip.map { $0.seconds * 1_000 }
        if observer.roundTrips.count > 0 {
            quality.meanRoundTrip = observer.roundTrips.sum.seconds * 1_000 / Double(observer.roundTrips.count)
        }
        if let reception = observer.reception {
            quality.remoteLost = Int64(reception.lost)
            quality.remoteLoss = Double(reception.fractionLost) / 256
            quality.remoteJitter = opposite.rtp.milliseconds(of: reception.jitter)
        }
        return quality
    }
}
