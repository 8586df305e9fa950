public import NetworkTypes

extension Configuration {
    /// Checks the configuration against the machine it is to run on, and fills in what the machine knows: the inside
    /// networks. `isTaken` says whether a port is in use; without it ports are not looked at.
    public mutating func validate(
        on interfaces: InterfaceTable, isTaken: ((TransportProtocol, SocketAddress) -> Bool)? = nil
    ) throws(ConfigurationErrors) -> [ConfigurationWarning] {
        var errors = addressErrors(on: interfaces) + listenerErrors() + trunkErrors() + mediaErrors()
        var warnings: [ConfigurationWarning] = []
        if let isTaken { portFindings(isTaken, errors: &errors, warnings: &warnings) }
        if let errors = ConfigurationErrors(errors) { throw errors }
        fillInsideNetworks(from: interfaces, warnings: &warnings)
        warnings += sideWarnings(on: interfaces)
        return warnings
    }

    /// Calls that ports and descriptors allow: each takes a pair of ports on either side, and four sockets.
    public func callCapacity(descriptors: Int) -> Int {
        let pairs = (media.ports.count) / 2
        let pairsPerSide = Set(inside.addresses).isDisjoint(with: outside.addresses) ? pairs : pairs / 2
        let free = descriptors - Self.reservedDescriptors - connectionCapacity(descriptors: descriptors)
        let byMachine = min(pairsPerSide, max(0, free) / 4)
        if case .exactly(let limit) = limits.calls { return min(limit, byMachine) }
        return byMachine
    }

    /// Stream connections that may be at once: those of the configuration, or an eighth of the descriptors.
    public func connectionCapacity(descriptors: Int) -> Int {
        min(limits.connections, max(64, descriptors / 8))
    }

    /// Descriptors for everything but media and connections.
    static let reservedDescriptors = 256

    // MARK: Errors

    private func addressErrors(on interfaces: InterfaceTable) -> [ConfigurationError] {
        var errors: [ConfigurationError] = []
        for (side, addresses) in [(Side.inside, inside.addresses), (.outside, outside.addresses)] {
            for (index, address) in addresses.enumerated() where interfaces.entry(of: address) == nil {
                let path = pathOfAddress(index, of: side)
                errors.append(error(at: path, "\(address) is on no interface of this machine"))
            }
        }
        return errors
    }

    /// In the short form the section itself is the address, or the list of them.
    private func pathOfAddress(_ index: Int, of side: Side) -> String {
        let candidates = ["\(side).addresses[\(index)]", "\(side).addresses", "\(side)[\(index)]", "\(side)"]
        return candidates.first { positions[$0] != nil } ?? "\(side)"
    }

    private func listenerErrors() -> [ConfigurationError] {
        let inner = listeners(of: .inside)
        var errors: [ConfigurationError] = []
        for outer in listeners(of: .outside) where inner.contains(where: { $0 == outer }) {
            let message =
                "inside and outside both listen on \(outer.transport) \(outer.address); give one side another port"
            errors.append(error(at: "outside.listen", fallback: "outside", message))
        }
        return errors
    }

    private func trunkErrors() -> [ConfigurationError] {
        let shared = (listeners(of: .inside) + listeners(of: .outside)).filter { $0.transport == .udp }
        var errors: [ConfigurationError] = []
        for (index, trunk) in trunks.enumerated() {
            let addresses = trunk.sourcePort.map { port in outside.addresses.map { SocketAddress($0, port) } } ?? []
            let path = "trunks[\(index)].source_port"
            if let taken = addresses.first(where: { address in shared.contains { $0.address == address } }) {
                errors.append(error(at: path, "we listen on \(taken) for everybody; give the trunk another port"))
            }
            if let port = trunk.sourcePort, media.ports.contains(port) {
                errors.append(error(at: path, "\(port) is one of the media ports \(media.ports.text)"))
            }
            if let transport = trunk.transport, !outside.listen.contains(where: { $0.transport == transport }) {
                let message = "we don't speak \(transport) outside: outside.listen does not name it"
                errors.append(error(at: "trunks[\(index)].transport", message))
            }
        }
        return errors
    }

    private func mediaErrors() -> [ConfigurationError] {
        let sip = (listeners(of: .inside) + listeners(of: .outside)).filter { $0.transport == .udp }.map(\.address.port)
        guard let port = sip.first(where: { media.ports.contains($0) }) else { return [] }
        return [error(at: "media.ports", fallback: "media", "the range contains the SIP port \(port)")]
    }

    private func portFindings(
        _ isTaken: (TransportProtocol, SocketAddress) -> Bool, errors: inout [ConfigurationError],
        warnings: inout [ConfigurationWarning]
    ) {
        for side in Side.allCases {
            for listener in listeners(of: side) where isTaken(listener.transport, listener.address) {
                let message = "\(listener.transport) \(listener.address) is in use by another program"
                errors.append(error(at: "\(side).listen", fallback: "\(side)", message))
            }
        }
        for (index, trunk) in trunks.enumerated() {
            guard let port = trunk.sourcePort else { continue }
            for address in outside.addresses.map({ SocketAddress($0, port) }) where isTaken(.udp, address) {
                let message = "udp \(address) is in use by another program"
                errors.append(error(at: "trunks[\(index)].source_port", message))
            }
        }
        for address in Set(inside.addresses + outside.addresses).sorted(by: { "\($0)" < "\($1)" }) {
            let taken = media.ports.filter { isTaken(.udp, SocketAddress(address, $0)) }
            guard let first = taken.first else { continue }
            let message =
                "\(taken.count) of the ports \(media.ports.text) are in use on \(address), \(first) is the first"
            // A few strangers cost a few calls; a range that is someone else's is a mistake.
            if taken.count > media.ports.count / 4 {
                errors.append(error(at: "media.ports", fallback: "media", message))
            } else {
                warnings.append(warning(at: "media.ports", message))
            }
        }
    }

    // MARK: Warnings

    private mutating func fillInsideNetworks(
        from interfaces: InterfaceTable, warnings: inout [ConfigurationWarning]
    ) {
        guard inside.networks.isEmpty else { return }
        for address in inside.addresses {
            guard let entry = interfaces.entry(of: address) else { continue }
            if !inside.networks.contains(entry.network) { inside.networks.append(entry.network) }
        }
        if inside.networks.allSatisfy({ $0.prefixLength == ($0.address.family == .v4 ? 32 : 128) }) {
            let message = "the inside addresses have no subnet, so only this host may call out; name inside.networks"
            warnings.append(warning(at: "inside", message))
        }
    }

    private func sideWarnings(on interfaces: InterfaceTable) -> [ConfigurationWarning] {
        let shared = inside.addresses.filter(outside.addresses.contains)
        if let address = shared.first {
            let message =
                "inside and outside share \(address): only the port tells them apart, and a source address of "
                + "inside.networks can be forged by anyone who reaches the inside port"
            return [warning(at: "outside", message)]
        }
        let outer = outside.addresses.compactMap { interfaces.entry(of: $0)?.network }
        for network in inside.networks {
            guard let other = outer.first(where: { $0.overlaps(network) }) else { continue }
            let message =
                "the inside network \(network) overlaps the outside network \(other): hosts out there may call out"
            return [warning(at: positions["inside.networks"] == nil ? "inside" : "inside.networks", message)]
        }
        return []
    }

    private func error(at path: String, fallback: String = "", _ message: String) -> ConfigurationError {
        ConfigurationError(file: file, position: positions[path] ?? positions[fallback], message: message)
    }

    private func warning(at path: String, _ message: String) -> ConfigurationWarning {
        ConfigurationWarning(file: file, position: positions[path], message: message)
    }
}

extension IPNetwork {
    /// Whether an address is in both.
    func overlaps(_ other: IPNetwork) -> Bool { contains(other.address) || other.contains(address) }
}

extension ClosedRange<UInt16> {
    /// As in the file: `10000-20000`.
    var text: String { "\(lowerBound)-\(upperBound)" }
}
