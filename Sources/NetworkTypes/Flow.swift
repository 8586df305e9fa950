/// Names one listener of the process: an index into the listeners that were configured.
public struct ListenerID: Hashable, Sendable {
    public let index: UInt16

    public init(_ index: UInt16) { self.index = index }
}

/// A transport association with a peer, both ways (RFC 5626 §2): for UDP a local socket and a remote address, for
/// streams one connection.
public struct Flow: Hashable, Sendable {
    /// The listener whose socket (or connection) carries it.
    public var listener: ListenerID
    /// Who the peer has to be: two names at one address never share a connection (RFC 5923 §6).
    public var name: PeerNameID
    /// Where the peer is.
    public var peer: SocketAddress
    /// The connection, on stream transports, by a number that the process uses once; 0 on UDP, and for any.
    public var connection: UInt64

    public init(listener: ListenerID, peer: SocketAddress, connection: UInt64 = 0, name: PeerNameID = .none) {
        self.listener = listener
        self.name = name
        self.peer = peer
        self.connection = connection
    }

    /// The flow as one that any connection to the peer would do for.
    public var withoutConnection: Flow { Flow(listener: listener, peer: peer, name: name) }
}
