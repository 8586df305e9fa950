import NetworkTypes

/// RFC 3263 §4: from a name to the places that it stands for, as far as the records are known.
///
/// What is asked for next does not wait for what decides whether it is needed: the SRV and address records of a name are
/// asked for along with its NAPTR records. A call to a new domain so costs one round trip rather than three, and the
/// questions that prove needless are answered once per time to live.
struct Locator {
    private var pass: Pass
    private let query: LocationQuery
    private var list = TargetList()
    /// The next records could come before what follows them, so that nothing may follow yet.
    private var isBlocked = false
    /// Transports whose SRV record says that there is no such service.
    private var denied: Set<TransportProtocol> = []

    /// What one run gave.
    struct Result {
        /// Nil where nothing can be said yet.
        var location: Location?
        /// Whether answers that are still to come could add to it.
        var isWhole: Bool
        var pass: Pass
    }

    static func locate(_ query: LocationQuery, _ pass: Pass) -> Result {
        var locator = Locator(pass: pass, query: query)
        locator.run()
        return locator.result
    }

    private init(pass: Pass, query: LocationQuery) {
        self.pass = pass
        self.query = query
    }

    private var result: Result {
        let isWhole = pass.missing.isEmpty
        let location: Location? =
            if !list.targets.isEmpty {
                .targets(list.targets)
            } else if !isWhole {
                nil
            } else {
                pass.hasFailed ? .unavailable : .unknownName
            }
        return Result(location: location, isWhole: isWhole, pass: pass)
    }

    // MARK: §4.1 Transport

    private mutating func run() {
        guard !query.families.isEmpty else { return }
        if let address = IPAddress(query.host) { return appendLiteral(address) }
        guard let name = DomainName(host: query.host), let transport = query.chosenTransport else { return }
        if let port = query.port { return appendHost(name, port, transport) }
        if pass.isLocal(name) { return appendHost(name, transport.defaultPort, transport) }
        prepare(name)
        if query.transport == nil {
            appendAuthorities(of: name)
            if isBlocked || !list.targets.isEmpty { return }
        }
        appendServices(of: name)
        if isBlocked || !list.targets.isEmpty || pass.hasFailedServices || denied.contains(transport) { return }
        appendHost(name, transport.defaultPort, transport)
    }

    private mutating func appendLiteral(_ address: IPAddress) {
        guard query.families.contains(address.family), let transport = query.chosenTransport else { return }
        list.append(
            [.init(port: query.port ?? transport.defaultPort, weight: 0, addresses: [[address]])], over: transport)
    }

    private mutating func prepare(_ name: DomainName) {
        for transport in query.candidates {
            if let service = name.prefixed(by: transport.serviceLabels) { pass.prepare(.srv, of: service) }
        }
        for candidate in pass.candidates(for: name) { pass.prepareAddresses(of: candidate, query.families) }
    }

    /// NAPTR: order, then preference; the order decides, not what we would like better. Equal ones go by ours.
    private mutating func appendAuthorities(of name: DomainName) {
        let found: [NamingAuthorityRecord]
        switch pass.authorities(of: name) {
        case .found(let all): found = all
        case .open:
            isBlocked = true
            return
        case .absent, .failed:
            // It is only a hint: where servers do not let it pass, SRV records tell the same.
            pass.forgive()
            return
        }
        let usable = found.compactMap { record in query.transport(for: record).map { (record, $0) } }
        let sorted = usable.sorted { one, other in
            (one.0.order, one.0.preference, one.1.place) < (other.0.order, other.0.preference, other.1.place)
        }
        for (record, transport) in sorted.prefix(Self.mostAuthorities) where !isBlocked {
            if record.flags == "s" {
                appendServices(of: record.replacement, transport)
            } else {
                appendHost(record.replacement, transport.defaultPort, transport)
            }
        }
    }

    /// As many NAPTR records are followed.
    private static let mostAuthorities = 8

    // MARK: §4.2 Port and address

    /// SRV records for the transports that could be used, in the order TLS, TCP, UDP.
    private mutating func appendServices(of name: DomainName) {
        for transport in query.candidates where !isBlocked {
            guard let service = name.prefixed(by: transport.serviceLabels) else { continue }
            appendServices(of: service, transport)
        }
    }

    /// The SRV records of one service name, by priority (RFC 2782).
    private mutating func appendServices(of name: DomainName, _ transport: TransportProtocol) {
        switch pass.services(of: name) {
        case .open: isBlocked = true
        case .absent, .failed: break
        case .found(let services):
            if services.allSatisfy({ $0.target == .root }) { denied.insert(transport) }
            for service in services where service.target != .root {
                pass.prepareAddresses(of: service.target, query.families)
            }
            let groups = Dictionary(grouping: services.filter { $0.target != .root && $0.port != 0 }, by: \.priority)
            for (_, group) in groups.sorted(by: { $0.key < $1.key }) where !isBlocked {
                append(group, over: transport)
            }
        }
    }

    /// One priority. While none of its targets is known, those of the next aren't either: they are for when it is down.
    private mutating func append(_ group: [ServiceRecord], over transport: TransportProtocol) {
        let gaps = pass.gaps
        let places = group.map { service in
            TargetList.Place(
                port: service.port, weight: service.weight,
                addresses: pass.addresses(of: service.target, query.families))
        }
        append(places, over: transport, gaps: gaps)
    }

    private mutating func appendHost(_ name: DomainName, _ port: UInt16, _ transport: TransportProtocol) {
        let gaps = pass.gaps
        let addresses = pass.addresses(ofHost: name, query.families)
        append([.init(port: port, weight: 0, addresses: addresses)], over: transport, gaps: gaps)
    }

    private mutating func append(_ places: [TargetList.Place], over transport: TransportProtocol, gaps: Int) {
        if pass.gaps > gaps, !places.contains(where: { $0.addresses.contains { !$0.isEmpty } }) {
            isBlocked = true
        } else {
            list.append(places, over: transport)
        }
    }
}

extension LocationQuery {
    /// Transports that SRV records are looked up for: what is demanded, or what we can speak, TLS before TCP before UDP.
    fileprivate var candidates: [TransportProtocol] {
        if let demanded { return transports.contains(demanded) ? [demanded] : [] }
        return transports.sorted { $0.place < $1.place }
    }

    /// A `sips:` URI demands TLS, over whatever it names (RFC 3261 §26.2.2, RFC 5630 §3.1.1).
    private var demanded: TransportProtocol? { isSecure ? .tls : transport }

    /// The transport where DNS does not choose: UDP, for `sips:` TLS, or what comes nearest. Nil where we can't.
    fileprivate var chosenTransport: TransportProtocol? {
        if let demanded { return transports.contains(demanded) ? demanded : nil }
        return transports.contains(.udp) ? .udp : transports.first
    }

    /// The transport that a NAPTR record leads to, where it is one for SIP that we can use (RFC 3263 §4.1).
    fileprivate func transport(for record: NamingAuthorityRecord) -> TransportProtocol? {
        guard record.flags == "s" || record.flags == "a", let transport = TransportProtocol(service: record.service)
        else { return nil }
        return candidates.contains(transport) ? transport : nil
    }
}

extension TransportProtocol {
    /// The place in our order of preference.
    fileprivate var place: Int {
        switch self {
        case .tls: 0
        case .tcp: 1
        case .udp: 2
        }
    }

    /// What stands before a domain in the name of its SRV records.
    var serviceLabels: String {
        switch self {
        case .udp: "_sip._udp"
        case .tcp: "_sip._tcp"
        case .tls: "_sips._tcp"
        }
    }

    /// The transport of a NAPTR service.
    init?(service: String) {
        switch service {
        case "SIP+D2U": self = .udp
        case "SIP+D2T": self = .tcp
        case "SIPS+D2T": self = .tls
        default: return nil
        }
    }
}
