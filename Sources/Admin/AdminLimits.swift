/// What clients of the admin server may take. All of it is bounded: the loop has better things to do.
public struct AdminLimits: Sendable {
    /// Connections at once; with one more, the oldest is closed.
    public var connections = 32
    /// Octets of a request line with its header fields.
    public var headers = 8192
    /// Octets of a request's body; no route reads one.
    public var body = 1024
    /// Silence after which a connection is closed, in whole seconds.
    public var idleSeconds = 5
    /// Age at which a connection is closed, however busy it looks.
    public var lifetime: Duration = .seconds(15)
    /// After this a request that no handler has answered gets 503.
    public var answer: Duration = .seconds(5)

    public init() {}
}
