import NetworkTypes

/// One end of a relay stream: a leg, the two paths that begin there, and what signalling says about the leg's peer.
final class StreamEnd {
    let leg: MediaLeg
    /// The paths of what the leg's peer sends.
    let rtp: RelayPath
    let rtcp: RelayPath
    private var current: LegRemote?
    private var prepared: LegRemote?

    init(_ leg: MediaLeg, isOpaque: Bool, budget: ProvisionalBudget) {
        self.leg = leg
        rtp = RelayPath(isOpaque ? .opaque : .rtp, budget: budget)
        rtcp = RelayPath(isOpaque ? .opaque : .rtcp, budget: budget)
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
        rtp.prepare(SourceRules(remote, signalled: remote.rtp))
        rtcp.prepare(SourceRules(remote, signalled: remote.rtcp))
    }

    func commit(generation: UInt32, at now: Instant) {
        guard let next = prepared, next.generation == generation else { return }
        current = next
        prepared = nil
        rtp.commit(generation: generation, at: now)
        rtcp.commit(generation: generation, at: now)
    }

    func discard(generation: UInt32) {
        if prepared?.generation == generation { prepared = nil }
        rtp.discard(generation: generation)
        rtcp.discard(generation: generation)
    }
}

// MARK: Destinations

extension StreamEnd {
    /// Where RTP to this leg's peer goes: as signalled, or where the peer was seen (symmetric RTP, RFC 4961).
    var mediaDestination: SocketAddress? {
        guard let current, let signalled = current.rtp else { return nil }
        return current.isDestinationFixed ? signalled : rtp.latched ?? signalled
    }

    /// Where RTCP to this leg's peer goes: RTCP latches on its own.
    var controlDestination: SocketAddress? {
        guard let current, current.rtp != nil, let signalled = current.rtcp else { return nil }
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

    func report(_ stream: RelayStreamID, _ end: LegEnd) -> LegReport {
        var counters = RelayCounters()
        rtp.add(to: &counters)
        rtcp.add(to: &counters)
        return LegReport(
            stream: stream, leg: end, counters: counters, local: leg.rtp.socket.local, source: rtp.latched)
    }
}
