import NetworkTypes
import OutboundProxy
import Synchronization

/// A ``CallBudget`` as the executable has it.
final class LockedBudget: CallAdmission {
    private let budget: Mutex<CallBudget>

    init(
        callsPerSecond: Int? = nil, trunks: [(name: String, limits: CallBudget.Limits)] = [],
        unixTime: Int64 = 1_000_000, at now: Instant = Instant(nanoseconds: 1_000_000_000)
    ) {
        budget = Mutex(CallBudget(callsPerSecond: callsPerSecond, trunks: trunks, unixTime: unixTime, at: now))
    }

    func admit(trunk: String, isOutbound: Bool, at now: Instant) -> Result<CallPlace, CallRefusal> {
        budget.withLock { $0.admit(trunk: trunk, isOutbound: isOutbound, at: now) }
    }

    func answer(_ place: inout CallPlace, at now: Instant) {
        place = budget.withLock { [place] budget in
            var place = place
            budget.answer(&place, at: now)
            return place
        }
    }

    func end(_ place: CallPlace, isChallenged: Bool, at now: Instant) {
        budget.withLock { $0.end(place, isChallenged: isChallenged, at: now) }
    }

    func usage(at now: Instant) -> [CallBudget.Usage] { budget.withLock { $0.usage(at: now) } }
    func calls(at now: Instant) -> Int { usage(at: now).first?.calls ?? -1 }
}
