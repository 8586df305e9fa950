import NetworkTypes
import SIP

// Admission and routing: who may send what where (design §3). A message's side is its listener's, never its headers'.

extension ProxyCore {
    /// What to do with a request that belongs to no transaction yet.
    func verdict(on arrival: Arrival) -> Verdict {
        let domains = arrival.side == .outside ? settings.phones?.domains ?? [] : []
        let routes = RouteProcessing(arrival.message, identities: identities, domains: domains)
        return arrival.side == .inside ? fromInside(arrival, routes) : fromOutside(arrival, routes)
    }

    // MARK: From inside

    private func fromInside(_ arrival: Arrival, _ routes: RouteProcessing) -> Verdict {
        guard isInside(arrival.flow.peer.ip) else { return .drop(\.droppedSpoofed) }
        if let refusal = refusal(of: arrival.message, routes) { return refusal }
        let bytes = arrival.message.bytes
        let target = routes.strictTarget?.uri ?? arrival.message.requestURI
        guard let uri = URI(routes.next?.uri ?? target, in: bytes) else { return .refuse(400, "Malformed Route") }
        let isStrict = routes.next != nil && !uri.isLoose(in: bytes)
        let known = arrival.message.isInDialog ? calls.call(of: arrival.message, from: .inside) : nil
        if settings.phones != nil, let verdict = toPhone(arrival, routes, uri, known?.call) { return verdict }
        if routes.next == nil, identities.isOurs(uri, in: bytes) { return toOurselves(arrival, routes, uri) }
        if arrival.message.maxForwards == 0 { return .refuse(483, "Too Many Hops") }
        let isNumber = isNumber(uri, in: bytes)
        let trunk =
            known.map { (name: $0.call.trunk, settings: directory.trunks.named($0.call.trunk)) }
            ?? (isNumber ? trunkOfNumber(arrival.message) : nil) ?? outboundTrunk(of: arrival.message, next: uri)
        var hop: Forwarding.NextHop
        switch isNumber ? hopOfNumber(trunk) : nextHop(of: uri, in: bytes, on: .outside, trunk.settings) {
        case .success(let found): hop = found
        case .failure(let refusal): return .refuse(refusal.status, refusal.reason)
        }
        var egress = Side.outside
        if case .target(let target) = hop {
            if identities.isOurs(target.address) { return .refuse(482, "Loop Detected") }
            if isInside(target.address.ip) { egress = .inside }
        }
        if egress == .inside, leadsOutside(routes, in: bytes) || known != nil {
            // Somebody outside wrote an address of ours into its Contact: it is behind NAT, or lies (design §6).
            guard let known else { return .refuse(403, "Outside Contact Leads Inside") }
            (hop, egress) = (.flow(known.call[.outside].flow), .outside)
        }
        return .forward(
            Forwarding(
                uri: routes.strictTarget.map { Array(bytes[$0.uri]) }, nextHop: hop, egress: egress, routes: routes,
                isStrict: isStrict, trunk: trunk.name, trunkSettings: trunk.settings,
                port: ownPort(along: routes, in: bytes) ?? trunk.settings?.name, call: known?.call))
    }

    /// The trunk whose port the dialog has, by our Record-Route for the outside.
    private func ownPort(along routes: RouteProcessing, in bytes: [UInt8]) -> String? {
        guard identities.hasTrunkPorts, let last = routes.popped.last else { return nil }
        return URI(last.uri, in: bytes).flatMap { identities.trunk(of: $0, in: bytes) }
    }

    /// Whether the route that came to us goes on outside, by our own Record-Route for that side.
    private func leadsOutside(_ routes: RouteProcessing, in bytes: [UInt8]) -> Bool {
        guard let last = routes.popped.last, let uri = URI(last.uri, in: bytes) else { return false }
        return identities.side(of: uri, in: bytes, as: .inside) == .outside
    }

    /// From inside, to a URI that names us: a Contact of ours that came back, a question to ourselves, or nothing.
    private func toOurselves(_ arrival: Arrival, _ routes: RouteProcessing, _ uri: URI) -> Verdict {
        if let restored = contacts.restored(
            uri, in: arrival.message, routes, from: arrival.flow.peer.ip, directory: directory, at: arrival.now)
        {
            return toInside([restored], arrival, routes, trunk: "", settings: nil, known: nil)
        }
        if arrival.message.method == .options { return .answer(status: 200, reason: "OK", extra: Self.capabilities) }
        return .refuse(404, "Not Found")
    }

    static let capabilities = Array("Accept: application/sdp\r\n".utf8)

    // MARK: From outside

    private func fromOutside(_ arrival: Arrival, _ routes: RouteProcessing) -> Verdict {
        let message = arrival.message
        let source = arrival.flow.peer.ip
        // An address of the other side can't be where this came from (security 26).
        guard !isInside(source) else { return .drop(\.droppedSpoofed) }
        guard let uri = URI(routes.strictTarget?.uri ?? message.requestURI, in: message.bytes) else {
            return outsideRefusal(
                arrival, .refuse(message.defect?.status ?? 400, message.defect?.reason ?? "Malformed Request-URI"))
        }
        if message.isInDialog { return inDialogFromOutside(arrival, routes, uri) }
        if settings.phones != nil, let verdict = fromPhone(arrival, routes, uri) { return verdict }
        let restored = contacts.restored(
            uri, in: message, routes, from: source, directory: directory, at: arrival.now
        ).flatMap { isTrusted($0, over: arrival.listener.transport) ? $0 : nil }
        let trunk = trunk(of: arrival, uri)
        guard restored != nil || trunk != nil else { return fromStranger(arrival, uri) }
        if let refusal = refusal(of: message, routes) { return refusal }
        if uri.scheme == .tel { return .refuse(416, "Unsupported URI Scheme") }
        // Some trunks call a number at their own domain: that means us too, since nothing goes back outside.
        let host = message.bytes.text(uri.host).lowercased()
        let isTrunks = host == restored?.domain || trunk?.names.contains(host) ?? false
        guard identities.side(of: uri, in: message.bytes, as: .outside) == .outside || isTrunks, routes.next == nil
        else {
            return .refuse(403, "Relaying Denied")
        }
        if message.method == .options, restored == nil, uri.userInfo == nil || message.maxForwards == 0 {
            return .answer(status: 200, reason: "OK", extra: Self.capabilities)
        }
        if message.maxForwards == 0 { return .refuse(483, "Too Many Hops") }
        if let restored {
            let domain = restored.domain ?? ""
            return toInside(
                [restored], arrival, routes, trunk: directory.trunkName(domain: domain, user: restored.user),
                settings: directory.trunks.settings(domain: domain, user: restored.user), known: nil)
        }
        guard let trunk else { return .refuse(404, "Not Found") }
        let targets = destinations(of: uri, in: message, trunk: trunk, at: arrival.now)
        return toInside(targets, arrival, routes, trunk: trunk.name, settings: trunk.settings, known: nil)
    }

    /// A stranger is not relayed. A question to ourselves, and a call to nobody that we know, are answered at most once a
    /// second: an ITSP may call from an address that nobody has told us. Whatever else it sends is dropped.
    private func fromStranger(_ arrival: Arrival, _ uri: URI) -> Verdict {
        let message = arrival.message
        guard message.defect == nil, message.method == .options || message.method == .invite && !message.isInDialog,
            identities.side(of: uri, in: message.bytes, as: .outside) == .outside,
            uri.parameters.first(ContactMapping.parameter, in: message.bytes) == nil,
            contacts.token(in: uri, message.bytes) == nil, !message.has(.route),
            strangerAnswers.take(arrival.flow.peer.ip, at: arrival.now), allStrangerAnswers.take(at: arrival.now)
        else { return .drop(\.droppedUnadmitted) }
        if message.method == .options { return .answerStranger(status: 200, reason: "OK") }
        return .answerStranger(status: 404, reason: "Not Found")
    }

    /// Whether the trunk of a registration takes requests over that transport (design §3: `trust_udp`).
    private func isTrusted(_ target: RestoredTarget, over transport: TransportProtocol) -> Bool {
        guard transport == .udp, let domain = target.domain else { return true }
        return directory.trunks.settings(domain: domain, user: target.user)?.trustsUDP ?? true
    }

    private func outsideRefusal(_ arrival: Arrival, _ refusal: Verdict) -> Verdict {
        trunk(of: arrival, nil) == nil ? .drop(\.droppedUnadmitted) : refusal
    }

    /// In a dialog the token decides: in the Request-URI, else in our Route; else the dialog that we know, when the
    /// request comes from a hop of it (security 25).
    private func inDialogFromOutside(_ arrival: Arrival, _ routes: RouteProcessing, _ uri: URI) -> Verdict {
        let message = arrival.message
        let known = calls.call(of: message, from: .outside)
        var target = contacts.restored(
            uri, in: message, routes, from: arrival.flow.peer.ip, directory: directory, at: arrival.now)
        let trunk = known == nil || target == nil ? trunk(of: arrival, uri) : nil
        let route = contacts.route(routes, in: message)
        let routePeer = route.map { Target($0.transport, $0.flow.peer) }
        if target == nil, let known, routePeer != nil || isHop(arrival.flow.peer.ip, trunk, of: known.call) {
            target = contacts.restored(party: known.call[.inside])
        }
        if target == nil, let routePeer {
            target =
                !identities.isOurs(uri, in: message.bytes)
                ? contacts.unchanged(uri, in: message, at: routePeer)
                : contacts.restored(uri, in: message, at: routePeer)
        }
        if let home = known.map({ .flow($0.call[.inside].flow) }) ?? routePeer.map({ Forwarding.NextHop.target($0) }) {
            target?.home = home
        }
        guard let target else {
            return trunk == nil ? .drop(\.droppedUnadmitted) : .refuse(481, "Call/Transaction Does Not Exist")
        }
        if let refusal = refusal(of: message, routes) { return refusal }
        let phone = known == nil ? directory.phones.bindings(on: arrival.flow, at: arrival.now).first : nil
        let name = known?.call.trunk ?? (phone == nil ? trunk?.name ?? "" : PhoneSettings.trunkName)
        return toInside(
            [target], arrival, routes, trunk: name,
            settings: known == nil && phone == nil ? trunk?.settings : directory.trunks.named(name), known: known?.call,
            inner: routes.next == nil ? innerRoutes(route, known?.call) : [], phone: phone?.key)
    }

    /// The proxies inside that a dialog goes by, which its outside party was not told.
    private func innerRoutes(_ route: TokenRoute?, _ known: Call?) -> [[UInt8]] {
        if let route, !route.beyond.isEmpty {
            var values: [Range<Int>] = []
            FieldValues.append(0..<route.beyond.count, of: route.beyond, to: &values)
            return values.map { Array(route.beyond[$0]) }
        }
        guard let known, directory.trunks.named(known.trunk)?.hiding.isOn ?? true, known[.inside].isRouteKnown else {
            return []
        }
        return known[.inside].routes
    }

    /// Whether the address is a hop that the call's outside signalling comes from: the one it began with, or another
    /// of its trunk.
    private func isHop(_ address: IPAddress, _ trunk: TrunkMatch?, of call: Call) -> Bool {
        if call[.outside].flow.peer.ip == address { return true }
        return trunk?.names.contains(call.trunk) ?? false
    }

    // MARK: Towards inside

    /// The request goes to an inside address, or nowhere: to the first of the targets that is there.
    private func toInside(
        _ targets: [RestoredTarget], _ arrival: Arrival, _ routes: RouteProcessing, trunk: String,
        settings: TrunkSettings?, known: Call?, inner: [[UInt8]] = [], phone: [UInt8]? = nil
    ) -> Verdict {
        guard let first = targets.first else { return .refuse(404, "Not Found") }
        let bytes = arrival.message.bytes
        var isStrict = false
        let hop: Forwarding.NextHop
        let way = RouteSet(target: first.uri, routes: inner)
        do {
            if !inner.isEmpty {
                hop = try insideHop(alongHidden: inner[0], home: first.home)
            } else if let next = routes.next {
                isStrict = URI(next.uri, in: bytes).map { !$0.isLoose(in: bytes) } ?? false
                hop = try insideHop(along: next, arrival, routes, known)
            } else {
                hop = try insideHop(to: first)
            }
        } catch {
            return .refuse(error.status, error.reason)
        }
        var forwarding = Forwarding(
            uri: way.requestURI, nextHop: hop, egress: .inside, routes: routes, inner: way.routes, isStrict: isStrict,
            trunk: trunk,
            trunkSettings: settings, call: known)
        if isPhones(trunk) {
            (forwarding.isPhones, forwarding.phone, forwarding.port) = (true, phone ?? known?.phone, trunk)
        }
        for other in targets.dropFirst() where routes.next == nil {
            guard let hop = try? insideHop(to: other) else { continue }
            forwarding.alternatives.append(Forwarding.Alternative(uri: other.uri, nextHop: hop))
        }
        return .forward(forwarding)
    }

    /// Where a target is. A name is followed when there is nothing else: the PBX itself wrote it, or the configuration.
    private func insideHop(to target: RestoredTarget) throws(Refusal) -> Forwarding.NextHop {
        guard let uri = URI(0..<target.uri.count, in: target.uri) else {
            throw Refusal(status: 400, reason: "Malformed Route")
        }
        var hop = try nextHop(of: uri, in: target.uri, on: .inside, nil).get()
        if let known = target.hop {
            hop = known
        } else if case .name(let query) = hop, let home = target.home {
            hop = Self.hop(home, of: query)
        }
        if let address = hop.address { try checkInside(address) }
        return hop
    }

    /// Where the host of a name that only the inside knows is, by the transport that the URI asks for.
    private static func hop(_ home: Forwarding.NextHop, of query: LocationQuery) -> Forwarding.NextHop {
        guard case .target(let target) = home, let transport = query.transport, transport != target.transport else {
            return home
        }
        return .target(Target(transport, SocketAddress(target.address.ip, query.port ?? transport.defaultPort)))
    }

    /// Where the first of the proxies inside is that recorded their routes.
    private func insideHop(
        alongHidden route: [UInt8], home: Forwarding.NextHop?
    ) throws(Refusal) -> Forwarding.NextHop {
        guard let value = NameAddress(0..<route.count, in: route) else {
            throw Refusal(status: 400, reason: "Malformed Route")
        }
        return try insideHop(to: RestoredTarget(uri: Array(route[value.uri]), home: home))
    }

    /// Where the sender's next Route leads: only where the dialog goes by anyway.
    private func insideHop(
        along route: NameAddress, _ arrival: Arrival, _ routes: RouteProcessing, _ known: Call?
    ) throws(Refusal) -> Forwarding.NextHop {
        let bytes = arrival.message.bytes
        guard let uri = URI(route.uri, in: bytes) else { throw Refusal(status: 400, reason: "Malformed Route") }
        let hop = try nextHop(of: uri, in: bytes, on: .inside, nil).get()
        guard let address = hop.address, isOnRoute(address.ip, routes, of: arrival.message, known) else {
            throw Refusal(status: 403, reason: "Relaying Denied")
        }
        try checkInside(address)
        return hop
    }

    func checkInside(_ address: SocketAddress) throws(Refusal) {
        guard isInside(address.ip), !identities.isOurs(address) else {
            throw Refusal(status: 403, reason: "Relaying Denied")
        }
    }

    /// Whether a Route of the sender's leads where the dialog goes by: to the inside hop that our own Route names, or to
    /// a proxy that recorded its route. Whoever has a dialog with us must not reach other hosts through it (security 27).
    private func isOnRoute(
        _ address: IPAddress, _ routes: RouteProcessing, of message: Message, _ known: Call?
    ) -> Bool {
        if contacts.routePeer(routes, in: message)?.address.ip == address { return true }
        guard let known else { return false }
        return known[.inside].routes.contains { route in
            NameAddress(0..<route.count, in: route).flatMap { URI($0.uri, in: route) }?.address(in: route) == address
        }
    }

    // MARK: Parts

    func isInside(_ address: IPAddress) -> Bool { inside.contains(address) }

    func refusal(of message: Message, _ routes: RouteProcessing) -> Verdict? {
        if let refusal = RequestValidation.refusal(of: message, emergency: settings.emergencyNumbers) {
            return .answer(status: refusal.status, reason: refusal.reason, extra: refusal.extra)
        }
        return routes.isMalformed ? .refuse(400, "Malformed Route") : nil
    }

    /// Where a URI leads: its transport is that of its scheme or parameter, else the trunk's, else what DNS says, and
    /// UDP for an address (RFC 3263 §4.1). A name leads to `side`.
    func nextHop(
        of uri: URI, in bytes: [UInt8], on side: Side, _ trunk: TrunkSettings?
    ) -> Result<Forwarding.NextHop, Refusal> {
        guard uri.scheme == .sip || uri.scheme == .sips else {
            return .failure(Refusal(status: 416, reason: "Unsupported URI Scheme"))
        }
        guard uri.port != 0 else { return .failure(Refusal(status: 400, reason: "Port 0")) }
        let demanded = uri.demandedTransport(in: bytes) ?? trunk?.transport
        // RFC 3263 §4: maddr is where it goes.
        let host = uri.parameters.first("maddr", in: bytes)?.value ?? uri.host
        let transport = demanded ?? .udp
        if let address = HostText.address(host, in: bytes) {
            guard identities.speaks(transport, on: side) else {
                return .failure(Refusal(lacking: transport))
            }
            return .success(
                .target(Target(transport, SocketAddress(address.unmapped, uri.port ?? transport.defaultPort))))
        }
        let reach = identities.reach(side, demanded)
        guard !reach.transports.isEmpty else { return .failure(Refusal(lacking: transport)) }
        var name = bytes.text(host).lowercased()
        if name.last == "." { name.removeLast() }
        return .success(
            .name(
                LocationQuery(
                    host: name, port: uri.port, transport: demanded, isSecure: uri.scheme == .sips,
                    transports: reach.transports, families: reach.families)))
    }
}

extension Refusal {
    /// We don't speak the transport.
    fileprivate init(lacking transport: TransportProtocol) {
        self.init(status: 503, reason: "No \(transport.viaName) Transport")
    }
}

extension URI {
    /// The transport that the URI insists on: sips means TLS, whatever the parameter says (RFC 3261 §26.2.2).
    func demandedTransport(in bytes: [UInt8]) -> TransportProtocol? {
        scheme == .sips ? .tls : transport(in: bytes)
    }
}
