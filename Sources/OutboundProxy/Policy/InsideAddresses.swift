import NetworkTypes

/// Which addresses are inside: those of `inside.networks`, and those of configured PBXs wherever they are.
struct InsideAddresses {
    private let networks: [IPNetwork]
    private let pbxs: Set<IPAddress>
    /// Whether a PBX is configured by name: it may have any inside address.
    private let hasNamedPBX: Bool

    init(_ settings: ProxySettings) {
        networks = settings.insideNetworks
        let hosts = settings.pbxs + settings.trunks.flatMap(\.pbxs)
        let addresses = hosts.map { IPAddress($0.host) }
        pbxs = Set(addresses.compactMap { $0?.embedded })
        hasNamedPBX = addresses.contains(nil)
    }

    func contains(_ address: IPAddress) -> Bool {
        let address = address.embedded
        return networks.contains { $0.contains(address) } || pbxs.contains(address)
    }

    /// Whether a configured PBX has the address, or may have it.
    func isPBX(_ address: IPAddress) -> Bool { hasNamedPBX || pbxs.contains(address.embedded) }
}
