import NetworkTypes
import SDP

/// How a peer wants to agree on keys: what is taken up of its offer, or what an answer of it comes to.
enum Keying {
    /// A line of its offer.
    case crypto(CryptoAttribute)
    /// Its answer to a line of ours.
    case agreed(CryptoAttribute, LegKeys)
    case dtls(TransportIdentity)
}

/// What may be agreed on with one peer about the keys of one stream.
struct SecurityPolicy {
    /// What is offered, the best known first: few, since each is 90 octets of a datagram.
    static let offered: [CryptoSuite] = [.aes128SHA1x80, .aes256SHA1x80, .aes128GCM, .aes256GCM]

    let peer: MediaPeer
    /// Whether the leg was secure in this dialog: then it stays so (PJSIP CVE-2022-39269).
    let wasSecure: Bool
    /// That of our certificate; nil where there is no DTLS.
    var fingerprint: CertificateFingerprint?

    var isRequired: Bool { wasSecure || peer.srtp == .required }

    private var offersKeys: Bool { wasSecure || peer.isOfferedKeys }

    /// A fingerprint may be read by anybody.
    private var mayUseDTLS: Bool { fingerprint != nil && (wasSecure || peer.srtp != .off) }

    /// Whether an offer leaves the peer no choice.
    private var insists: Bool { isRequired || offersKeys && peer.srtpOffer == .secure }

    /// What of an offer is taken up; of lines with keys the first that can be (RFC 4568 §5.1.2). nil for a plain stream.
    /// Where an offer has both, its profile decides, and else what is configured.
    func choose(from media: MediaDescription) throws(MediaRefusal) -> Keying? {
        if let profile = media.profile {
            let line = peer.maySeeKeys && !profile.namesDTLS ? media.crypto.first : nil
            if let line, peer.keying == .sdes || !hasFingerprint(media) { return .crypto(line) }
            if hasFingerprint(media) { return .dtls(media.identity) }
        }
        guard media.profile?.isSecure != true else { throw .notAcceptable(.secureMedia) }
        guard !isRequired || media.isOpaque else { throw .notAcceptable(.missingKeys) }
        return nil
    }

    private func hasFingerprint(_ media: MediaDescription) -> Bool {
        mayUseDTLS && !media.identity.fingerprints.isEmpty
    }

    /// What an offer to the peer says: what was agreed on before, else what policy says, and what the other side offers.
    func face(
        offering media: MediaDescription, before: LegFace?, keys: (CryptoSuite) -> KeyingMaterial
    ) -> LegFace {
        guard let profile = media.profile else { return LegFace() }
        var face = LegFace(profile: before?.profile ?? profile)
        let usesDTLS = usesDTLS(before)
        if before?.profile == nil {
            // Who speaks plain RTP to somebody with RTP/SAVPF knows nothing of feedback, and refuses it.
            let hasFeedback = profile.hasFeedback && (insists || !profile.isSecure)
            face.profile = RTPProfile(isSecure: insists, hasFeedback: hasFeedback, namesDTLS: usesDTLS)
        }
        face.isMultiplexed = before?.isMultiplexed ?? false
        guard offersKeys else { return face }
        if usesDTLS, let fingerprint {
            face.dtls = DTLSFace(
                fingerprint: fingerprint, setup: .actpass, tlsID: before?.dtls?.tlsID ?? DTLSFace.newID())
            face.isMultiplexed = true
            return face
        }
        // However secure the leg was by other means, keys are not shown to everybody.
        guard peer.maySeeKeys else { return face }
        face.crypto = Self.offered.enumerated().map { CryptoAttribute(tag: UInt32($0 + 1), keys: keys($1)) }
        return face
    }

    /// Whether keys come from DTLS: as was agreed on, else as is configured.
    private func usesDTLS(_ before: LegFace?) -> Bool {
        if fingerprint == nil || before?.crypto.isEmpty == false { return false }
        return before?.dtls != nil || peer.keying == .dtls || !peer.maySeeKeys
    }

    /// What an answer to `face` settles on; nil for a plain stream.
    func keys(from media: MediaDescription, answering face: LegFace) throws(MediaRefusal) -> Keying? {
        if face.dtls != nil, hasFingerprint(media) { return .dtls(media.identity) }
        for line in media.crypto {
            let offered = face.crypto.first { $0.tag == line.tag && $0.keys.suite == line.keys.suite }
            if let offered { return .agreed(offered, LegKeys(inbound: line.keys, outbound: offered.keys)) }
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
