import NetworkTypes
import SIP

/// Which target asked for credentials, by Call-ID and method: its nonce may be good nowhere else (design §5).
struct ChallengeMemory {
    private struct Key: Hashable {
        let callID: UInt64
        let method: Method
    }

    private var challengers: [Key: (target: Target, until: Instant)] = [:]
    /// A PBX refreshes its registration with the nonce that it has.
    private static let lifetime = Duration.seconds(3600)
    private static let maximumEntries = 10_000

    /// The target has answered 401 or 407.
    mutating func note(_ target: Target, callID: UInt64, method: Method, at now: Instant) {
        let key = Key(callID: callID, method: method)
        guard challengers.count < Self.maximumEntries || challengers[key] != nil else { return }
        challengers[key] = (target, now + Self.lifetime)
    }

    /// Who asked for the credentials of such a request.
    func challenger(callID: UInt64, method: Method, at now: Instant) -> Target? {
        guard let entry = challengers[Key(callID: callID, method: method)], entry.until > now else { return nil }
        return entry.target
    }

    mutating func sweep(at now: Instant) { challengers = challengers.filter { $0.value.until > now } }
}
