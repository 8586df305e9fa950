import NetworkTypes

/// Where one kind of packet of a path goes: an address, and the channel to send from or the one it ends at.
struct RelayTarget {
    let destination: SocketAddress
    let sender: MediaChannel
    /// The channel of ours that has the destination as its local address, if any (hairpin).
    let joined: MediaChannel?
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

    func point(at target: RelayTarget?) {
        guard let target else {
            isOpen = false
            joined = nil
            return
        }
        isOpen = true
        destination = target.destination
        descriptor = target.sender.socket.descriptor
        local = target.sender.socket.local
        joined = target.joined
    }
}
