/// What is asked of a peer's media (design: `srtp`).
public enum SRTPPolicy: String, Hashable, Sendable, CaseIterable {
    /// RTP only.
    case off
    /// SRTP is offered where signalling is encrypted, and not insisted on (RFC 8643).
    case auto
    /// SRTP is offered, and not insisted on.
    case optional
    /// SRTP only.
    case required
}

/// How SRTP is offered to a peer that need not take it.
public enum SRTPOffer: Hashable, Sendable {
    /// RTP/SAVP: a peer that can't follow refuses all of it (488).
    case secure
    /// RTP/AVP with keys, to take or to leave (RFC 8643).
    case opportunistic

    public var other: SRTPOffer { self == .secure ? .opportunistic : .secure }
}

extension SRTPPolicy {
    /// The offer that is made first: `auto` asks for SRTP and goes without where that is refused, `optional` the other
    /// way round.
    public var firstOffer: SRTPOffer { self == .auto ? .secure : .opportunistic }
}
