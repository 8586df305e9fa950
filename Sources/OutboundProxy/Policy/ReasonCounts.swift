/// How often things happened, by reason. The reasons are words of ours and few; should they ever be many, the rest count
/// together (security 31).
public struct ReasonCounts: Hashable, Sendable {
    public private(set) var counts: [String: UInt64] = [:]
    private static let mostReasons = 56
    static let rest = "other"

    public init() {}

    mutating func add(_ reason: String) {
        let isNew = counts[reason] == nil
        counts[isNew && counts.count >= Self.mostReasons ? Self.rest : reason, default: 0] += 1
    }
}

/// What a status that came from a peer is called in counters: RFC 3261 §21's words, never the peer's.
enum StatusName {
    static func text(_ status: Int) -> String {
        if let name = names[status] { return "\(status) \(name)" }
        return "\(status / 100)xx"
    }

    /// The reason phrase alone.
    static func phrase(_ status: Int) -> String { names[status] ?? "Refused" }

    private static let names: [Int: String] = [
        302: "Moved Temporarily", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
        407: "Proxy Authentication Required", 408: "Request Timeout", 410: "Gone", 415: "Unsupported Media Type",
        420: "Bad Extension", 422: "Session Interval Too Small", 423: "Interval Too Brief",
        480: "Temporarily Unavailable", 481: "Call Does Not Exist", 482: "Loop Detected", 483: "Too Many Hops",
        484: "Address Incomplete", 486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here",
        491: "Request Pending", 500: "Server Internal Error", 501: "Not Implemented", 502: "Bad Gateway",
        503: "Service Unavailable", 504: "Server Time-out", 513: "Message Too Large", 600: "Busy Everywhere",
        603: "Decline", 604: "Does Not Exist Anywhere", 606: "Not Acceptable", 607: "Unwanted", 608: "Rejected",
    ]
}
