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
        if routes.next == nil, identities.side(of: uri, in: bytes) != nil { return toOurselves(arrival, routes, uri) }
        if arrival.message.maxForwards == 0 { return .refuse(483, "Too Many Hops") }
        let hop: Forwarding.NextHop
        switch nextHop(of: uri, in: bytes) {
        case .success(let found): hop = found
        case .failure(let refusal): return .refuse(refusal.status, refusal.reason)
        }
        var egress = Side.outside
        if case .address(let address) = hop {
            if identities.side(of: address) != nil { return .refuse(482, "Loop Detected") }
            if isInside(address.ip) { egress = .inside }
        }
        let domain = bytes.text(uri.host).lowercased()
        let user = fromUser(arrival.message)
        let known = arrival.message.isInDialog ? calls.call(of: arrival.message) : nil
        return .forward(
            Forwarding(
                uri: routes.strictTarget.map { Array(bytes[$0.uri]) }, nextHop: hop, egress: egress, routes: routes,
                isStrict: isStrict, trunk: directory.trunkName(domain: domain, user: user),
                trunkSettings: directory.settings(domain: domain, user: user), call: known?.call,
                isFromCaller: known?.isFromCaller ?? true))
    }

    /// From inside, to a URI that names us: a Contact of ours that came back, a question to ourselves, or nothing.
    private func toOurselves(_ arrival: Arrival, _ routes: RouteProcessing, _ uri: URI) -> Verdict {
        if let restored = contacts.restored(uri, in: arrival.message, directory: directory, at: arrival.now) {
            return toInside(restored, arrival, routes, trunk: "", settings: nil, known: nil)
        }
        if arrival.message.method == .options { return .answer(status: 200, reason: "OK", extra: Self.capabilities) }
        return .refuse(404, "Not Found")
    }

    static let capabilities = Array("Accept: application/sdp\r\n".utf8)

    // MARK: From outside

    private func fromOutside(_ arrival: Arrival, _ routes: RouteProcessing) -> Verdict {
        let message = arrival.message
        guard let uri = URI(routes.strictTarget?.uri ?? message.requestURI, in: message.bytes) else {
            return outsideRefusal(
                arrival, .refuse(message.defect?.status ?? 400, message.defect?.reason ?? "Malformed Request-URI"))
        }
        if message.isInDialog { return inDialogFromOutside(arrival, routes, uri) }
        let restored = contacts.restored(uri, in: message, directory: directory, at: arrival.now)
        let trunk = trunk(of: arrival)
        guard restored != nil || trunk != nil else { return fromStranger(arrival, uri) }
        if let refusal = refusal(of: message, routes) { return refusal }
        guard identities.side(of: uri, in: message.bytes) != nil, routes.next == nil else {
            return .refuse(403, "Relaying Denied")
        }
        if message.method == .options, restored == nil, uri.userInfo == nil || message.maxForwards == 0 {
            return .answer(status: 200, reason: "OK", extra: Self.capabilities)
        }
        if message.maxForwards == 0 { return .refuse(483, "Too Many Hops") }
        if let restored {
            let name = restored.trunk ?? trunk?.name ?? ""
            let settings = trunk?.settings ?? directory.settings(domain: restored.domain ?? "", user: restored.user)
            return toInside(
                restored, arrival, routes, trunk: directory.trunkName(domain: name), settings: settings, known: nil)
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
        guard message.defect == nil, message.method != .ack, identities.side(of: uri, in: message.bytes) == .outside,
            uri.parameters.first(ContactMapping.parameter, in: message.bytes) == nil, !message.has(.route),
            strangerAnswers.take(arrival.flow.peer.ip, at: arrival.now)
        else { return .drop(\.droppedUnadmitted) }
        if message.method == .options { return .answer(status: 200, reason: "OK", extra: []) }
        return .refuse(404, "Not Found")
    }

    private func outsideRefusal(_ arrival: Arrival, _ refusal: Verdict) -> Verdict {
        trunk(of: arrival) == nil ? .drop(\.droppedUnadmitted) : refusal
    }

    /// In a dialog the token decides: in the Request-URI, else in our Route; else the dialog that we know, when the
    /// request comes from a hop of it (security 25).
    private func inDialogFromOutside(_ arrival: Arrival, _ routes: RouteProcessing, _ uri: URI) -> Verdict {
        let message = arrival.message
        let known = calls.call(of: message)
        var target = contacts.restored(uri, in: message, directory: directory, at: arrival.now)
        let routePeer = contacts.routePeer(routes.popped, in: message)
        if target == nil, let known, routePeer != nil || isHop(arrival.flow.peer.ip, of: known.call, at: arrival.now) {
            target = contacts.restored(party: known.isFromCaller ? known.call.callee : known.call.caller)
        }
        if target == nil, let routePeer {
            target =
                identities.side(of: uri, in: message.bytes) == nil
                ? contacts.unchanged(uri, in: message) : contacts.restored(uri, in: message, at: routePeer)
        }
        guard let target else {
            return trunk(of: arrival) == nil
                ? .drop(\.droppedUnadmitted) : .refuse(481, "Call/Transaction Does Not Exist")
        }
        if let refusal = refusal(of: message, routes) { return refusal }
        if message.maxForwards == 0 { return .refuse(483, "Too Many Hops") }
        let trunk = trunk(of: arrival)
        return toInside(
            target, arrival, routes, trunk: known?.call.trunk ?? trunk?.name ?? "", settings: trunk?.settings,
            known: known)
    }

    /// Whether the address is a hop that the call's signalling is known to come from.
    private func isHop(_ address: IPAddress, of call: Call, at now: Instant) -> Bool {
        call.caller.flow.peer.ip == address || call.callee.flow.peer.ip == address
            || !directory.learnedDomains(at: address, now: now).isEmpty
            || directory.configuredTrunk(at: address, user: nil) != nil
    }

    // MARK: Towards inside

    /// The request goes to an inside address, or nowhere.
    private func toInside(
        _ target: RestoredTarget, _ arrival: Arrival, _ routes: RouteProcessing, trunk: String,
        settings: TrunkSettings?,
        known: (call: Call, isFromCaller: Bool)?
    ) -> Verdict {
        let bytes = arrival.message.bytes
        var hopBytes = target.uri
        var isStrict = false
        if let next = routes.next {
            hopBytes = Array(bytes[next.uri])
            isStrict = URI(next.uri, in: bytes).map { !$0.isLoose(in: bytes) } ?? false
        }
        guard let uri = URI(0..<hopBytes.count, in: hopBytes) else { return .refuse(400, "Malformed Route") }
        let hop: Forwarding.NextHop
        switch nextHop(of: uri, in: hopBytes) {
        case .success(let found): hop = found
        case .failure(let refusal): return .refuse(refusal.status, refusal.reason)
        }
        switch hop {
        case .address(let address):
            guard isInside(address.ip), identities.side(of: address) == nil else {
                return .refuse(403, "Relaying Denied")
            }
        // A name is followed only where the PBX itself wrote it, or the configuration did.
        case .name: if routes.next != nil || target.isForeign { return .refuse(403, "Relaying Denied") }
        }
        return .forward(
            Forwarding(
                uri: target.uri, nextHop: hop, egress: .inside, routes: routes, isStrict: isStrict, trunk: trunk,
                trunkSettings: settings, call: known?.call, isFromCaller: known?.isFromCaller ?? true))
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
        if let pbx = trunk.settings?.pbx ?? settings.pbxs.first { return contacts.target(at: pbx, uri, in: bytes) }
        guard let first = bindings.first, bindings.allSatisfy({ $0.pbx == first.pbx }) else { return nil }
        return contacts.restored(first, keepingUserOf: uri, in: bytes)
    }

    // MARK: Parts

    func isInside(_ address: IPAddress) -> Bool {
        let address = address.embedded
        return settings.insideNetworks.contains { $0.contains(address) }
            || settings.pbxs.contains { IPAddress($0.host) == address }
    }

    private func refusal(of message: Message, _ routes: RouteProcessing) -> Verdict? {
        if let refusal = RequestValidation.refusal(of: message) {
            return .answer(status: refusal.status, reason: refusal.reason, extra: refusal.extra)
        }
        return routes.isMalformed ? .refuse(400, "Malformed Route") : nil
    }

    private func nextHop(of uri: URI, in bytes: [UInt8]) -> Result<Forwarding.NextHop, Refusal> {
        guard uri.scheme == .sip || uri.scheme == .sips else {
            return .failure(Refusal(status: 416, reason: "Unsupported URI Scheme"))
        }
        let transport = uri.transport(in: bytes) ?? (uri.scheme == .sips ? .tls : .udp)
        guard settings.listeners.contains(where: { $0.transport == transport }) else {
            return .failure(Refusal(status: 503, reason: "No \(transport.viaName) Transport"))
        }
        let port = uri.port ?? transport.defaultPort
        guard port != 0 else { return .failure(Refusal(status: 400, reason: "Port 0")) }
        if let address = uri.address(in: bytes) { return .success(.address(SocketAddress(address, port))) }
        return .success(.name(bytes.text(uri.host).lowercased(), port: port))
    }

    private func fromUser(_ message: Message) -> String? {
        guard let from = message.header(.from), let value = NameAddress(from.value, in: message.bytes),
            let uri = URI(value.uri, in: message.bytes)
        else { return nil }
        return uri.user(in: message.bytes).map { message.bytes.text($0) }
    }
}
