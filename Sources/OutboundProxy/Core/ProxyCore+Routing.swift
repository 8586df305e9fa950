import NetworkTypes
import SIP

// Admission and routing: who may send what where (design §3). A message's side is its listener's, never its headers'.

extension ProxyCore {
    /// What to do with a request that belongs to no transaction yet.
    func verdict(on arrival: Arrival) -> Verdict {
        let routes = RouteProcessing(arrival.message, identities: identities)
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
        if routes.next == nil, identities.isOurs(uri, in: bytes) { return toOurselves(arrival, routes, uri) }
        if arrival.message.maxForwards == 0 { return .refuse(483, "Too Many Hops") }
        let known = arrival.message.isInDialog ? calls.call(of: arrival.message, from: .inside) : nil
        let domain = bytes.text(uri.host).lowercased()
        let user = fromUser(arrival.message)
        let trunk =
            known.map { directory.settings(named: $0.call.trunk) } ?? directory.settings(domain: domain, user: user)
        var hop: Forwarding.NextHop
        switch nextHop(of: uri, in: bytes, on: .outside, trunk) {
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
                isStrict: isStrict, trunk: known?.call.trunk ?? directory.trunkName(domain: domain, user: user),
                trunkSettings: trunk, call: known?.call))
    }

    /// Whether the route that came to us goes on outside, by our own Record-Route for that side.
    private func leadsOutside(_ routes: RouteProcessing, in bytes: [UInt8]) -> Bool {
        guard let last = routes.popped.last, let uri = URI(last.uri, in: bytes) else { return false }
        return identities.side(of: uri, in: bytes, as: .inside) == .outside
    }

    /// From inside, to a URI that names us: a Contact of ours that came back, a question to ourselves, or nothing.
    private func toOurselves(_ arrival: Arrival, _ routes: RouteProcessing, _ uri: URI) -> Verdict {
        if let restored = contacts.restored(
            uri, in: arrival.message, from: arrival.flow.peer.ip, directory: directory, at: arrival.now)
        {
            return toInside(restored, arrival, routes, trunk: "", settings: nil, known: nil)
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
        let restored = contacts.restored(uri, in: message, from: source, directory: directory, at: arrival.now)
            .flatMap { isTrusted($0, over: arrival.listener.transport) ? $0 : nil }
        let trunk = trunk(of: arrival)
        guard restored != nil || trunk != nil else { return fromStranger(arrival, uri) }
        if let refusal = refusal(of: message, routes) { return refusal }
        // Some trunks call a number at their own domain: that means us too, since nothing goes back outside.
        let isTrunks = trunk?.domains.contains(message.bytes.text(uri.host).lowercased()) ?? false
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
                restored, arrival, routes, trunk: directory.trunkName(domain: domain, user: restored.user),
                settings: directory.settings(domain: domain, user: restored.user), known: nil)
        }
        guard let trunk, let target = destination(of: uri, in: message.bytes, trunk: trunk, at: arrival.now) else {
            return .refuse(404, "Not Found")
        }
        return toInside(target, arrival, routes, trunk: trunk.name, settings: trunk.settings, known: nil)
    }

    /// A stranger is not relayed. A question to ourselves, and a request for nobody that we know, are answered at most
    /// once a second; whatever else it sends is dropped.
    private func fromStranger(_ arrival: Arrival, _ uri: URI) -> Verdict {
        let message = arrival.message
        guard message.defect == nil, message.method != .ack,
            identities.side(of: uri, in: message.bytes, as: .outside) == .outside,
            uri.parameters.first(ContactMapping.parameter, in: message.bytes) == nil, !message.has(.route),
            strangerAnswers.take(arrival.flow.peer.ip, at: arrival.now)
        else { return .drop(\.droppedUnadmitted) }
        if message.method == .options { return .answerStranger(status: 200, reason: "OK") }
        return .answerStranger(status: 404, reason: "Not Found")
    }

    /// Whether the trunk of a registration takes requests over that transport (design §3: `trust_udp`).
    private func isTrusted(_ target: RestoredTarget, over transport: TransportProtocol) -> Bool {
        guard transport == .udp, let domain = target.domain else { return true }
        return directory.settings(domain: domain, user: target.user)?.trustsUDP ?? true
    }

    private func outsideRefusal(_ arrival: Arrival, _ refusal: Verdict) -> Verdict {
        trunk(of: arrival) == nil ? .drop(\.droppedUnadmitted) : refusal
    }

    /// In a dialog the token decides: in the Request-URI, else in our Route; else the dialog that we know, when the
    /// request comes from a hop of it (security 25).
    private func inDialogFromOutside(_ arrival: Arrival, _ routes: RouteProcessing, _ uri: URI) -> Verdict {
        let message = arrival.message
        let known = calls.call(of: message, from: .outside)
        let trunk = trunk(of: arrival)
        var target = contacts.restored(
            uri, in: message, from: arrival.flow.peer.ip, directory: directory, at: arrival.now)
        let routePeer = contacts.routePeer(routes, in: message)
        if target == nil, let known, routePeer != nil || isHop(arrival.flow.peer.ip, trunk, of: known.call) {
            target = contacts.restored(party: known.call[.inside])
        }
        if target == nil, let routePeer {
            target =
                !identities.isOurs(uri, in: message.bytes)
                ? contacts.unchanged(uri, in: message, at: routePeer)
                : contacts.restored(uri, in: message, at: routePeer)
        }
        guard let target else {
            return trunk == nil ? .drop(\.droppedUnadmitted) : .refuse(481, "Call/Transaction Does Not Exist")
        }
        if let refusal = refusal(of: message, routes) { return refusal }
        return toInside(
            target, arrival, routes, trunk: known?.call.trunk ?? trunk?.name ?? "",
            settings: known.map { directory.settings(named: $0.call.trunk) } ?? trunk?.settings, known: known?.call)
    }

    /// Whether the address is a hop that the call's outside signalling comes from: the one it began with, or another
    /// of its trunk.
    private func isHop(_ address: IPAddress, _ trunk: TrunkMatch?, of call: Call) -> Bool {
        if call[.outside].flow.peer.ip == address { return true }
        guard let trunk else { return false }
        return trunk.name == call.trunk || trunk.domains.contains(call.trunk)
    }

    // MARK: Towards inside

    /// The request goes to an inside address, or nowhere.
    private func toInside(
        _ target: RestoredTarget, _ arrival: Arrival, _ routes: RouteProcessing, trunk: String,
        settings: TrunkSettings?, known: Call?
    ) -> Verdict {
        let bytes = arrival.message.bytes
        var hopBytes = target.uri
        var isStrict = false
        if let next = routes.next {
            hopBytes = Array(bytes[next.uri])
            isStrict = URI(next.uri, in: bytes).map { !$0.isLoose(in: bytes) } ?? false
        }
        guard let uri = URI(0..<hopBytes.count, in: hopBytes) else { return .refuse(400, "Malformed Route") }
        var hop: Forwarding.NextHop
        switch nextHop(of: uri, in: hopBytes, on: .inside, nil) {
        case .success(let found): hop = found
        case .failure(let refusal): return .refuse(refusal.status, refusal.reason)
        }
        if routes.next == nil, let known = target.hop { hop = known }
        switch hop.address {
        case let address?:
            guard isInside(address.ip), !identities.isOurs(address),
                routes.next == nil || isOnRoute(address.ip, routes, of: arrival.message, known)
            else { return .refuse(403, "Relaying Denied") }
        // A name is followed only where the PBX itself wrote it, or the configuration did.
        case nil: if routes.next != nil { return .refuse(403, "Relaying Denied") }
        }
        return .forward(
            Forwarding(
                uri: target.uri, nextHop: hop, egress: .inside, routes: routes, isStrict: isStrict, trunk: trunk,
                trunkSettings: settings, call: known))
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

    /// A trunk that a request came from.
    struct TrunkMatch {
        let name: String
        let settings: TrunkSettings?
        let domains: [String]
    }

    /// The trunk that the source address belongs to.
    private func trunk(of arrival: Arrival) -> TrunkMatch? {
        let source = arrival.flow.peer.ip
        let user = URI(arrival.message.requestURI, in: arrival.message.bytes)?.user(in: arrival.message.bytes)
            .map { arrival.message.bytes.text($0) }
        let domains = directory.learnedDomains(at: source, now: arrival.now)
        if let settings = directory.configuredTrunk(at: source, user: user) {
            guard settings.trustsUDP || arrival.listener.transport != .udp else { return nil }
            return TrunkMatch(name: settings.name, settings: settings, domains: domains + [settings.domain])
        }
        guard let domain = domains.first else { return nil }
        let settings = directory.settings(domain: domain)
        guard settings?.trustsUDP ?? true || arrival.listener.transport != .udp else { return nil }
        return TrunkMatch(name: directory.trunkName(domain: domain), settings: settings, domains: domains)
    }

    /// Where a trunk's request without a token goes: the registration of that user, the trunk's PBX, the default one,
    /// or the only PBX that registered there.
    private func destination(of uri: URI, in bytes: [UInt8], trunk: TrunkMatch, at now: Instant) -> RestoredTarget? {
        let user = uri.user(in: bytes).map { Array(bytes[$0]) } ?? []
        let bindings = directory.bindings(domains: trunk.domains, at: now)
        if let binding = bindings.first(where: { $0.user.utf8.elementsEqual(user) || contacts.user(of: $0) == user }) {
            return contacts.restored(binding, keepingUserOf: uri, in: bytes)
        }
        if let pbx = trunk.settings?.pbx { return contacts.target(at: pbx, uri, in: bytes) }
        // What another inside host registered at reaches that host's Contacts, and no PBX (design §3: learned trunks).
        let isPBXTrunk = trunk.settings != nil || bindings.isEmpty || bindings.contains { isPBX($0.pbx.ip) }
        if isPBXTrunk, let pbx = settings.pbxs.first { return contacts.target(at: pbx, uri, in: bytes) }
        guard let first = bindings.first, bindings.allSatisfy({ $0.pbx == first.pbx }) else { return nil }
        return contacts.restored(first, keepingUserOf: uri, in: bytes)
    }

    // MARK: Parts

    func isInside(_ address: IPAddress) -> Bool {
        let address = address.embedded
        return settings.insideNetworks.contains { $0.contains(address) }
            || settings.pbxs.contains { IPAddress($0.host) == address }
    }

    /// Whether a configured PBX has the address; one that is configured by name may have any.
    func isPBX(_ address: IPAddress) -> Bool {
        settings.pbxs.contains { pbx in IPAddress(pbx.host).map { $0 == address } ?? true }
    }

    private func refusal(of message: Message, _ routes: RouteProcessing) -> Verdict? {
        if let refusal = RequestValidation.refusal(of: message) {
            return .answer(status: refusal.status, reason: refusal.reason, extra: refusal.extra)
        }
        return routes.isMalformed ? .refuse(400, "Malformed Route") : nil
    }

    /// Where a URI leads: its transport is that of its scheme or parameter, else the trunk's, else what DNS says, and
    /// UDP for an address (RFC 3263 §4.1). A name leads to `side`.
    private func nextHop(
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
            guard identities.speaks(transport) else { return .failure(Refusal(lacking: transport)) }
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

    func fromUser(_ message: Message) -> String? {
        guard let from = message.header(.from), let value = NameAddress(from.value, in: message.bytes),
            let uri = URI(value.uri, in: message.bytes)
        else { return nil }
        return uri.user(in: message.bytes).map { message.bytes.text($0) }
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
