import NetworkTypes
import SDP

/// A DTLS association that a peer has offered, or agreed to: what it is known by, and what we say about our end of it.
struct OfferedAssociation: Hashable {
    let parameters: DTLSParameters
    let face: DTLSFace

    /// What was agreed on with the same peer before, if anything was.
    struct Previous {
        let parameters: DTLSParameters?
        let face: DTLSFace?
        let address: SocketAddress?
        let usesICE: Bool

        init(_ branch: AnchoredMedia.Branch?, facing end: LegEnd) {
            if case .dtls(let parameters)? = branch?.remotes[end]?.security {
                self.parameters = parameters
            } else {
                parameters = nil
            }
            face = branch?.faces[end]?.dtls
            address = branch?.remotes[end]?.rtp
            usesICE = branch?.usesICE[end] ?? false
        }
    }

    /// An answer to what `peer` offers from `address`. An association that goes on keeps its roles, where the peer leaves
    /// them open, and its name (RFC 8842 §5.3).
    init(
        answering offer: TransportIdentity, from address: SocketAddress?, of peer: MediaPeer, _ previous: Previous,
        _ fingerprint: CertificateFingerprint
    ) {
        let fingerprints = offer.fingerprints.strongest
        let identifier = Self.identifier(offer, address, previous)
        let known = previous.parameters.flatMap {
            $0.fingerprints == fingerprints && $0.identifier == identifier && $0.role != .held ? $0.role : nil
        }
        let role: DTLSRole =
            switch offer.setup {
            // RFC 4145 §4: active is what an offer says that doesn't say.
            case .active, nil: .passive
            case .passive: .active
            // Who begins opens the way through a NAT on its own side.
            case .actpass: known ?? (peer.isNAT ? .passive : .active)
            case .holdconn: known ?? .held
            }
        parameters = DTLSParameters(fingerprints: fingerprints, role: role, identifier: identifier)
        var tlsID: [UInt8]?
        if offer.tlsID != nil {
            tlsID = (parameters == previous.parameters ? previous.face?.tlsID : nil) ?? DTLSFace.newID()
        }
        face = DTLSFace(
            fingerprint: fingerprint, setup: Self.setup(role, answering: offer.setup), tlsID: tlsID)
    }

    /// What an answer settles that came from `address` to our offer.
    init(
        answeredBy answer: TransportIdentity, from address: SocketAddress?, of peer: MediaPeer, _ previous: Previous,
        to face: DTLSFace
    ) {
        let role: DTLSRole =
            switch answer.setup {
            case .active: .passive
            // RFC 4145 §4: passive is what an answer says that doesn't say.
            case .passive, nil: .active
            // Some repeat what they were offered.
            case .actpass: peer.isNAT ? .passive : .active
            case .holdconn: previous.parameters?.role ?? .held
            }
        parameters = DTLSParameters(
            fingerprints: answer.fingerprints.strongest, role: role,
            identifier: Self.identifier(answer, address, previous))
        self.face = face
    }

    private static func identifier(
        _ identity: TransportIdentity, _ address: SocketAddress?, _ previous: Previous
    ) -> DTLSParameters.Identifier {
        if let tlsID = identity.tlsID { return .tlsID(tlsID) }
        if let last = previous.parameters, case .address = last.identifier, isStill(identity, address, previous) {
            return last.identifier
        }
        return .address(identity.usesICE ? nil : address)
    }

    /// Whether a peer that names no association means the last one. With ICE an address means nothing, and to take up or
    /// leave ICE is no reason for another association (RFC 8842 §4). A peer on hold that names no address is where it was.
    private static func isStill(
        _ identity: TransportIdentity, _ address: SocketAddress?, _ previous: Previous
    ) -> Bool {
        if identity.usesICE || previous.usesICE {
            return previous.parameters?.fingerprints == identity.fingerprints.strongest
        }
        return address == nil || address == previous.address
    }

    private static func setup(_ role: DTLSRole, answering offer: SetupAttribute?) -> SetupAttribute {
        if offer == .holdconn { return .holdconn }
        return role == .active ? .active : .passive
    }
}
