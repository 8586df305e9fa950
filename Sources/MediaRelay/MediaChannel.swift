public import NetworkTypes

/// One socket of a media leg, for RTP or for RTCP: what a driver hands datagrams to.
///
/// Nearly always it has one path. The leg that carried an offer which forked has one for each answer.
public final class MediaChannel {
    public let socket: RelaySocket
    private var paths: ContiguousArray<RelayPath> = []
    /// Who answers the connectivity checks that come here; nil but where the peer speaks ICE.
    private var components: ContiguousArray<ICEComponent>?

    init(_ socket: RelaySocket) { self.socket = socket }
}

// MARK: Packets

extension MediaChannel {
    /// Decides about one datagram that the socket received from `source`: the first `length` octets of `slot`, which is
    /// changed in place where a leg is secure, and needs room for ``SRTPContext/maximumOverhead`` octets more then.
    ///
    /// The time is that of the batch. Nothing here changes which channels exist, so a driver may work through a batch
    /// without looking at the core's effects.
    public func receive(
        _ slot: inout MutableSpan<UInt8>, length: Int, from source: SocketAddress, at now: Instant
    ) -> RelayVerdict {
        guard length <= slot.count else { return .drop(.malformed) }
        if length > 0, slot[0] < 4, let components {
            return answer(&slot, length, from: source, at: now, components)
        }
        return receive(&slot, length: length, from: source, at: now, joints: 0)
    }

    func receive(
        _ slot: inout MutableSpan<UInt8>, length: Int, from source: SocketAddress, at now: Instant, joints: Int
    ) -> RelayVerdict {
        if paths.count == 1 { return paths[0].relay(&slot, length, from: source, at: now, joints: joints) }
        guard let path = bestPath(for: source, at: now) else {
            paths.first?.countForeign()
            return .drop(.source)
        }
        let verdict = path.relay(&slot, length, from: source, at: now, joints: joints)
        guard verdict == .drop(.authentication) else { return verdict }
        return relayBesides(path, &slot, length, from: source, at: now, joints: joints)
    }

    /// Forks whose media comes from one address are told apart by their keys.
    private func relayBesides(
        _ tried: RelayPath, _ slot: inout MutableSpan<UInt8>, _ length: Int, from source: SocketAddress,
        at now: Instant, joints: Int
    ) -> RelayVerdict {
        for path in paths where path !== tried && path.isSecured && path.rank(of: source, at: now) != nil {
            let verdict = path.relay(&slot, length, from: source, at: now, joints: joints)
            if verdict != .drop(.authentication) { return verdict }
        }
        return .drop(.authentication)
    }

    /// STUN (RFC 7983 §7): an authentic check is answered to where it came from, anything else drops silently. It counts
    /// as no packet of the peer: only media keeps a call up.
    private func answer(
        _ slot: inout MutableSpan<UInt8>, _ length: Int, from source: SocketAddress, at now: Instant,
        _ components: ContiguousArray<ICEComponent>
    ) -> RelayVerdict {
        for component in components {
            guard let answer = component.receive(&slot, length: length, from: source, at: now) else { continue }
            return .forward(length: answer, to: source, descriptor: socket.descriptor)
        }
        components.first?.countRefused()
        return .drop(.check)
    }

    /// Counts a packet that came here but that the kernel did not take when it was sent on.
    public func countUnsent() { paths.first?.countUnsent() }

    /// The fork whose peer `source` is: the best reason to believe it decides, then the newest answer.
    private func bestPath(for source: SocketAddress, at now: Instant) -> RelayPath? {
        var best: RelayPath?
        var bestRank = UInt8.max
        for path in paths.reversed() {
            guard let rank = path.rank(of: source, at: now), rank < bestRank else { continue }
            (best, bestRank) = (path, rank)
        }
        return best
    }
}

// MARK: Signalling

extension MediaChannel {
    /// A channel without a path is closed: its last stream is gone.
    var isClosed: Bool { paths.isEmpty }

    // The list is replaced, never changed in place: with a change in place anywhere, each packet that reads it would
    // pay for a run-time exclusivity check.
    func attach(_ path: RelayPath) {
        paths = paths + [path]
        updateComponents()
    }

    func detach(_ path: RelayPath) {
        paths = paths.filter { $0 !== path }
        updateComponents()
    }

    /// Looks anew at which paths have checks.
    func updateComponents() {
        let all = ContiguousArray(paths.compactMap(\.component))
        components = all.isEmpty ? nil : all
    }
}
