public import NetworkTypes

/// The limits on calls as the cores of all shards see them: one ``CallBudget``, behind a lock of the driver's.
public protocol CallAdmission: Sendable {
    /// A new call wants in. It is asked for once, and given back once with ``end(_:isChallenged:at:)``.
    func admit(trunk: String, isOutbound: Bool, at now: Instant) -> Result<CallPlace, CallRefusal>
    /// The call has been answered: its minutes count.
    func answer(_ place: inout CallPlace, at now: Instant)
    /// The call is over, or only asked for credentials.
    func end(_ place: CallPlace, isChallenged: Bool, at now: Instant)
}
