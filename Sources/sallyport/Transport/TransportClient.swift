import NetworkTypes
import SIP

/// What a shard's transports tell it: the same for datagrams and streams.
protocol TransportClient: AnyObject {
    /// A whole message came; false when the shard that it belongs to is far behind. A datagram is then lost.
    @discardableResult
    func received(_ message: [UInt8], from flow: Flow) -> Bool
    /// A stream can't be followed any further; a request in it may still be answered.
    func refused(_ failure: StreamFramer.Failure, from flow: Flow)
    /// What was sent on the flow has not arrived, or can't.
    func transportFailed(_ flow: Flow)
    /// There is an open connection for the flow, as the core wished.
    func flowOpened(_ flow: Flow)
    /// A connection has ended, on whichever side's wish.
    func connectionEnded(_ flow: Flow)
    /// Whether the peer is inside, a trunk, or in a call with us.
    func isKnown(_ peer: IPAddress, on listener: ListenerID) -> Bool
    /// Everything that waited has been handed over: the core's outputs can go.
    func drain()
}
