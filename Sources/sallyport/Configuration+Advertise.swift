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
        on loop: EventLoop, every interval: Duration, telling shards: [Mailbox<ShardMessage>], logger: Logger
    ) -> AdvertisedName? {
        guard let name = outside.advertisedName else { return nil }
        let resolver = Resolver(on: loop)
        let lookUp: AdvertisedName.LookUp = { name, reply in
            resolver.addresses(of: name) { answer in
                if answer.list.isEmpty {
                    logger.warning("outside.advertise does not resolve", metadata: ["name": "\(name)"])
                }
                reply(answer.list)
            }
        }
        return AdvertisedName(
            name, families: outside.familiesOfName, on: loop, every: interval, lookUp: lookUp, isUsable: canAdvertise
        ) { addresses in
            let text = addresses.map(\.description).joined(separator: ", ")
            logger.notice("outside is known by", metadata: ["name": "\(name)", "addresses": "\(text)"])
            for shard in shards { shard.send(.advertise(addresses)) }
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

extension AddressAnswer {
    fileprivate var list: [IPAddress] {
        if case .addresses(let addresses, _) = self { addresses } else { [] }
    }
}
