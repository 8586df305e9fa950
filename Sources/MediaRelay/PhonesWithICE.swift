import NetworkTypes
import SDP

/// The remote phones that have shown ICE, by the address that their SIP comes from: those behind one NAT count as one,
/// since an offer of ICE is ignored by who knows none. Forgotten at a restart, until the next call.
struct PhonesWithICE {
    static let maximumCount = 16_384

    private var addresses: Set<IPAddress> = []

    func contains(_ peer: MediaPeer) -> Bool { peer.isPhone && addresses.contains(peer.signallingAddress) }

    /// Notes what an offer of a peer shows. Where there is no more room, anybody makes some.
    mutating func note(_ peer: MediaPeer, _ offer: SessionDescription) {
        guard peer.isPhone, !contains(peer), offer.media.contains(where: \.ice.isOffered) else { return }
        if addresses.count >= Self.maximumCount { addresses.removeFirst() }
        addresses.insert(peer.signallingAddress)
    }
}
