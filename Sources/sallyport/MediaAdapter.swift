import MediaRelay
import NetworkTypes
import OutboundProxy

/// Joins the two policy cores that don't know each other: what the proxy wants anchored, the media anchor anchors.
final class MediaAdapter: MediaAnchoring {
    let anchor: MediaAnchor

    init(_ anchor: MediaAnchor) { self.anchor = anchor }

    func open(caller: MediaParty, callee: MediaParty) -> UInt64 {
        anchor.open(caller: MediaPeer(caller), callee: MediaPeer(callee)).value
    }

    func offer(
        _ body: ArraySlice<UInt8>, session: UInt64, fromCaller: Bool, exchange: UInt64, sender: MediaParty,
        receiver: MediaParty, now: Instant
    ) throws(MediaFailure) -> [UInt8] {
        do {
            return try anchor.offer(
                body, in: RelaySessionID(session), from: fromCaller ? .caller : .callee, exchange: exchange,
                sender: MediaPeer(sender), receiver: MediaPeer(receiver))
        } catch { throw MediaFailure(error) }
    }

    func answer(
        _ body: ArraySlice<UInt8>, session: UInt64, fromCaller: Bool, exchange: UInt64, fork: UInt32,
        sender: MediaParty, now: Instant
    ) throws(MediaFailure) -> [UInt8] {
        do {
            return try anchor.answer(
                body, in: RelaySessionID(session), from: fromCaller ? .caller : .callee, exchange: exchange, fork: fork,
                sender: MediaPeer(sender))
        } catch { throw MediaFailure(error) }
    }

    func confirm(session: UInt64, fork: UInt32) { anchor.confirm(RelaySessionID(session), fork: fork) }
    func rollback(session: UInt64, exchange: UInt64) { anchor.rollback(RelaySessionID(session), exchange: exchange) }
    func close(session: UInt64) { anchor.close(RelaySessionID(session)) }
}

extension MediaPeer {
    fileprivate init(_ party: MediaParty) {
        self.init(
            side: party.side, family: party.family, signallingAddress: party.signallingAddress, isNAT: party.isNAT,
            networks: party.networks)
    }
}

extension MediaFailure {
    fileprivate init(_ refusal: MediaRefusal) {
        self.init(status: refusal.statusCode, reason: refusal.description)
    }
}
