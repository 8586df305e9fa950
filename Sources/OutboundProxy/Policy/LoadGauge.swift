import NetworkTypes

/// How hard new requests must be held back so that what is going on is not delayed (RFC 7339 §5 in spirit: the share
/// that is shed follows the load).
///
/// Fed at a steady pace with how busy the thread was and how far behind it is. Busy alone is nothing, and so is late for
/// a moment; busy and late for long lets the share grow, and it shrinks as soon as there is time again.
public struct LoadGauge: Sendable {
    /// The share of new requests to refuse, 0 to 1.
    public private(set) var pressure = 0.0
    private var load = 0.0
    private var lateWindows = 0

    /// How long a window is.
    public static let window = Duration.milliseconds(50)
    /// Later than that is late: half of T1, after which requests are repeated and make it worse (RFC 3261 §17.1.1.2).
    static let tolerableLag = Duration.milliseconds(250)
    /// So many windows in a row: a machine that others use, too, takes the processor away for a moment now and then.
    static let mostLateWindows = 4
    /// Above that share of its time the thread has none to spare.
    static let fullLoad = 0.9

    public init() {}

    /// One window has passed: the share of it that the thread worked, and how long what came last had waited.
    public mutating func note(busy: Double, lag: Duration) {
        load += (min(max(busy, 0), 1) - load) * 0.3
        lateWindows = lag > Self.tolerableLag ? lateWindows + 1 : 0
        if lateWindows >= Self.mostLateWindows, load > Self.fullLoad {
            // Far behind, the share grows faster: up to a tenth in one window.
            let excess = min(1, lag.seconds / Self.tolerableLag.seconds / 4)
            pressure = min(1, pressure + 0.01 + 0.09 * excess)
        } else if lateWindows == 0 {
            pressure = max(0, pressure - 0.01 - 0.05 * pressure)
        }
    }
}
