import NetworkTypes

/// All addresses that a trunk's domain stands for: where its requests may come from.
///
/// The union of what its NAPTR, SRV and address records name, for all transports: a call comes in from a server that
/// another record names than the one we would call.
enum SourceFinder {
    static func addresses(of name: DomainName, _ pass: inout Pass) -> [IPAddress] {
        if pass.isLocal(name) { return pass.addresses(of: name, IPAddress.Family.allCases).flatMap { $0 } }
        var hosts = [name]
        for service in serviceNames(of: name, &pass, hosts: &hosts) {
            guard case .found(let services) = pass.services(of: service) else { continue }
            hosts += services.map(\.target).filter { $0 != .root }
        }
        var found: [IPAddress] = []
        var seen: Set<IPAddress> = []
        for address in hosts.flatMap({ pass.addresses(of: $0, IPAddress.Family.allCases) }).joined()
        where found.count < most && seen.insert(address).inserted {
            found.append(address)
        }
        return found
    }

    /// More addresses than any trunk calls from.
    private static let most = 256

    private static func serviceNames(
        of name: DomainName, _ pass: inout Pass, hosts: inout [DomainName]
    ) -> [DomainName] {
        var names = TransportProtocol.allCases.compactMap { name.prefixed(by: $0.serviceLabels) }
        guard case .found(let authorities) = pass.authorities(of: name) else { return names }
        for record in authorities where TransportProtocol(service: record.service) != nil {
            if record.flags == "s", !names.contains(record.replacement) { names.append(record.replacement) }
            if record.flags == "a" { hosts.append(record.replacement) }
        }
        return names
    }
}
