/// The bounds of ``Lookups``, in time and in number.
public struct LookupSettings: Sendable {
    /// An answer is given after this time, whatever DNS does.
    public var budget = Duration.seconds(2)
    /// How long a fresh answer is waited for where an old one would do, and the rest of a list where its head is known.
    public var patience = Duration.milliseconds(150)
    /// Answers are believed for their time to live, at least a second and at most this.
    public var longestLifetime = Duration.seconds(86_400)
    /// The same for absences (RFC 2308 §5 recommends one to three hours).
    public var longestAbsence = Duration.seconds(3600)
    /// For how long after its end an answer is better than none (RFC 8767 §4: one to three days).
    public var staleLifetime = Duration.seconds(86_400)
    /// An old answer that could not be refreshed is not tried again for this time.
    public var refreshInterval = Duration.seconds(5)
    /// A question that has never been answered isn't asked again for this time (RFC 9520 §3.2: at least a second).
    public var failureLifetime = Duration.seconds(2)
    /// The same for NAPTR that is refused, or lost where other questions are answered.
    public var hintFailureLifetime = Duration.seconds(30)
    /// For how long an answer of the hosts file is used without looking there again.
    public var hostsLifetime = Duration.seconds(10)
    public var mostQuestions = 4096
    public var mostOpen = 512
    public var mostLocations = 1024
    public var mostWaiting = 1024

    public init() {}
}
