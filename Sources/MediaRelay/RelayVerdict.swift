public import NetworkTypes

/// What becomes of one packet.
public enum RelayVerdict: Hashable, Sendable {
    /// Send the first `length` octets of the slot from the socket `descriptor`.
    case forward(length: Int, to: SocketAddress, descriptor: Int32)
    case drop(DropCause)
    /// The packet was for us. The driver looks at the core's effects when it is through with the batch.
    case consumed
}

/// Why a packet is not relayed; each cause has its counter in ``RelayCounters``.
public enum DropCause: UInt8, Hashable, Sendable, CaseIterable {
    /// The source is not believed.
    case source
    /// No RTP or RTCP, or shorter than its header says.
    case malformed
    /// STUN that is no authentic connectivity check (RFC 8445 §7.3).
    case check
    /// On a secure leg, and not authentic or a replay.
    case authentication
    /// The opposite leg is secure, and the packet can't be protected.
    case protection
    /// The opposite leg's peer takes no packets, or none that would ever leave us.
    case noDestination
}
