import NetworkTypes

/// The channels of one worker by their local address and by their descriptor. For commands, never for packets.
final class ChannelTable {
    private var byAddress: [SocketAddress: MediaChannel] = [:]
    private var byDescriptor: [Int32: MediaChannel] = [:]
    /// Whether ports of ours that are not here may be another worker's.
    let hasSiblings: Bool

    init(hasSiblings: Bool) { self.hasSiblings = hasSiblings }

    /// The channel with this local address.
    subscript(local: SocketAddress) -> MediaChannel? { byAddress[local] }

    var count: Int { byDescriptor.count }

    func owns(descriptor: Int32) -> Bool { byDescriptor[descriptor] != nil }

    /// Gives back the memory of a time with many more channels.
    func shrink() {
        byAddress.shrink()
        byDescriptor.shrink()
    }

    func insert(_ channel: MediaChannel) {
        byAddress[channel.socket.local] = channel
        byDescriptor[channel.socket.descriptor] = channel
    }

    func remove(_ channel: MediaChannel) {
        if byAddress[channel.socket.local] === channel { byAddress[channel.socket.local] = nil }
        byDescriptor[channel.socket.descriptor] = nil
    }
}
