public import NetworkTypes

/// How the packets between us and the peer of one leg are secured.
public enum LegSecurity: Hashable, Sendable {
    case plain
    /// SRTP and SRTCP (RFC 3711).
    case srtp(LegKeys)
    /// The same with keys from a handshake on the way of the media (RFC 5764): until then nothing passes, either way.
    case dtls(DTLSParameters)
}

/// The keys of both directions of a leg.
///
/// They cross to the worker as values, like all that signalling says. A worker keeps one context for a key as long as
/// the leg lives, so that a key which is named again goes on where it was, whichever exchange or fork names it.
public struct LegKeys: Hashable, Sendable {
    /// What the peer sends with.
    public let inbound: KeyingMaterial
    /// What we send with.
    public let outbound: KeyingMaterial

    public init(inbound: KeyingMaterial, outbound: KeyingMaterial) {
        self.inbound = inbound
        self.outbound = outbound
    }
}
