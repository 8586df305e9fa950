import Foundation

/// How much a test of an attack does.
public enum AttackLoad {
    /// Whether `SALLYPORT_ATTACKS=full` asks for all that security.md names, which takes minutes.
    public static let isFull = ProcessInfo.processInfo.environment["SALLYPORT_ATTACKS"] == "full"

    /// A sample that takes seconds, unless everything is asked for.
    public static func count(_ sample: Int, full: Int) -> Int { isFull ? full : sample }
}
