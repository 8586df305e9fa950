import Config
import MediaRelay
import NetworkTypes
import OutboundProxy

// The configuration as the cores want it.

extension Configuration {
    /// What the proxy cores are told; `calls` is the most calls of one shard.
    func proxySettings(calls: Int) -> ProxySettings {
        let listeners = proxyListeners
        var settings = ProxySettings(
            listeners: listeners, insideNetworks: inside.networks, pbxs: pbx.map(PBXSettings.init),
            trunks: trunks.map(TrunkSettings.init), callDuration: limits.callDuration, maximumCalls: calls)
        settings.advertisedName = outside.advertisedName
        if remotePhones.isEnabled { settings.phones = PhoneSettings(remotePhones) }
        (settings.insideSRTP, settings.insideKeying) = (inside.srtp, inside.keying)
        settings.emergencyNumbers = EmergencyNumbers(emergency)
        settings.strangerRate = limits.perSource.map { max(1, Int($0.perSecond.rounded(.up))) } ?? 1_000_000
        return settings
    }

    /// How many stream connections there may be.
    func connectionLimits(descriptors: Int) -> ConnectionCensus.Limits {
        ConnectionCensus.Limits(
            connections: connectionCapacity(descriptors: descriptors), perSource: limits.connectionsPerSource)
    }

    /// The listeners of both sides; those of the outside that use a socket of the inside last.
    private var proxyListeners: [Listener] {
        var listeners: [Listener] = []
        let shared = sharedListeners
        for (transport, address) in self.listeners(of: .inside) {
            listeners.append(
                Listener(
                    id: .next(in: listeners), side: .inside, transport: transport, local: address,
                    trunk: address.ip == phoneAddress ? PhoneSettings.trunkName : nil))
        }
        for isShared in [false, true] {
            for listener in self.listeners(of: .outside) where isShared == shared.contains(where: { $0 == listener }) {
                let owner = listeners.first { ($0.transport, $0.local) == listener }
                listeners.append(outsideListener(.next(in: listeners), listener, on: owner))
            }
            guard !isShared else { continue }
            for (trunk, address) in sourcePorts {
                listeners.append(outsideListener(.next(in: listeners), (.udp, address), trunk: trunk.name))
            }
            addConnectingTLS(to: &listeners)
        }
        return listeners
    }

    /// Who does not listen for TLS outside can still connect to ITSPs that want it, which needs no certificate.
    private func addConnectingTLS(to listeners: inout [Listener]) {
        for address in connectingTLS {
            listeners.append(outsideListener(.next(in: listeners), (.tls, address), isOpen: false))
        }
    }

    private func outsideListener(
        _ id: ListenerID, _ listener: (transport: TransportProtocol, address: SocketAddress),
        on owner: Listener? = nil, trunk: String? = nil, isOpen: Bool = true
    ) -> Listener {
        let family = listener.address.ip.family
        return Listener(
            id: id, side: .outside, transport: listener.transport, local: listener.address,
            advertised: outside.advertisedAddress(family).map { SocketAddress($0, listener.address.port) },
            isAnnounced: !outside.familiesOfName.contains(family), socket: owner?.id,
            trunk: trunk, isOpen: isOpen)
    }

    /// What the media anchors are told, before the ports are shared out among the shards.
    var relaySettings: RelaySettings {
        var settings = RelaySettings(
            inside: edge(inside.addresses, networks: inside.networks),
            outside: edge(outside.addresses, networks: [], advertised: outside.advertisedAddress),
            ports: media.ports, silence: media.timeout, allowed: media.allow,
            ownAddresses: inside.addresses + outside.addresses + (phoneAddress.map { [$0] } ?? []))
        if media.isDirect { settings.farEnds = SharedFarEnds() }
        if remotePhones.isEnabled { settings.phonesWithICE = SharedPhonesWithICE() }
        return settings
    }

    /// The interface that each listener is tied to: its side's, where the sides have different ones. Loopback is left
    /// out, since addresses there may stand for any interface.
    func devices(of listeners: [Listener], on interfaces: InterfaceTable) -> [String?] {
        let names = listeners.map { interfaces.entry(of: $0.local.ip)?.name }
        func used(by side: Side) -> Set<String> {
            Set(zip(listeners, names).filter { $0.0.side == side }.compactMap(\.1))
        }
        guard used(by: .inside).isDisjoint(with: used(by: .outside)) else { return names.map { _ in nil } }
        return names.map { $0 == "lo" ? nil : $0 }
    }

    private func edge(
        _ addresses: [IPAddress], networks: [IPNetwork], advertised: (IPAddress.Family) -> IPAddress? = { _ in nil }
    ) -> RelaySettings.Edge {
        func media(_ family: IPAddress.Family) -> RelaySettings.MediaAddress? {
            addresses.first { $0.family == family }
                .map { RelaySettings.MediaAddress($0, advertised: advertised(family)) }
        }
        return RelaySettings.Edge(v4: media(.v4), v6: media(.v6), networks: networks)
    }
}

extension ListenerID {
    fileprivate static func next(in listeners: [Listener]) -> ListenerID {
        ListenerID(UInt16(clamping: listeners.count))
    }
}

extension PBXSettings {
    init(_ target: SIPTarget) {
        let host =
            switch target.host {
            case .address(let ip): ip.description
            case .name(let name): name
            }
        self.init(host: host, port: target.port, transport: target.transport)
    }
}

extension PhoneSettings {
    init(_ phones: RemotePhonesConfiguration) {
        self.init(domains: phones.domains, contact: phones.contact == .path ? .path : .parameter)
        (srtp, keying) = (phones.srtp, phones.keying)
    }
}

extension ContactMode {
    init(_ mode: TrunkConfiguration.ContactMode) {
        switch mode {
        case .parameter: self = .parameter
        case .user: self = .user
        case .path: self = .path
        }
    }
}

extension HidingSettings {
    init(_ trunk: TrunkConfiguration) {
        let callIDs: CallIDs =
            switch trunk.hideCallID {
            case .auto: .telling
            case .yes: .all
            case .no: .none
            }
        self.init(
            isOn: trunk.hidesTopology, callIDs: callIDs, fromDomain: trunk.fromDomain,
            keepsIdentity: trunk.identity == .keep)
    }
}

extension TrunkSettings {
    init(_ trunk: TrunkConfiguration) {
        self.init(
            name: trunk.name, domain: trunk.domain, user: trunk.user, networks: trunk.networks,
            mediaNetworks: trunk.mediaNetworks, isNAT: trunk.isBehindNAT, trustsUDP: trunk.trustsUDP,
            pbxs: trunk.pbx.map(PBXSettings.init), contact: ContactMode(trunk.contact), transport: trunk.transport,
            qualify: trunk.qualify, hiding: HidingSettings(trunk))
        redirects = trunk.redirects == .follow ? .follow : .pass
        (srtp, keying) = (trunk.srtp, trunk.keying)
        asksForLoad = trunk.hasOverloadControl
    }
}
