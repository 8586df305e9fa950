import NetworkTypes
import SDP

/// The remote phones that have shown ICE, to any shard, by the address that their SIP comes from: those behind one NAT
/// count as one, since an offer of ICE is ignored by who knows none. Forgotten at a restart, until the next call.
public struct PhonesWithICE: Sendable {
    static let maximumCount = 16_384

    private var addresses: Set<IPAddress> = []

    public init() {}

    func contains(_ address: IPAddress) -> Bool { addresses.contains(address) }

    /// Where there is no more room, anybody makes some.
    mutating func insert(_ address: IPAddress) {
        if addresses.count >= Self.maximumCount, !addresses.contains(address) { addresses.removeFirst() }
        addresses.insert(address)
    }
}

/// The one memory of all shards, which each is alone with for a moment. Only anchors ask, when a remote phone makes an
/// offer or gets one: never a packet.
public protocol PhonesWithICESharing: AnyObject, Sendable {
    func withPhones<Result: Sendable>(_ body: (inout PhonesWithICE) -> Result) -> Result
}

extension PhonesWithICESharing {
    func contains(_ peer: MediaPeer) -> Bool {
        peer.isPhone && withPhones { $0.contains(peer.signallingAddress) }
    }

    /// Notes what an offer of a peer shows.
    func note(_ peer: MediaPeer, _ offer: SessionDescription) {
        guard peer.isPhone, offer.media.contains(where: \.ice.isOffered) else { return }
        withPhones { $0.insert(peer.signallingAddress) }
    }
}
