import Glibc
public import NetworkTypes
import TLS

extension Configuration {
    /// Checks the configuration against the machine it is to run on, and fills in what the machine knows: the inside
    /// networks. `isTaken` says whether a port is in use; without it ports are not looked at.
    public mutating func validate(
        on interfaces: InterfaceTable, isTaken: ((TransportProtocol, SocketAddress) -> Bool)? = nil
    ) throws(ConfigurationErrors) -> [ConfigurationWarning] {
        var errors =
            addressErrors(on: interfaces) + listenerErrors() + trunkErrors() + advertiseErrors() + mediaErrors()
            + phoneErrors(on: interfaces)
        var warnings: [ConfigurationWarning] = []
        tlsFindings(at: Int64(time(nil)), errors: &errors, warnings: &warnings)
        if let isTaken { portFindings(isTaken, errors: &errors, warnings: &warnings) }
        if let errors = ConfigurationErrors(errors) { throw errors }
        fillInsideNetworks(from: interfaces, warnings: &warnings)
        warnings += sideWarnings(on: interfaces) + advertiseWarnings()
        return warnings
    }

    /// Calls that ports and descriptors allow: each takes a pair of ports on either side, and four sockets. The ports
    /// that are kept for emergency calls (design §10) are none of theirs.
    public func callCapacity(descriptors: Int) -> Int {
        let all = mediaPairs
        let pairs = all - (all + 25) / 50
        let pairsPerSide = Set(inside.addresses).isDisjoint(with: outside.addresses) ? pairs : pairs / 2
        let free = descriptors - Self.reservedDescriptors - connectionCapacity(descriptors: descriptors)
        let byMachine = min(pairsPerSide, max(0, free) / 4)
        if case .exactly(let limit) = limits.calls { return min(limit, byMachine) }
        return byMachine
    }

    /// Pairs of an even port and the next one, as the relay takes them.
    private var mediaPairs: Int {
        let lowest = max(Int(media.ports.lowerBound), 1)
        return max(0, (Int(media.ports.upperBound) + 1 - lowest - lowest % 2) / 2)
    }

    /// Stream connections that may be at once: those of the configuration, as far as an eighth of the descriptors goes, or
    /// three quarters where the file names them.
    public func connectionCapacity(descriptors: Int) -> Int {
        let share = positions["limits.connections"] == nil ? descriptors / 8 : descriptors / 4 * 3
        return min(limits.connections, max(64, share))
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

    /// One socket serves both sides only where the file says which sources are inside, and not all are.
    private func listenerErrors() -> [ConfigurationError] {
        guard !sharedListeners.isEmpty else { return [] }
        if inside.networks.isEmpty {
            return sharedListeners.map { shared in
                let message =
                    "inside and outside both listen on \(shared.transport) \(shared.address); give one side another "
                    + "port, or name inside.networks, by which sources the sides are then told apart"
                return error(at: "outside.listen", fallback: "outside", message)
            }
        }
        guard let all = inside.networks.first(where: { $0.prefixLength == 0 }) else { return [] }
        return [
            error(at: "inside.networks", "\(all) leaves no source for the outside, which has the same address and port")
        ]
    }

    private func advertiseErrors() -> [ConfigurationError] {
        var errors: [ConfigurationError] = []
        func add(_ index: Int, _ message: String) {
            let path =
                positions["outside.advertise[\(index)]"] == nil ? "outside.advertise" : "outside.advertise[\(index)]"
            errors.append(error(at: path, fallback: "outside", message))
        }
        for (index, host) in outside.advertise.enumerated() {
            let before = outside.advertise[..<index]
            guard case .address(let ip) = host else {
                if before.contains(where: { if case .name = $0 { true } else { false } }) {
                    add(index, "\(host) is a second name; give one")
                }
                continue
            }
            let family = ip.family == .v4 ? "IPv4" : "IPv6"
            if !outside.addresses.contains(where: { $0.family == ip.family }) {
                add(index, "\(ip) has no \(family) address among outside.addresses that it stands for")
            }
            if before.contains(where: { if case .address(let other) = $0 { other.family == ip.family } else { false } })
            {
                add(index, "\(ip) is a second \(family) address; give one of each family")
            }
            if inside.addresses.contains(ip), !outside.addresses.contains(ip) {
                add(index, "\(ip) is an inside address")
            }
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
            if let transport = trunk.transport {
                errors += unspoken(transport, on: .outside, at: "trunks[\(index)].transport")
            }
            errors += unspoken(byPBXs: trunk.pbx, at: "trunks[\(index)].pbx")
        }
        return errors + unspoken(byPBXs: pbx, at: "pbx")
    }

    private func unspoken(byPBXs targets: [SIPTarget], at path: String) -> [ConfigurationError] {
        targets.enumerated().flatMap { index, target in
            let own = "\(path)[\(index)]"
            return unspoken(target.transport, on: .inside, at: positions[own] == nil ? path : own)
        }
    }

    /// Requests go by a transport that we have a listener for, which responses come back to.
    private func unspoken(_ transport: TransportProtocol, on side: Side, at path: String) -> [ConfigurationError] {
        let listen = side == .inside ? inside.listen : outside.listen
        guard !listen.contains(where: { $0.transport == transport }) else { return [] }
        // To connect is enough for an ITSP.
        if transport == .tls, side == .outside, !connectingTLS.isEmpty { return [] }
        let message =
            "we don't speak \(transport) \(side): \(side).listen does not name it"
            + (transport == .tls && tls?.certificate == nil ? ", which needs tls.certificate" : "")
        return [error(at: path, message)]
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
            let shared = side == .outside ? sharedListeners : []
            for listener in listeners(of: side)
            where isTaken(listener.transport, listener.address) && !shared.contains(where: { $0 == listener }) {
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

    private func advertiseWarnings() -> [ConfigurationWarning] {
        outside.advertise.compactMap { host in
            guard case .address(let ip) = host, let network = inside.networks.first(where: { $0.contains(ip) }) else {
                return nil
            }
            return warning(
                at: "outside.advertise", "\(ip) is in the inside network \(network): peers outside can't reach it")
        }
    }

    private func sideWarnings(on interfaces: InterfaceTable) -> [ConfigurationWarning] {
        if let listener = sharedListeners.first {
            let message =
                "inside and outside share \(listener.transport) \(listener.address): only its source address says which "
                + "side a message is of, and whoever can send with one of inside.networks is taken for the PBX"
            return [warning(at: "outside", message)]
        }
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

    func error(at path: String, fallback: String = "", _ message: String) -> ConfigurationError {
        ConfigurationError(file: file, position: positions[path] ?? positions[fallback], message: message)
    }

    func warning(at path: String, _ message: String) -> ConfigurationWarning {
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
