import NetworkTypes
import SRTP

/// One end of a relay stream: a leg, the two paths that begin there, and what signalling says about the leg's peer.
final class StreamEnd {
    let leg: MediaLeg
    /// The paths of what the leg's peer sends.
    let rtp: RelayPath
    let rtcp: RelayPath
    private let receiver = LegReceiver()
    let observer = ControlObserver()
    private var current: LegRemote?
    private var prepared: LegRemote?
    /// What protects the packets to the leg's peer.
    private(set) var protector: SRTPContext?

    init(_ leg: MediaLeg, isOpaque: Bool, budget: ProvisionalBudget) {
        self.leg = leg
        rtp = RelayPath(isOpaque ? .opaque : .rtp, budget: budget, receiver: receiver, observer: observer)
        rtcp = RelayPath(isOpaque ? .opaque : .rtcp, budget: budget, receiver: receiver, observer: observer)
    }

    func attach(to stream: RelayStream) {
        rtp.stream = stream
        rtcp.stream = stream
        leg.rtp.attach(rtp)
        leg.rtcp.attach(rtcp)
    }

    func detach() {
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
        receiver.prepare(remote.security, leg.contexts)
        updateSecurity()
    }

    func commit(generation: UInt32, at now: Instant) {
        guard let next = prepared, next.generation == generation else { return }
        current = next
        prepared = nil
        rtp.commit(generation: generation, at: now)
        rtcp.commit(generation: generation, at: now)
        receiver.commit(next.security, leg.contexts, at: now)
        protector = leg.contexts.sending(next.security)
        updateSecurity()
    }

    func discard(generation: UInt32) {
        if prepared?.generation == generation {
            prepared = nil
            receiver.discard()
            updateSecurity()
        }
        rtp.discard(generation: generation)
        rtcp.discard(generation: generation)
    }

    private func updateSecurity() {
        rtp.isSecured = receiver.isNeeded
        rtcp.isSecured = receiver.isNeeded
    }

    /// Whether the peer is to have packets protected, and there is nothing to do it with.
    private var lacksKeys: Bool { current?.security != .plain && protector == nil }

    /// Whether the peer is another leg of ours.
    var isJoint: Bool { current?.isJoint ?? false }

    var hasFeedback: Bool { current?.hasFeedback ?? false }
}

// MARK: Destinations

extension StreamEnd {
    /// Where RTP to this leg's peer goes: as signalled, or where the peer was seen (symmetric RTP, RFC 4961).
    var mediaDestination: SocketAddress? {
        guard let current, let signalled = current.rtp, !lacksKeys else { return nil }
        return current.isDestinationFixed ? signalled : rtp.latched ?? signalled
    }

    /// Where RTCP to this leg's peer goes: RTCP latches on its own.
    var controlDestination: SocketAddress? {
        guard let current, current.rtp != nil, let signalled = current.rtcp, !lacksKeys else { return nil }
        return current.isDestinationFixed ? signalled : rtcp.latched ?? signalled
    }

    /// The channel that RTCP leaves from: that of RTP where the peer named one port for both (RFC 5761).
    var controlSender: MediaChannel { current?.rtcp == current?.rtp ? leg.rtp : leg.rtcp }
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
