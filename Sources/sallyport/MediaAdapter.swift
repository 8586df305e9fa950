import MediaRelay
import NetworkTypes
import OutboundProxy

/// Joins the two policy cores that don't know each other: what the proxy wants anchored, the media anchor anchors.
final class MediaAdapter: MediaAnchoring {
    let anchor: MediaAnchor
    /// The sessions that are closed and whose workers will still report on them.
    private(set) var awaited: Set<UInt64> = []

    init(_ anchor: MediaAnchor) { self.anchor = anchor }

    func open(caller: MediaPeer, callee: MediaPeer, isEmergency: Bool) -> UInt64 {
        anchor.open(caller: caller, callee: callee, isEmergency: isEmergency).value
    }

    func offer(
        _ body: ArraySlice<UInt8>, session: UInt64, fromCaller: Bool, exchange: UInt64, sender: MediaPeer,
        receiver: MediaPeer, now: Instant
    ) throws(MediaFailure) -> [UInt8] {
        do {
            return try anchor.offer(
                body, in: RelaySessionID(session), from: fromCaller ? .caller : .callee, exchange: exchange,
                sender: sender, receiver: receiver)
        } catch { throw MediaFailure(error) }
    }

    func answer(
        _ body: ArraySlice<UInt8>, session: UInt64, fromCaller: Bool, exchange: UInt64, fork: UInt32,
        sender: MediaPeer, now: Instant
    ) throws(MediaFailure) -> [UInt8] {
        do {
            return try anchor.answer(
                body, in: RelaySessionID(session), from: fromCaller ? .caller : .callee, exchange: exchange, fork: fork,
                sender: sender)
        } catch { throw MediaFailure(error) }
    }

    func confirm(session: UInt64, fork: UInt32) { anchor.confirm(RelaySessionID(session), fork: fork) }
    func rollback(session: UInt64, exchange: UInt64) { anchor.rollback(RelaySessionID(session), exchange: exchange) }
    func close(session: UInt64) { if anchor.close(RelaySessionID(session)) { awaited.insert(session) } }

    /// The worker has reported.
    func reported(session: UInt64) { awaited.remove(session) }
}

extension MediaFailure {
    fileprivate init(_ refusal: MediaRefusal) {
        self.init(status: refusal.statusCode, reason: refusal.description)
    }
}
