import NetworkTypes
import SDP

// Direct media: a PBX that puts two of its calls together names our port of the one to the other. Where both peers are
// outside and can be reached by anybody, each is told the other's own address, and no packet passes here.
//
// What is safe is narrow, and everything else stays relayed: both dialogs are confirmed; the SDP comes from inside, since
// who names a port of ours from outside may not be meant to reach who is behind it; both peers are trunks without NAT;
// neither has keys, feedback, ICE or an RTCP port out of the ordinary; all streams of the body or none.

/// The addresses that a body names instead of ours.
struct DirectMedia: Hashable {
    let address: IPAddress
    /// By media description; nil where a stream is refused.
    let ports: [UInt16?]
}

/// What is to be known of one media description of a body for that.
struct JointLine {
    /// Where its sender wants media, if that is a port of ours.
    let joint: SocketAddress?
    /// Whether its receiver can be reached by anybody.
    let isReachable: Bool
    /// What it says of keys and profiles.
    let face: LegFace
}

extension MediaAnchor {
    /// What a body tells its receiver at `end`, if that is somebody else's address. A line is nil where there is no stream.
    func direct(_ lines: [JointLine?], to end: LegEnd, in session: AnchoredSession) -> DirectMedia? {
        guard let farEnds = settings.farEnds, session.confirmedFork != nil, let legs = session.legs,
            legs[end].side == .outside, legs[end.opposite].side == .inside
        else { return nil }
        var address: IPAddress?
        var ports: [UInt16?] = []
        for line in lines {
            guard let line else {
                ports.append(nil)
                continue
            }
            guard line.isReachable, isPlain(line.face), let joint = line.joint, let far = farEnds[joint],
                far.rtp.ip.family == legs[end].local.family, (address ?? far.rtp.ip) == far.rtp.ip
            else { return nil }
            address = far.rtp.ip
            ports.append(far.rtp.port)
        }
        return address.map { DirectMedia(address: $0, ports: ports) }
    }

    /// The lines of an offer: what its receiver has agreed to last counts.
    func jointLines(of offer: Exchange, _ reservation: Reservation, in session: AnchoredSession) -> [JointLine?] {
        guard let farEnds = settings.farEnds else { return [] }
        return offer.lines.map { line in
            guard let media = line.media, let remote = line.remote else { return nil }
            let own = media.local(facing: offer.offerer, reservation.branch(offer.fork, of: media))
            return JointLine(
                joint: remote.isJoint ? remote.rtp : nil, isReachable: farEnds[own] != nil, face: line.face)
        }
    }

    /// Whether the offerer of an exchange can be reached by anybody where a line of its offer says.
    func isReachable(_ line: Exchange.Line, of exchange: Exchange, in session: AnchoredSession) -> Bool {
        let peer = exchange.offerer == .caller ? session.caller : session.callee
        return !peer.isNAT && !exchange.usesICE && !line.hasKeys && line.remote?.isReachable == true
    }

    private func isPlain(_ face: LegFace) -> Bool {
        face == LegFace(profile: RTPProfile())
    }

    /// Notes that the peers behind the joints were told of: from now on they can't move without our saying so.
    func noteTold(_ joints: [SocketAddress?]) {
        for case let joint? in joints { settings.farEnds?.noteTold(joint) }
    }

    /// Whether the peer at `end` has moved while another peer sends to where it was: then the PBX must see another port of
    /// ours, or it would not tell that peer.
    func hasMovedBehind(
        _ remote: LegRemote?, _ media: AnchoredMedia, at end: LegEnd, in session: AnchoredSession
    ) -> Bool {
        guard let farEnds = settings.farEnds, let fork = session.confirmedFork, let next = remote?.rtp,
            let place = media.index(of: fork),
            let known = farEnds[media.local(facing: end.opposite, media.branches[place])]
        else { return false }
        return known.isTold && (known.rtp != next || remote?.security != .plain)
    }

    /// Says who is behind the ports of the session that the inside knows.
    func publishFarEnds(of session: AnchoredSession) {
        guard let farEnds = settings.farEnds, session.confirmedFork != nil, let legs = session.legs else { return }
        for end in LegEnd.allCases where legs[end].side == .outside && legs[end.opposite].side == .inside {
            let isNAT = (end == .caller ? session.caller : session.callee).isNAT
            for media in session.media.compactMap({ $0 }) {
                let branch = media.branches[0]
                let rtp = isNAT || media.kind.isOpaque ? nil : branch.reachable(at: end)
                farEnds.set(rtp, behind: media.local(facing: end.opposite, branch))
            }
        }
    }

    /// The port is another call's from now on.
    func forgetFarEnd(behind local: SocketAddress) { settings.farEnds?.set(nil, behind: local) }
}

extension AnchoredMedia.Branch {
    /// Where anybody may send to reach the peer at `end`; nil where only we can.
    fileprivate func reachable(at end: LegEnd) -> SocketAddress? {
        guard isCommitted, let remote = remotes[end], remote.isReachable, usesICE[end] != true,
            faces[end] == LegFace(profile: RTPProfile())
        else { return nil }
        return remote.rtp
    }
}

extension LegRemote {
    /// Whether anybody can send plain RTP and RTCP there.
    fileprivate var isReachable: Bool {
        guard let rtp, let rtcp else { return false }
        return !isJoint && isDestinationFixed && !acceptsAnySource && signallingAddress == nil && security == .plain
            && !hasFeedback && !isMultiplexed && rtcp.ip == rtp.ip && Int(rtcp.port) == Int(rtp.port) + 1
    }
}

extension SessionDescription {
    /// Whether its sender looks for a way by ICE (RFC 8839).
    var usesICE: Bool {
        fields.contains { field in
            guard case .attribute(let attribute) = field else { return false }
            return attribute.name == .ice || attribute.name == .candidate
        }
    }
}
