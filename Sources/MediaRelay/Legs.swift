import NetworkTypes
import SDP

/// Our ends of the two legs of a session.
struct Legs: Hashable {
    let caller: AnchoredSession.Leg
    let callee: AnchoredSession.Leg

    subscript(end: LegEnd) -> AnchoredSession.Leg { end == .caller ? caller : callee }
}

extension MediaAnchor {
    /// The legs that an offer crosses. They are chosen anew while no stream is open: the sender's by the family that its
    /// SDP names, where a peer signals over one family and sends media over the other; the receiver's as signalling says.
    func legs(
        for description: SessionDescription, in session: AnchoredSession, from end: LegEnd, sender: MediaPeer,
        receiver: MediaPeer
    ) throws(MediaRefusal) -> Legs {
        if session.isOpen, let legs = session.legs { return legs }
        let near = try leg(sender.side, RemoteReader.family(of: description) ?? sender.family)
        let far = try leg(receiver.side, receiver.family)
        return end == .caller ? Legs(caller: near, callee: far) : Legs(caller: far, callee: near)
    }

    private func leg(_ side: Side, _ family: IPAddress.Family) throws(MediaRefusal) -> AnchoredSession.Leg {
        guard let address = settings[side][family] else { throw .notAcceptable(.noAddress(side, family)) }
        return AnchoredSession.Leg(side: side, local: address.local)
    }
}
