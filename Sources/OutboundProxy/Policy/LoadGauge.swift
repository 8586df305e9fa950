import NetworkTypes

/// How hard new requests must be held back so that what is going on is not delayed (RFC 7339 §5 in spirit: the share
/// that is shed follows the load).
///
/// Fed at a steady pace with how busy the thread was and how far behind it is. Busy for a moment is nothing; busy for
/// long or late twice in a row lets the share grow, and it shrinks as soon as there is time again.
public struct LoadGauge: Sendable {
    /// The share of new requests to refuse, 0 to 1.
    public private(set) var pressure = 0.0
    private var load = 0.0
    private var lateWindows = 0

    /// How long a window is.
    public static let window = Duration.milliseconds(50)
    /// Later than that is late: RFC 3261's timers don't notice it, people do not either.
    static let tolerableLag = Duration.milliseconds(20)
    /// Above that share of its time the thread has none to spare.
    static let fullLoad = 0.93

    public init() {}

    /// One window has passed: the share of it that the thread worked, and how long what came last had waited.
    public mutating func note(busy: Double, lag: Duration) {
        load += (min(max(busy, 0), 1) - load) * 0.3
        lateWindows = lag > Self.tolerableLag ? lateWindows + 1 : 0
        if lateWindows >= 2 {
            // Far behind, the share grows faster: up to a quarter of it in one window.
            let excess = min(1, lag.seconds / Self.tolerableLag.seconds / 8)
            pressure = min(1, pressure + 0.02 + 0.23 * excess)
        } else if load > Self.fullLoad {
            pressure = min(1, pressure + 0.02)
        } else if lateWindows == 0 {
            pressure = max(0, pressure - 0.01 - 0.05 * pressure)
        }
    }
}
