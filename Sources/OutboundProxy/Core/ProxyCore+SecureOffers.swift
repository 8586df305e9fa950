import NetworkTypes
import SIP

// Offers of SRTP that the peer need not take: RTP/SAVP, or RTP/AVP with keys (RFC 8643). Who refuses one gets the other.

extension ProxyCore {
    /// Decides what the offer is like, and keeps what is needed to make another one.
    func chooseOffer(of request: PendingRequest, to peer: inout MediaPeer, on flow: Flow, at now: Instant) {
        guard let server = request.server else { return }
        guard peer.hasChoiceOfOffers else { return server.otherOffer = nil }
        if let other = server.otherOffer {
            // Another target gets what the one before gets now.
            peer.srtpOffer = other.isMade ? other.form : other.form.other
            if other.isMade { return }
        } else {
            let known = offers.form(for: flow.peer, ofTrunk: request.forwarding.trunk, at: now)
            peer.srtpOffer = known ?? peer.srtp.firstOffer
        }
        // Within a dialog the number of the request is used up.
        guard server.method == .invite, !request.arrival.message.isInDialog else { return }
        server.otherOffer = OtherOffer(request, flow: flow, form: peer.srtpOffer.other)
    }

    /// After a 488 to the first offer the request goes out once more, with the other one. Not before the callee has
    /// forgotten it: until then it would take the request for one that came by two ways (RFC 3261 §8.2.2.2). Over a stream
    /// that is at once, but for those who have another hop behind them; their 482 says so.
    func offersOtherwise(_ server: ServerTransaction, after response: Message, at now: Instant) -> Bool {
        guard let other = server.otherOffer, !server.isFinal, !server.isCancelled else { return false }
        let isReliable = identities[other.flow.listener]?.transport.isReliable ?? false
        switch response.status {
        case 488 where !other.isMade:
            other.isMade = true
            offers.note(other.form, for: other.flow.peer, ofTrunk: server.trunk, at: now)
            guard isReliable else { break }
            offerOtherwise(server, at: now)
            return true
        case 482 where other.isMade && isReliable && server.offerChanges == 1: break
        // The caller repeats the request, and that one begins with what this one has come to.
        case 401, 407: return false
        default:
            // That it was refused had another reason.
            if other.isMade { offers.forget(other.flow.peer, ofTrunk: server.trunk) }
            return false
        }
        schedule(offerOf: server, at: now + settings.timers.absorption)
        return true
    }

    /// Sends the request with the other offer.
    func offerOtherwise(_ server: ServerTransaction, at now: Instant) {
        guard let other = server.otherOffer, !server.isFinal, !server.isCancelled else { return }
        server.offerChanges &+= 1
        if let session = server.call?.session { media.rollback(session: session, exchange: server.serial) }
        server.failover?.bodies = []
        server.offer = .none
        // What is said to the other offer counts.
        if let best = server.best, best.status == 488 || best.status == 482 { server.best = nil }
        send(
            PendingRequest(arrival: other.arrival, forwarding: other.forwarding, server: server), on: other.flow,
            at: now)
    }
}
