/// How many packets of strangers may still be relayed: five in the life of a stream and all of its forks, whatever
/// signalling does (CVE-2025-53399).
final class ProvisionalBudget {
    static let packets = 5

    private var remaining = packets

    /// Takes one packet from the budget; false when it is used up.
    func take() -> Bool {
        guard remaining > 0 else { return false }
        remaining -= 1
        return true
    }
}
