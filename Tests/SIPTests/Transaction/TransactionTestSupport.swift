import NetworkTypes
import SIP

/// The instant `seconds` after the start of a test.
func at(_ seconds: Double) -> Instant { .zero + .seconds(seconds) }

/// The times in seconds at which `fire` was called at the machine's own deadlines, and what it answered, until the
/// machine has no deadline left or `limit` calls were made.
func schedule<Action>(
    limit: Int = 100, deadline: () -> Instant?, fire: (Instant) -> Action
) -> [(seconds: Double, action: Action)] {
    var steps: [(seconds: Double, action: Action)] = []
    while let next = deadline(), steps.count < limit {
        steps.append(((next - .zero).seconds, fire(next)))
    }
    return steps
}
