import NetworkTypes
import SRTP

/// Where one kind of packet of a path goes: an address, and the channel to send from or the one it ends at.
struct RelayTarget {
    let destination: SocketAddress
    let sender: MediaChannel
    /// The channel of ours that has the destination as its local address, if any (hairpin).
    let joined: MediaChannel?
    /// What protects packets on their way out of a secure leg.
    let protector: SRTPContext?
    /// Whether RTCP feedback is for somebody who doesn't speak it.
    let dropsFeedback: Bool
}

/// A ``RelayTarget`` taken apart for the packet loop. A class of its own, because reading a stored class is cheaper
/// than copying an optional structure with references in it.
final class RelayOutput {
    private(set) var isOpen = false
    private(set) var destination = SocketAddress(.unspecified(.v4), 0)
    private(set) var descriptor: Int32 = -1
    /// The local address that packets leave from.
    private(set) var local = SocketAddress(.unspecified(.v4), 0)
    /// Packets are handed to this channel instead of the kernel.
    private(set) var joined: MediaChannel?
    private(set) var protector: SRTPContext?
    private(set) var dropsFeedback = false

    func point(at target: RelayTarget?) {
        guard let target else {
            isOpen = false
            joined = nil
            protector = nil
            return
        }
        isOpen = true
        destination = target.destination
        descriptor = target.sender.socket.descriptor
        local = target.sender.socket.local
        joined = target.joined
        protector = target.protector
        dropsFeedback = target.dropsFeedback
    }
}
