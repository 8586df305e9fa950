public import NetworkTypes

/// What the driver must do for a ``RelayCore``.
public enum RelayEffect {
    /// Read the channel's socket and hand its datagrams to ``MediaChannel/receive(_:from:at:)``.
    case register(MediaChannel)
    /// Stop reading the socket, if it was read at all, and close it.
    case close(RelaySocket)
    /// Send a datagram of our own from the socket `descriptor`.
    case send([UInt8], to: SocketAddress, descriptor: Int32)
    /// Tell the signalling side.
    case report(RelayEvent)
    /// A rush of calls is over: what was kept for each of its sockets can be given back.
    case shrunk
}
