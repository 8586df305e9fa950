import NetworkTypes
import SDP

/// What one media description says on one leg beside its address and port: the profile and the keys.
struct LegFace: Hashable {
    var profile: RTPProfile?
    var crypto: [CryptoAttribute] = []
    var ice: ICEFace?
}

/// What may be agreed on with one peer about the keys of one stream.
struct SecurityPolicy {
    /// What is offered, the best known first: few, since each is 90 octets of a datagram.
    static let offered: [CryptoSuite] = [.aes128SHA1x80, .aes256SHA1x80, .aes128GCM, .aes256GCM]

    let peer: MediaPeer
    /// Whether the leg was secure in this dialog: then it stays so (PJSIP CVE-2022-39269).
    let wasSecure: Bool

    var isRequired: Bool { wasSecure || peer.srtp == .required }

    private var maySeeKeys: Bool { wasSecure || peer.maySeeKeys }

    private var offersKeys: Bool { wasSecure || peer.isOfferedKeys }

    /// Whether an offer leaves the peer no choice.
    private var insists: Bool { isRequired || offersKeys && peer.srtpOffer == .secure }

    /// The line of an offer that is taken up, the first that can be (RFC 4568 §5.1.2); nil for a plain stream.
    func choose(from media: MediaDescription) throws(MediaRefusal) -> CryptoAttribute? {
        if maySeeKeys, media.profile != nil, let line = media.crypto.first { return line }
        guard media.profile?.isSecure != true else { throw .notAcceptable(.secureMedia) }
        guard !isRequired || media.isOpaque else { throw .notAcceptable(.missingKeys) }
        return nil
    }

    /// What an offer to the peer says: what was agreed on before, else what policy says, and what the other side offers.
    func face(
        offering media: MediaDescription, before: LegFace?, keys: (CryptoSuite) -> KeyingMaterial
    ) -> LegFace {
        guard let profile = media.profile else { return LegFace() }
        var face = LegFace(profile: before?.profile ?? profile)
        if before?.profile == nil { face.profile?.isSecure = insists }
        guard offersKeys else { return face }
        face.crypto = Self.offered.enumerated().map { CryptoAttribute(tag: UInt32($0 + 1), keys: keys($1)) }
        return face
    }

    /// The keys that an answer to `face` settles on; nil for a plain stream.
    func keys(
        from media: MediaDescription, answering face: LegFace
    ) throws(MediaRefusal) -> (line: CryptoAttribute, keys: LegKeys)? {
        for line in media.crypto {
            let offered = face.crypto.first { $0.tag == line.tag && $0.keys.suite == line.keys.suite }
            if let offered { return (offered, LegKeys(inbound: line.keys, outbound: offered.keys)) }
        }
        if media.isOpaque { return nil }
        guard media.profile?.isSecure != true else { throw .notAcceptable(.secureMedia) }
        guard !isRequired, face.profile?.isSecure != true else { throw .notAcceptable(.missingKeys) }
        return nil
    }
}

extension MediaDescription {
    /// Whether its datagrams are none of RTP's.
    var isOpaque: Bool { transport == .datagram }
}
