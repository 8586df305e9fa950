import NetworkTypes

/// Which addresses are inside: those of `inside.networks`, and those of configured PBXs wherever they are.
struct InsideAddresses {
    private let networks: [IPNetwork]
    private let pbxs: Set<IPAddress>
    /// The names of PBXs that are configured by name: these may have any inside address.
    private let names: Set<String>

    init(_ settings: ProxySettings) {
        networks = settings.insideNetworks
        let hosts = settings.pbxs + settings.trunks.flatMap(\.pbxs)
        let addresses = hosts.map { IPAddress($0.host) }
        pbxs = Set(addresses.compactMap { $0?.embedded })
        names = Set(zip(hosts, addresses).filter { $0.1 == nil }.map { $0.0.host.lowercased() })
    }

    func contains(_ address: IPAddress) -> Bool {
        let address = address.embedded
        return networks.contains { $0.contains(address) } || pbxs.contains(address)
    }

    /// Whether a configured PBX has the address, or may have it.
    func isPBX(_ address: IPAddress) -> Bool { !names.isEmpty || pbxs.contains(address.embedded) }

    /// Whether the name of a configured PBX stands anywhere in the text.
    func tellsName(_ text: ArraySlice<UInt8>) -> Bool {
        guard !names.isEmpty else { return false }
        let text = String(decoding: text, as: UTF8.self).lowercased()
        return names.contains { text.contains($0) }
    }

    /// Whether a configured PBX has the name.
    func isPBX(named host: Range<Int>, in bytes: [UInt8]) -> Bool {
        !names.isEmpty && names.contains(bytes.text(host).lowercased())
    }
}
