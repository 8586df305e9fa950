import NetworkTypes

/// One side of a relay stream: the two sockets that face one peer. Forks of an offer share a leg; its sockets close
/// with the last of them.
final class MediaLeg {
    let rtp: MediaChannel
    let rtcp: MediaChannel
    let contexts = LegContexts()

    init(_ sockets: LegSockets) {
        rtp = MediaChannel(sockets.rtp)
        rtcp = MediaChannel(sockets.rtcp)
    }

    var isClosed: Bool { rtp.isClosed && rtcp.isClosed }
}
