import NetworkTypes
import SDP

/// What one media description says about its sender's leg.
struct MediaRemote {
    /// nil where the stream is refused or removed (port 0), or can't be relayed.
    var remote: LegRemote?
    /// Whether the sender neither sends nor receives, or only one of both.
    var isHeld: Bool
    /// What the sender says about its ICE agent, if it has one.
    var ice: PeerICE?
}

/// Turns media descriptions into what the packet side has to know of the peer, within ``MediaTargetPolicy``.
struct RemoteReader {
    let policy: MediaTargetPolicy
    let ports: MediaPorts
    let settings: RelaySettings

    /// The address family of the first stream in use that names an address; nil if none does.
    static func family(of description: SessionDescription) -> IPAddress.Family? {
        for media in description.media where media.isRelayable {
            if case .ip(let ip)? = media.connection?.address { return ip.unmapped.family }
        }
        return nil
    }

    /// What `media` says about `peer`, to whom we have a media address of `family`.
    func read(
        _ media: MediaDescription, from peer: MediaPeer, _ family: IPAddress.Family
    ) throws(MediaRefusal) -> MediaRemote {
        if media.port != 0, media.transport == .secure, media.profile == nil { throw .notAcceptable(.secureMedia) }
        guard media.isRelayable else { return MediaRemote(remote: nil, isHeld: false) }
        guard let connection = media.connection else { throw .malformed(.missingConnection) }
        var remote = LegRemote(
            generation: 0, rtp: nil, rtcp: nil, networks: peer.networks,
            signallingAddress: peer.isNAT ? peer.signallingAddress.unmapped : nil, acceptsAnySource: peer.isNAT,
            isDestinationFixed: !peer.isNAT)
        switch connection.address {
        case .unspecified:
            remote.hasFeedback = media.profile?.hasFeedback ?? false
            let isHeld = !media.isPlaceholder || media.direction != .sendrecv
            return MediaRemote(remote: remote, isHeld: isHeld, ice: PeerICE(media))
        case .name: try assume(media, from: peer, family, &remote)
        case .ip(let ip): try apply(ip.unmapped, media, from: peer, family, &remote)
        }
        remote.hasFeedback = media.profile?.hasFeedback ?? false
        if media.isRTP, let ip = remote.rtp?.ip {
            remote.rtcp = try rtcp(media, from: peer, ip)
        }
        // Two sessions of ours that are joined have nobody between them to send checks.
        let isJoined = remote.rtp.map { policy.isOwnMediaAddress($0.ip, on: peer.side) != nil } ?? false
        return MediaRemote(
            remote: remote, isHeld: media.direction != .sendrecv,
            ice: isJoined ? nil : PeerICE(media))
    }

    /// Whether a line crosses as it is, without us: its receiver must not be sent where media may not go either.
    func isLeftAlone(_ media: MediaDescription, from side: Side) -> Bool {
        guard media.isLeftAlone else { return false }
        guard case .ip(let address)? = media.connection?.address else { return true }
        return policy.objection(to: address.unmapped, of: side) == nil
    }

    private func apply(
        _ ip: IPAddress, _ media: MediaDescription, from peer: MediaPeer, _ family: IPAddress.Family,
        _ remote: inout LegRemote
    ) throws(MediaRefusal) {
        guard ip.family == family else { throw .notAcceptable(.otherFamily) }
        let target = SocketAddress(ip, media.port)
        switch policy.objection(to: ip, of: peer.side) {
        case nil:
            remote.rtp = target
            // Where the rules except our own address, as on loopback, another may have its ports beside ours.
            guard let local = policy.isOwnMediaAddress(ip, on: peer.side) else { break }
            remote.isJoint = ports.isLive(target.port, on: local) == true
            if remote.isJoint { remote.rtp = SocketAddress(local, target.port) }
        case .ourOwn?:
            remote.rtp = try ownTarget(target, from: peer)
            remote.isJoint = true
        case .otherSide? where peer.isNAT: try assume(media, from: peer, family, &remote)
        case let objection?: throw .forbiddenAddress(ip, objection)
        }
    }

    /// A media port of ours as the target joins two relay sessions inside us; anything else of ours is off limits.
    private func ownTarget(_ target: SocketAddress, from peer: MediaPeer) throws(MediaRefusal) -> SocketAddress {
        guard let local = policy.isOwnMediaAddress(target.ip, on: peer.side),
            ports.isLive(target.port, on: local) ?? settings.allPorts.contains(target.port)
        else { throw .forbiddenAddress(target.ip, .ourOwn) }
        return SocketAddress(local, target.port)
    }

    /// Where SDP names no usable address (a host name; a private address behind NAT that means somebody else here), the
    /// peer is looked for where its SIP comes from, and its packets tell the rest.
    private func assume(
        _ media: MediaDescription, from peer: MediaPeer, _ family: IPAddress.Family, _ remote: inout LegRemote
    ) throws(MediaRefusal) {
        let address = peer.signallingAddress.unmapped
        guard address.family == family else { throw .notAcceptable(.otherFamily) }
        if let objection = policy.objection(to: address, of: peer.side) { throw .forbiddenAddress(address, objection) }
        remote.rtp = SocketAddress(address, media.port)
        remote.signallingAddress = address
        remote.isDestinationFixed = false
    }

    /// The same port for who multiplexes, which we always agree to (RFC 5761 §5.1.1), and of answers believe; `a=rtcp`,
    /// else the next port (RFC 3550 §11).
    private func rtcp(
        _ media: MediaDescription, from peer: MediaPeer, _ ip: IPAddress
    ) throws(MediaRefusal) -> SocketAddress? {
        if media.isMultiplexed { return SocketAddress(ip, media.port) }
        let (next, overflow) = media.port.addingReportingOverflow(1)
        guard let rtcp = media.rtcp else { return overflow ? nil : SocketAddress(ip, next) }
        guard rtcp.port != 0 else { return nil }
        switch rtcp.address {
        case nil: return SocketAddress(ip, rtcp.port)
        case .name?, .unspecified?: return nil
        case .ip(let named)?: return try control(SocketAddress(named.unmapped, rtcp.port), from: peer, media: ip)
        }
    }

    private func control(
        _ target: SocketAddress, from peer: MediaPeer, media: IPAddress
    ) throws(MediaRefusal) -> SocketAddress? {
        guard target.ip.family == media.family else { return nil }
        switch policy.objection(to: target.ip, of: peer.side) {
        case nil: return target
        case .ourOwn?: return try ownTarget(target, from: peer)
        case .otherSide? where peer.isNAT: return SocketAddress(media, target.port)
        case let objection?: throw .forbiddenAddress(target.ip, objection)
        }
    }
}

extension MediaDescription {
    /// Whether the stream is in use and of a kind that is relayed.
    var isRelayable: Bool { port != 0 && portCount <= 1 && (isRTP || transport == .datagram) }

    /// Whether the stream is none of datagrams (MSRP, BFCP over TCP): the ends speak to each other, if they can, and the
    /// line crosses as it is. It is not anchored: what it names of its sender's addresses, the receiver sees.
    var isLeftAlone: Bool { port != 0 && transport == .stream }

    var isRTP: Bool { transport == .rtp || profile != nil }
}

extension LegRemote {
    /// Whether both say the same, whichever exchange said it.
    func isEquivalent(to other: LegRemote?) -> Bool {
        other?.of(generation) == self
    }

    /// The same, as said by the exchange of that generation.
    func of(_ generation: UInt32) -> LegRemote {
        var copy = self
        copy.generation = generation
        return copy
    }
}
