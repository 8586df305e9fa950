import NetworkTypes

/// A message on its way to a stream connection, perhaps to another shard's.
struct StreamSend: Sendable {
    /// Where it is to be tried next.
    enum Way: Sendable {
        /// On the connection that the flow names; where that has gone, as ``peer``.
        case named
        /// On any connection to the peer, or a new one: asked of the peer's home.
        case peer
        /// On this connection or not at all.
        case only(UInt64)
    }

    enum Purpose: Sendable {
        case message([UInt8])
        /// Nothing yet: the connection is to be there.
        case opening
    }

    let purpose: Purpose
    let origin: SendOrigin
    var way: Way
    /// Whether another connection to the peer would do as well.
    var mayGoElsewhere = true
}

/// A connection that another shard holds has come, or gone: said to its peer's home.
struct ConnectionNotice: Sendable {
    let flow: Flow
    let isOpen: Bool
}
