/// Why a packet is not protected or unprotected. It is as it was, but for ``failed``.
public enum SRTPError: Error, Hashable, Sendable, CaseIterable {
    /// No RTP or RTCP packet, or shorter than its header says.
    case malformed
    /// The buffer has no room for what is added.
    case noRoom
    /// The tag, or the master key identifier, is not what the key makes of the packet.
    case authentication
    /// The index was used before, or is too old to tell (RFC 3711 §3.3.2).
    case replayed
    /// More sources than one key is kept state for.
    case tooManyStreams
    /// The key has protected as many packets as it may (RFC 3711 §9.2).
    case exhausted
    /// The library failed.
    case failed
}
