import NetworkTypes
import OutboundProxy
import Reactor
import Resolver

/// Follows the domains of the configured trunks: what their NAPTR, SRV and address records lead to says where their calls
/// may come from (design §3).
final class TrunkSources {
    private let followers: [NameFollower]

    /// `onChange` is told whenever a trunk's addresses are others.
    init(
        of trunks: [TrunkSettings], _ resolver: Resolver, on loop: EventLoop,
        onChange: @escaping (DirectoryUpdate) -> Void
    ) {
        followers = trunks.filter { IPAddress($0.domain) == nil }.map { trunk in
            NameFollower(on: loop) { [unowned resolver] reply in
                resolver.sources(of: trunk.domain, reply: reply)
            } onChange: { addresses in
                onChange(.resolved(domain: trunk.domain, addresses: addresses))
            }
        }
    }
}
