import NetworkTypes
import SIP

// Where a request goes: its hops, their targets, and the order of these (RFC 3263, design §5).

extension ProxyCore {
    /// The most targets that a request is tried at.
    private static let mostTargets = 16

    /// Starts a request on its way.
    func start(_ request: PendingRequest, at now: Instant) {
        if let server = request.server,
            !request.forwarding.alternatives.isEmpty || request.forwarding.trunkSettings?.redirects == .follow
        {
            server.failover = Failover(request, timers: settings.timers)
        }
        follow(request, at: now)
    }

    /// Goes to the request's present hop: at once, or when it is located.
    private func follow(_ request: PendingRequest, at now: Instant) {
        switch request.forwarding.nextHop {
        case .target(let target):
            guard let flow = flow(to: target, request.forwarding) else {
                return stuck(request, .unreachable("No Route To Next Hop"), at: now)
            }
            if request.server?.failover != nil { return go(request, toOneOf: [target], at: now) }
            send(request, on: flow, at: now)
        case .flow(let flow): send(request, on: flow, at: now)
        case .name(let query):
            switch locations.look(up: query, for: .request(request), at: now) {
            case .targets(let targets): send(request, to: .targets(targets), at: now)
            case .ask(let location): ask(location, at: now)
            case .wait: break
            case nil: stuck(request, .unreachable("Too Many Names Are Being Resolved"), at: now)
            }
        }
    }

    func ask(_ location: OpenLocation, at now: Instant) {
        outputs.append(.locate(location.query))
        schedule(location, at: now)
    }

    /// The request's present hop is located.
    func send(_ request: PendingRequest, to location: Location, at now: Instant) {
        if let server = request.server, server.isFinal || server.isCancelled { return }
        switch location {
        case .unknownName: return stuck(request, .unreachable("Name Does Not Resolve"), at: now)
        case .unavailable: return stuck(request, .unreachable("Name Servers Do Not Answer"), at: now)
        case .targets(let located):
            let egress = request.forwarding.egress
            let allowed = located.filter { isAllowed($0.target.address, on: egress) }
            guard !allowed.isEmpty else { return stuck(request, .unreachable("Name Leads Inside"), at: now) }
            let reachable = allowed.filter { flow(to: $0.target, request.forwarding) != nil }
            guard !reachable.isEmpty else { return stuck(request, .unreachable("No Route To Next Hop"), at: now) }
            go(request, toOneOf: ordered(reachable, for: request, at: now), at: now)
        }
    }

    /// A name must not lead where an address would not be followed.
    func isAllowed(_ address: SocketAddress, on side: Side) -> Bool {
        side == .inside || !isInside(address.ip) && !identities.isOurs(address)
    }

    // MARK: Order

    /// By rank and weight; first the target that knows the request, or its account.
    private func ordered(_ located: [LocatedTarget], for request: PendingRequest, at now: Instant) -> [Target] {
        guard located.count > 1 else { return located.map(\.target) }
        let message = request.arrival.message
        let seed = transactions.number(of: message.bytes[message.callID])
        var targets = TargetOrder.ordered(located, seed: seed)
        if let preferred = preferred(request, callID: seed, at: now), let index = targets.firstIndex(of: preferred) {
            targets.insert(targets.remove(at: index), at: 0)
        }
        return Array(targets.prefix(Self.mostTargets))
    }

    /// Who asked for the credentials that the request has, who is in its dialog, or who has its account's registration.
    private func preferred(_ request: PendingRequest, callID: UInt64, at now: Instant) -> Target? {
        let message = request.arrival.message
        if message.hasCredentials,
            let challenger = challenges.challenger(callID: callID, method: message.method, at: now)
        {
            return challenger
        }
        if let call = request.forwarding.call { return target(of: call[request.forwarding.egress].flow) }
        return registeredTarget(of: request, at: now)
    }

    /// The target of the account's registration.
    func registeredTarget(of request: PendingRequest, at now: Instant) -> Target? {
        guard request.forwarding.egress == .outside, case .name(let query) = request.forwarding.nextHop else {
            return nil
        }
        let users = [request.forwarding.trunkSettings?.user, request.arrival.message.user(.from)]
        let registered = directory.registered
        if let target = registered.target(domain: query.host, users: users, at: now) { return target }
        // A call may be from anybody behind the only account; another account's REGISTER is its own.
        guard request.arrival.message.method != .register else { return nil }
        return registered.onlyTarget(domain: query.host, at: now)
    }

    /// Sends the request to the best of the targets and keeps the others for later. Targets that are down go last; where
    /// all are, other hops come first.
    private func go(_ request: PendingRequest, toOneOf targets: [Target], at now: Instant) {
        var targets = targets
        if !health.isWell {
            // An ACK has no answer that could tell.
            let isQuestion = request.server != nil
            // Credentials are good for who asked for them, and that was alive a moment ago.
            let isAnswer = request.arrival.message.hasCredentials
            let usable = targets.firstIndex { target in
                isQuestion
                    ? health.isUsable(target, ignoringDoubts: isAnswer, at: now) : !health.isDown(target)
            }
            if usable == nil, postpone(request, at: now) { return }
            if let best = usable ?? targets.firstIndex(where: { !health.isDown($0) }) {
                let first = targets.remove(at: best)
                targets = [first] + targets.filter { !health.isDown($0) } + targets.filter { health.isDown($0) }
            }
        }
        guard let first = targets.first, let flow = flow(to: first, request.forwarding) else {
            return stuck(request, .unreachable("No Route To Next Hop"), at: now)
        }
        if let server = request.server, targets.count > 1 {
            let failover = server.failover ?? Failover(request, timers: settings.timers)
            failover.targets = targets.dropFirst()
            server.failover = failover
        }
        send(request, on: flow, at: now)
    }

    /// All targets of the present hop are down: it comes last of all hops, once.
    private func postpone(_ request: PendingRequest, at now: Instant) -> Bool {
        guard let server = request.server, let failover = server.failover, !failover.alternatives.isEmpty,
            !request.forwarding.isLastResort
        else { return false }
        let message = request.arrival.message
        let uri = request.forwarding.uri ?? Array(message.bytes[message.requestURI])
        failover.alternatives.append(
            Forwarding.Alternative(uri: uri, nextHop: request.forwarding.nextHop, isLastResort: true))
        return tryNext(server, at: now)
    }

    // MARK: Next

    /// Tries the next target of the request; false when there is none, or nobody waits any longer (RFC 3263 §4.3).
    func tryNext(_ server: ServerTransaction, at now: Instant) -> Bool {
        guard let failover = server.failover, !server.isFinal, !server.isCancelled, now < failover.deadline else {
            return false
        }
        while let target = failover.targets.popFirst() {
            guard let flow = flow(to: target, failover.forwarding) else { continue }
            send(pending(server, failover), on: flow, at: now)
            return true
        }
        guard let next = failover.alternatives.popFirst() else { return false }
        failover.forwarding.uri = next.uri
        failover.forwarding.nextHop = next.nextHop
        failover.forwarding.isLastResort = next.isLastResort
        failover.forwarding.isForeign = next.isForeign
        follow(pending(server, failover), at: now)
        return true
    }

    func pending(_ server: ServerTransaction, _ failover: Failover) -> PendingRequest {
        PendingRequest(arrival: failover.arrival, forwarding: failover.forwarding, server: server)
    }

    /// The request can't go to its present hop.
    func stuck(_ request: PendingRequest, _ failure: Failure, at now: Instant) {
        guard let server = request.server else {
            counters.droppedStray += 1
            return
        }
        if !tryNext(server, at: now) { exhausted(server, failure, at: now) }
    }

    // MARK: Flows

    /// The flow to a target: none where we have no listener that reaches it, or where nothing may be sent.
    func flow(to target: Target, on side: Side, ofTrunk trunk: String? = nil) -> Flow? {
        guard
            let listener = identities.listener(
                side, family: target.address.ip.family, transport: target.transport, trunk: trunk),
            !isForbidden(target.address.ip, on: listener)
        else { return nil }
        return Flow(listener: listener.id, peer: target.address)
    }

    func flow(to target: Target, _ forwarding: Forwarding) -> Flow? {
        flow(to: target, on: forwarding.egress, ofTrunk: forwarding.port)
    }

    func target(of flow: Flow) -> Target? { identities[flow.listener].map { Target($0.transport, flow.peer) } }

    /// Addresses that are no host to send to, unless that side lives there itself (tests on loopback).
    private func isForbidden(_ address: IPAddress, on listener: Listener) -> Bool {
        let real = address.embedded
        if real.isLoopback { return !listener.local.ip.isLoopback }
        return real.isUnspecified || real.isMulticast
    }
}

extension Message {
    /// Whether it answers a challenge.
    fileprivate var hasCredentials: Bool { has(.authorization) || has(.proxyAuthorization) }
}
