import NetworkTypes

/// Which peers have refused the offer of SRTP that is usually made first: they get the other one at once (design §6).
struct OfferMemory {
    private struct Key: Hashable {
        let trunk: String
        let peer: SocketAddress
    }

    private var offers: [Key: (form: SRTPOffer, until: Instant)] = [:]
    /// After that the usual offer is tried again: a trunk may have learned SRTP.
    static let lifetime = Duration.seconds(3600)
    private static let maximumEntries = 1000

    mutating func note(_ form: SRTPOffer, for peer: SocketAddress, ofTrunk trunk: String, at now: Instant) {
        let key = Key(trunk: trunk, peer: peer)
        guard offers.count < Self.maximumEntries || offers[key] != nil else { return }
        offers[key] = (form, now + Self.lifetime)
    }

    /// The peer refuses that one as well.
    mutating func forget(_ peer: SocketAddress, ofTrunk trunk: String) {
        offers[Key(trunk: trunk, peer: peer)] = nil
    }

    func form(for peer: SocketAddress, ofTrunk trunk: String, at now: Instant) -> SRTPOffer? {
        guard !offers.isEmpty, let entry = offers[Key(trunk: trunk, peer: peer)], entry.until > now else { return nil }
        return entry.form
    }

    mutating func sweep(at now: Instant) { offers = offers.filter { $0.value.until > now } }
}
