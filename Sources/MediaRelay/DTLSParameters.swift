public import NetworkTypes

/// Which end of a DTLS handshake we are (RFC 5763 §5), as `a=setup` settles it.
public enum DTLSRole: UInt8, Hashable, Sendable {
    /// We begin, we wait, or nobody does anything for now (`holdconn`).
    case active, passive, held
}

/// What signalling says about the DTLS associations of one leg: one for RTP, and one for RTCP unless it is multiplexed.
///
/// Two that are equal are the same association (RFC 8842 §3): whatever signalling changes beside these, the keys stay.
public struct DTLSParameters: Hashable, Sendable {
    /// The certificates that the peer may have; all of one hash function.
    public let fingerprints: Set<CertificateFingerprint>
    public let role: DTLSRole
    /// The peer's `a=tls-id`. One that sends none has a new association where it has a new address (RFC 5763 §6.6).
    public let identifier: Identifier

    public enum Identifier: Hashable, Sendable {
        case tlsID([UInt8])
        case address(SocketAddress?)
    }

    public init(fingerprints: Set<CertificateFingerprint>, role: DTLSRole, identifier: Identifier) {
        self.fingerprints = fingerprints
        self.role = role
        self.identifier = identifier
    }

    /// Whether both are of one association, but for who begins.
    func isSame(as other: DTLSParameters) -> Bool {
        fingerprints == other.fingerprints && identifier == other.identifier
    }
}

extension LegRemote {
    /// Whether its keys are agreed on by DTLS.
    var hasHandshakes: Bool {
        if case .dtls = security { return true }
        return false
    }
}
