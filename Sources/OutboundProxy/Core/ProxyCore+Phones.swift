public import NetworkTypes
import SIP

// Remote phones (design §3): who may register, what their flows admit, and how the PBX reaches them (RFC 5626 §5).

extension ProxyCore {
    /// Whether that is what the requests of phones, and those to them, have as their trunk.
    func isPhones(_ trunk: String) -> Bool { settings.phones != nil && trunk == PhoneSettings.trunkName }

    /// Whether the flow is or was a phone's.
    func isPhone(_ flow: Flow) -> Bool {
        settings.phones != nil && (directory.phones.has(flow) || directory.phones.isGone(flow))
    }

    // MARK: From a phone

    /// What becomes of a new request that comes from a phone: nil when it is none of a phone's. Anybody may send REGISTER
    /// for a domain of the phones; all else must come on a flow with a live binding, and from its AOR.
    func fromPhone(_ arrival: Arrival, _ routes: RouteProcessing, _ uri: URI) -> Verdict? {
        guard let phones = settings.phones, arrival.listener.trunk == nil else { return nil }
        let message = arrival.message
        if message.method == .register {
            guard phones.domains.contains(message.bytes.text(uri.host).lowercased()),
                let domain = message.host(.to), phones.domains.contains(domain)
            else { return nil }
            return toPBX(arrival, routes, uri, phone: nil)
        }
        let bindings = directory.phones.bindings(on: arrival.flow, at: arrival.now)
        guard !bindings.isEmpty else { return nil }
        let (user, domain) = (message.user(.from) ?? "", message.host(.from))
        guard let binding = bindings.first(where: { $0.user == user && $0.domain == domain }) else {
            // An ITSP may be where a phone is.
            return trunk(of: arrival, uri) == nil ? .drop(\.droppedUnadmitted) : nil
        }
        return toPBX(arrival, routes, uri, phone: binding.key)
    }

    /// The request of a phone goes to the PBX, and nowhere else.
    private func toPBX(_ arrival: Arrival, _ routes: RouteProcessing, _ uri: URI, phone: [UInt8]?) -> Verdict {
        let message = arrival.message
        if let refusal = refusal(of: message, routes) { return refusal }
        let isForDomain = settings.phones?.domains.contains(message.bytes.text(uri.host).lowercased()) ?? false
        let isForUs = identities.side(of: uri, in: message.bytes, as: .outside) == .outside
        let isNumber =
            uri.scheme == .tel || settings.emergencyNumbers.contains(uri.range, in: message.bytes)
        guard isForDomain || isForUs || isNumber, routes.next == nil else {
            return .refuse(403, "Relaying Denied")
        }
        if message.method == .options, uri.userInfo == nil || message.maxForwards == 0 {
            return .answer(status: 200, reason: "OK", extra: Self.capabilities)
        }
        if message.maxForwards == 0 { return .refuse(483, "Too Many Hops") }
        // What the PBX is responsible for it gets as the phone wrote it, since credentials may cover that.
        let kept = isForDomain || isNumber ? Array(message.bytes[uri.range]) : nil
        var hops: [Forwarding.Alternative] = []
        for pbx in settings.pbxs {
            let target = contacts.target(at: pbx, uri, in: message.bytes).uri
            guard let there = URI(0..<target.count, in: target),
                let hop = try? nextHop(of: there, in: target, on: .inside, nil).get()
            else { continue }
            hops.append(Forwarding.Alternative(uri: kept ?? target, nextHop: hop))
        }
        guard let first = hops.first else { return .refuse(404, "Not Found") }
        return .forward(
            Forwarding(
                uri: first.uri, nextHop: first.nextHop, alternatives: Array(hops.dropFirst()), egress: .inside,
                routes: routes, trunk: PhoneSettings.trunkName,
                trunkSettings: directory.trunks.named(PhoneSettings.trunkName), port: PhoneSettings.trunkName,
                isPhones: true, phone: phone,
                phoneContact: message.method == .register ? settings.phones?.contact : nil))
    }

    /// Where responses go: a phone behind NAT is where its request came from, whether it knows RFC 3581 or not.
    func replyAddress(of arrival: Arrival, isPhones: Bool) -> SocketAddress {
        let transport = arrival.listener.transport
        if isPhones, arrival.side == .outside, transport == .udp { return arrival.flow.peer }
        return ViaSource.replyAddress(of: arrival.message, from: arrival.flow.peer, over: transport)
    }

    // MARK: To a phone

    /// What becomes of a request of the PBX that is for a phone: nil when it is not. In a dialog it goes where the phone
    /// is now; else by our Path on exactly that flow, or by the Contact that stood in for the phone's.
    func toPhone(_ arrival: Arrival, _ routes: RouteProcessing, _ uri: URI, _ known: Call?) -> Verdict? {
        let message = arrival.message
        if let known, isPhones(known.trunk) {
            // A PBX that rewrites Contacts has put our own address into the phone's.
            let isOurs = routes.next == nil && identities.isOurs(uri, in: message.bytes)
            let target = isOurs && !known[.outside].target.isEmpty ? known[.outside].target : nil
            return toPhone(arrival, routes, on: phoneFlow(of: known), uri: target, key: known.phone, known)
        }
        switch contacts.flowToken(in: routes, of: message) {
        case .forged?: return .refuse(403, "Forged Flow Token")
        case .flow(let route)?:
            let flow = usable(route.flow, route.transport)
            guard let flow else { return .refuse(430, "Flow Failed") }
            if message.isInDialog {
                return toPhone(
                    arrival, routes, on: directory.phones.present(of: flow, key: nil), uri: nil, key: nil, nil)
            }
            let key = directory.phones.bindings(on: flow, at: arrival.now).first?.key
            return toPhone(arrival, routes, on: flow, uri: nil, key: key, nil)
        case nil: break
        }
        guard routes.next == nil, identities.isOurs(uri, in: message.bytes),
            let key = contacts.phoneKey(in: uri, message.bytes)
        else { return nil }
        guard let binding = directory.phones.binding(key, at: arrival.now) else { return .refuse(430, "Flow Failed") }
        return toPhone(arrival, routes, on: binding.flow, uri: binding.contact, key: key, nil)
    }

    private func toPhone(
        _ arrival: Arrival, _ routes: RouteProcessing, on flow: Flow, uri: [UInt8]?, key: [UInt8]?, _ known: Call?
    ) -> Verdict {
        let message = arrival.message
        if message.maxForwards == 0 { return .refuse(483, "Too Many Hops") }
        // RFC 5626 §5.3.1: nobody else may get what was meant for that flow.
        guard !directory.phones.isGone(flow) else { return .refuse(430, "Flow Failed") }
        let strict = routes.strictTarget.map { Array(message.bytes[$0.uri]) }
        return .forward(
            Forwarding(
                uri: uri ?? strict, nextHop: .flow(flow), egress: .outside, routes: routes,
                trunk: PhoneSettings.trunkName, trunkSettings: directory.trunks.named(PhoneSettings.trunkName),
                call: known, isPhones: true, phone: key))
    }

    /// Where the call's phone is now: its NAT may have given it another port, or it has another connection.
    func phoneFlow(of call: Call) -> Flow { directory.phones.present(of: call[.outside].flow, key: call.phone) }

    /// What our Record-Route for the inside says of the phone that has answered on `flow`.
    func phoneRoute(of server: ServerTransaction, on flow: Flow) -> TokenRoute? {
        guard server.egress == .outside, isPhones(server.trunk), let listener = identities[flow.listener] else {
            return nil
        }
        return TokenRoute(side: .outside, transport: listener.transport, flow: flow)
    }

    /// The flow, by the listener that it has now: a changed configuration numbers them anew. A connection has gone with
    /// the process that had it.
    private func usable(_ flow: Flow, _ transport: TransportProtocol) -> Flow? {
        if let listener = identities[flow.listener], listener.side == .outside, listener.transport == transport,
            listener.local.ip.family == flow.peer.ip.family
        {
            return flow
        }
        guard flow.connection == 0 else { return nil }
        return identities.listener(.outside, family: flow.peer.ip.family, transport: transport).map {
            Flow(listener: $0.id, peer: flow.peer)
        }
    }

    // MARK: Registering

    /// Gives a phone its own Contacts back, and remembers the bindings that a 2xx has made (RFC 3261 §10.3).
    func registerPhone(
        _ response: Message, of server: ServerTransaction, at now: Instant, _ edits: inout MessageEdits
    ) {
        let listed = contacts.restorePhone(
            in: response, sent: server.contacts, phones: directory.phones, identities: identities, edits: &edits)
        guard (200..<300).contains(response.status), let request = server.request, let aor = request.uri(.to) else {
            return
        }
        let user = aor.user(in: request.bytes).map { request.bytes.text($0) } ?? ""
        let domain = request.bytes.text(aor.host).lowercased()
        if request.text(.contact) == "*" { return forgetPhones(of: user, domain, at: now) }
        for contact in server.contacts {
            let asked = contact.expires ?? request.expires ?? 3600
            let own = listed.first { $0.contact.token == contact.token }
            // A PBX that writes Contacts its own way lists none that we know: then it has taken what was asked for.
            let seconds = asked == 0 ? 0 : own?.expires ?? response.expires ?? asked
            publish(
                .phone(
                    PhoneBinding(
                        key: contact.token, user: user, domain: domain, contact: contact.original, flow: server.flow,
                        seen: now, expires: seconds == 0 ? .zero : now + .seconds(Int64(min(seconds, 1 << 24))))))
        }
        keepSweeping(from: now)
    }

    private func forgetPhones(of user: String, _ domain: String, at now: Instant) {
        for var binding in directory.phones.bindings(of: user, domain: domain) {
            (binding.seen, binding.expires) = (now, .zero)
            publish(.phone(binding))
        }
    }

    // MARK: Flows

    /// What any shard saw of a binding, or what the last process did.
    func keep(_ update: DirectoryUpdate) {
        guard case .phone(var binding) = update else { return directory.apply(update) }
        guard settings.phones != nil else { return }
        if binding.flow.connection == 0 {
            guard let flow = usable(binding.flow, identities[binding.flow.listener]?.transport ?? .udp) else { return }
            binding.flow = flow
        }
        directory.apply(.phone(binding))
        guard binding.expires > .zero, binding.flow.connection == 0, settings.ownsCallID(binding.key),
            pinholes.insert(binding.key).inserted
        else { return }
        // After a start all are there at once.
        let place = Int(binding.key.last ?? 0) & 63
        schedule(pinhole: binding.key, at: binding.seen + Self.pinholeInterval * (64 + place) / 128)
    }

    /// Shorter than any NAT forgets a UDP mapping (RFC 5626 §4.4.2).
    private static let pinholeInterval = Duration.seconds(25)
    private static let doubleCRLF = Array("\r\n\r\n".utf8)

    /// Keeps a phone's pinhole open for as long as its binding lives, whatever the phone itself does for it.
    func holdOpen(_ key: [UInt8], at now: Instant) {
        guard let binding = directory.phones.binding(key, at: now), binding.flow.connection == 0 else {
            pinholes.remove(key)
            return
        }
        counters.pinholes += 1
        outputs.append(.send(Self.doubleCRLF, identities.carrier(of: binding.flow)))
        schedule(pinhole: key, at: now + Self.pinholeInterval)
    }

    /// A connection has ended: if it was a phone's, nobody is there until the phone comes back.
    public func connectionEnded(_ flow: Flow, at now: Instant) {
        let flow = sided(flow)
        guard directory.phones.has(flow), !directory.phones.isGone(flow) else { return }
        publish(.flowLost(flow))
    }

    /// The live bindings of remote phones.
    public var phoneBindings: [PhoneBinding] {
        directory.phones.all.sorted { ($0.user, $0.contact.count) < ($1.user, $1.contact.count) }
    }
}
