import Config
import DNS
import Logging
import NetworkTypes
import Reactor
import Resolver

extension Configuration {
    /// Keeps the shards told what the name of `outside.advertise` stands for, for as long as the result is kept; nil
    /// where there is no name.
    func followAdvertisedName(
        on loop: EventLoop, every interval: ClosedRange<Duration>, telling shards: [Mailbox<ShardMessage>],
        logger: Logger
    ) -> NameFollower? {
        guard let name = outside.advertisedName else { return nil }
        let resolver = Resolver(on: loop)
        let families = outside.familiesOfName
        var advertised = AdvertisedAddresses(families: families)
        return NameFollower(on: loop, every: interval) { reply in
            resolver.addresses(of: name, families: families) { answer in
                if answer.list.isEmpty {
                    logger.warning("outside.advertise does not resolve", metadata: ["name": "\(name)"])
                }
                reply(answer)
            }
        } onChange: { [self] addresses in
            guard let chosen = advertised.choose(from: addresses, where: canAdvertise) else {
                let text = addresses.map(\.description).joined(separator: ", ")
                logger.notice(
                    "outside.advertise has nothing new", metadata: ["name": "\(name)", "addresses": "\(text)"])
                return
            }
            let text = chosen.map(\.description).joined(separator: ", ")
            logger.notice("outside is known by", metadata: ["name": "\(name)", "addresses": "\(text)"])
            for shard in shards { shard.send(.advertise(chosen)) }
        }
    }

    /// Whether peers outside could reach us at an address that a name gave. The DNS of the inside may well say the
    /// inside's; that must not be told outside.
    func canAdvertise(_ address: IPAddress) -> Bool {
        if outside.addresses.contains(address) { return true }
        return !address.isUnspecified && !address.isMulticast && !address.isLoopback && !address.isLinkLocal
            && !inside.addresses.contains(address) && !inside.networks.contains { $0.contains(address) }
    }
}
