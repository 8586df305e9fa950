public import NetworkTypes

/// Binds media sockets for the anchor, which itself opens none.
public protocol PortBinder: AnyObject {
    /// The descriptor of a non-blocking UDP socket bound to `address`; nil when it can't be had.
    func bind(_ address: SocketAddress) -> Int32?
    /// Closes a descriptor that no relay stream took over.
    func close(_ descriptor: Int32)
}
