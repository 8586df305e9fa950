import NetworkTypes
import SDP

/// The names of our ICE agents on the legs of one session: one for each leg and agent of a peer, which stays the same
/// whoever is told it, until the peer restarts ICE and has another name itself (RFC 8445 §9).
struct OwnICE {
    private struct Entry {
        let local: SocketAddress
        /// The peer's fragment; nil for an offer of ours, before its first answer.
        let peer: [UInt8]?
        let credentials: ICECredentials
    }

    /// How many agents of a peer are remembered: a restart is forgotten after as many others.
    private static let mostOfLeg = 4

    private var entries: [Entry] = []

    mutating func credentials(on local: SocketAddress, for peer: [UInt8]?) -> ICECredentials {
        if let known = entries.first(where: { $0.local == local && $0.peer == peer }) { return known.credentials }
        let new = ICECredentials.random()
        note(new, on: local, for: peer)
        return new
    }

    /// Remembers what an answer to our offer makes of its credentials.
    mutating func note(_ credentials: ICECredentials, on local: SocketAddress, for peer: [UInt8]?) {
        entries.removeAll { $0.local == local && $0.peer == peer }
        let others = entries.indices.filter { entries[$0].local == local }
        if others.count >= Self.mostOfLeg, let oldest = others.first { entries.remove(at: oldest) }
        entries.append(Entry(local: local, peer: peer, credentials: credentials))
    }

    mutating func forget(_ local: SocketAddress) { entries.removeAll { $0.local == local } }
}

/// What a media description of ours says about ICE.
enum ICEFace: Hashable {
    /// A lite agent of that name.
    case agent(ICECredentials)
    /// Something between us has changed addresses, so that there is no ICE (RFC 8839 §5.3).
    case mismatch
}

/// What a peer's media description says about its ICE agent.
struct PeerICE: Hashable {
    let fragment: [UInt8]
    let isLite: Bool
    let isMismatched: Bool
    let isMultiplexed: Bool
    /// Whether it is to have media.
    let takesMedia: Bool

    /// nil where no ICE is spoken, or of a stream that is no RTP.
    init?(_ media: MediaDescription) {
        guard media.isRTP, media.ice.isOffered, let fragment = media.ice.fragment else { return nil }
        self.fragment = fragment
        isLite = media.ice.isLite
        isMismatched = media.ice.isMismatched || media.hasMismatch
        isMultiplexed = media.isMultiplexed
        takesMedia = media.connection?.address != .unspecified || media.isPlaceholder
    }
}

// MARK: Offers and answers

extension MediaAnchor {
    /// What an offer says: what was agreed on before, and to a phone that has shown ICE an agent of ours.
    func iceFace(
        offering media: AnchoredMedia, to receiver: MediaPeer, before: LegFace?, _ local: SocketAddress,
        in session: AnchoredSession
    ) -> ICEFace? {
        guard !media.kind.isOpaque else { return nil }
        if case .agent? = before?.ice { return before?.ice }
        return speaksICE(receiver) ? .agent(session.ownICE.credentials(on: local, for: nil)) : nil
    }

    /// What an answer to an agent says.
    func iceFace(answering ice: PeerICE, _ local: SocketAddress, in session: AnchoredSession) -> ICEFace {
        ice.isMismatched ? .mismatch : .agent(session.ownICE.credentials(on: local, for: ice.fragment))
    }

    /// What the packet side is told about a peer's agent; nil where there will be no checks: of two lite agents, each
    /// takes the other's default candidates (RFC 8445 §6.1.1), and after a mismatch there is no ICE.
    func parameters(
        _ ice: PeerICE, _ local: SocketAddress, _ end: LegEnd, in session: AnchoredSession
    ) -> ICEParameters? {
        guard !ice.isLite, !ice.isMismatched else { return nil }
        return ICEParameters(
            credentials: session.ownICE.credentials(on: local, for: ice.fragment), peerFragment: ice.fragment,
            isMultiplexed: ice.isMultiplexed, takesMedia: ice.takesMedia,
            side: end == .caller ? session.caller.side : session.callee.side, policy: policy)
    }

    /// Has checks answered that come before the answer does.
    func expectChecks(
        _ line: Exchange.Line, _ offer: Exchange, of media: AnchoredMedia, in session: AnchoredSession
    ) {
        let end = offer.offerer.opposite
        guard case .agent(let credentials)? = line.face.ice else { return }
        for branch in media.branches where branch.faces[end]?.ice != line.face.ice {
            let ice = ICEParameters(
                credentials: credentials, peerFragment: nil,
                side: end == .caller ? session.caller.side : session.callee.side, policy: policy)
            emit(.expectChecks(stream: branch.stream, leg: end, ice))
        }
    }
}
