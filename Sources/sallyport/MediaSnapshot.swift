import MediaRelay

/// How a media worker is at one moment, for status pages and metrics.
struct MediaSnapshot: Sendable {
    let worker: Int
    /// What the legs of all live sessions have counted so far.
    let sessions: [RelaySessionID: [LegReport]]
    let sockets: Int
    /// Packets the kernel took from us, and those it refused.
    let sent: UInt64
    let refused: UInt64
    /// Failed attempts to read or to watch a socket.
    let errors: UInt64
    /// How long the worker has worked since its start.
    let busy: Duration
}
