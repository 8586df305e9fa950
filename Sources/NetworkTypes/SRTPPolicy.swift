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
