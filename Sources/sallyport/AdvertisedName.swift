import NetworkTypes
import Reactor
import Resolver

/// Follows the addresses of the name in `outside.advertise`, so that a new address takes effect without a restart
/// (design §10).
///
/// Where a name has several addresses the one in use is kept for as long as it is among them.
final class AdvertisedName {
    private let families: [IPAddress.Family]
    private let isUsable: (IPAddress) -> Bool
    private let onChange: ([IPAddress]) -> Void
    private var addresses: [IPAddress] = []
    private var follower: NameFollower?

    /// - Parameters:
    ///   - families: Those that we have an outside address of, and no other word for.
    ///   - interval: How often to ask at least; sooner where the answer's time to live is less.
    ///   - isUsable: Whether the outside can be known by an address; others are passed over.
    ///   - onChange: Is told the addresses, at most one of each family, whenever they are new.
    init(
        families: [IPAddress.Family], on loop: EventLoop, every interval: Duration = .seconds(300),
        lookUp: @escaping NameFollower.LookUp, isUsable: @escaping (IPAddress) -> Bool,
        onChange: @escaping ([IPAddress]) -> Void
    ) {
        self.families = families
        self.isUsable = isUsable
        self.onChange = onChange
        let least = min(interval, .seconds(5))
        follower = NameFollower(on: loop, every: least...interval, lookUp: lookUp) { [unowned self] in take($0) }
    }

    private func take(_ answer: [IPAddress]) {
        let usable = answer.map(\.unmapped).filter(isUsable)
        let found = families.compactMap { family in
            addresses.first { $0.family == family && usable.contains($0) } ?? usable.first { $0.family == family }
        }
        if !found.isEmpty, found != addresses {
            addresses = found
            onChange(found)
        }
    }
}
