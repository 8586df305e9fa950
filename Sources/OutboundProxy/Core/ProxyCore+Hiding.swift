public import NetworkTypes
import SIP

// Topology hiding (design §3): what a request that changes sides leaves with, and what its responses get back.

extension ProxyCore {
    // MARK: Arriving

    /// The Call-ID by which the message's shard is found (design §7): the one that the inside knows.
    public func insideCallID(_ callID: ArraySlice<UInt8>, from flow: Flow) -> [UInt8]? {
        guard TokenCodec.mayBeHidden(callID), identities[sided(flow).listener]?.side == .outside else { return nil }
        return hiding.codec.revealed(callID: callID)
    }

    // MARK: Requests

    /// How a request that changes sides leaves by `out`; nil for one that does not.
    func crossing(of request: PendingRequest, by out: Listener, at now: Instant) -> Crossing? {
        let (arrival, forwarding) = (request.arrival, request.forwarding)
        guard arrival.side != out.side else { return nil }
        let settings = forwarding.trunkSettings?.hiding ?? HidingSettings()
        var crossing = Crossing(settings: settings, hiding: hiding, beganInside: arrival.side == .inside)
        if arrival.message.has(.pAssertedIdentity) {
            crossing.removesIdentity =
                !settings.keepsIdentity
                || arrival.side == .outside && !directory.isTrunk(arrival.flow.peer.ip, at: now)
        }
        guard settings.isOn else { return crossing }
        if out.side == .outside {
            hide(request, &crossing, as: out)
        } else {
            putBack(request, &crossing)
        }
        note(crossing, request)
        return crossing
    }

    /// On the way out: the hosts of the inside, and a Call-ID that tells of it.
    private func hide(_ request: PendingRequest, _ crossing: inout Crossing, as out: Listener) {
        let (message, call) = (request.arrival.message, request.server?.call ?? request.forwarding.call)
        let bytes = message.bytes
        if let call, !call.isNew {
            crossing.beganInside = call.beganInside
            crossing.callID = call.outsideCallID
        } else {
            crossing.beganInside = !message.isInDialog || beganInside(message, request.forwarding.routes, from: .inside)
            if crossing.beganInside {
                crossing.callID = hiding.hidden(callID: bytes[message.callID], crossing.settings)
            }
        }
        // A dialog that began outside has the outside's own words in its From and To.
        guard crossing.beganInside else { return }
        let host = hiding.host(crossing.settings, out)
        crossing.from = message.header(.from).flatMap { hiding.hidden($0.value, in: bytes, as: out, host: host) }
        crossing.to = message.header(.to).flatMap { hiding.hidden($0.value, in: bytes, as: out, host: host) }
    }

    /// Whether a dialog that we don't know began inside: our own Record-Route says so. Without it, a NOTIFY is for who
    /// subscribed, and of all else the sender is taken for who began it.
    private func beganInside(_ message: Message, _ routes: RouteProcessing, from side: Side) -> Bool {
        if let route = contacts.route(routes, in: message) { return route.beganInside }
        return (side == .inside) == (message.method != .notify)
    }

    /// On the way in: what the PBX wrote where the outside knows something else; of a dialog that a restart made us
    /// forget, the host of the inside's Contact.
    private func putBack(_ request: PendingRequest, _ crossing: inout Crossing) {
        let arrival = request.arrival
        let message = arrival.message
        guard message.isInDialog else { return }
        if let call = request.forwarding.call {
            crossing.beganInside = call.beganInside
            let (inner, outer) = (call[.inside], call[.outside])
            if !inner.shown.isEmpty { crossing.to = tagged(inner.identity, message.toTag, message) }
            if !outer.shown.isEmpty { crossing.from = tagged(outer.shown, message.fromTag, message) }
            return
        }
        let route = contacts.route(request.forwarding.routes, in: message)
        crossing.beganInside =
            route?.beganInside
            ?? (arrival.outerCallID != nil || beganInside(message, request.forwarding.routes, from: .outside))
        guard let route, route.hidesCaller, let field = message.header(.to),
            let value = NameAddress(field.value, in: message.bytes), let uri = URI(value.uri, in: message.bytes),
            let target = request.forwarding.uri, let inner = URI(0..<target.count, in: target), !inner.host.isEmpty
        else { return }
        let bytes = message.bytes
        crossing.to =
            Array(bytes[field.value.lowerBound..<uri.hostPort.lowerBound]) + target[inner.host]
            + bytes[uri.hostPort.upperBound..<field.value.upperBound]
    }

    /// The value with the tag that it lacks: who was called had none yet.
    func tagged(_ value: [UInt8], _ tag: Range<Int>?, _ message: Message) -> [UInt8] {
        guard let tag, let address = NameAddress(0..<value.count, in: value), address.tag(in: value) == nil else {
            return value
        }
        return value + Array(";tag=".utf8) + message.bytes[tag]
    }

    /// The call that the request begins keeps how each party is known on the other side: as its last target knows it.
    private func note(_ crossing: Crossing, _ request: PendingRequest) {
        guard let server = request.server, let call = server.call, server.serial == call.serial else { return }
        call.isNew = false
        let message = request.arrival.message
        call.beganInside = crossing.beganInside
        call.outsideCallID = request.arrival.side == .inside ? crossing.callID : request.arrival.outerCallID
        call.caller.shown = crossing.from ?? []
        if crossing.to != nil, let field = message.header(.to) { call.callee.shown = Array(message.bytes[field.value]) }
    }

    /// The Call-ID that the outside knows for a dialog that a message names; nil where it is the same.
    func outerCallID(_ settings: HidingSettings) -> (ArraySlice<UInt8>) -> [UInt8]? {
        // Not the table itself: who changes it meanwhile would have to copy it.
        { [unowned self] callID in
            if let call = calls.first(callID: callID) { return call.outsideCallID }
            return hiding.hidden(callID: callID, settings)
        }
    }

    // MARK: Responses

    /// Gives the response what the request's sender wrote, and takes from it what the outside must not see.
    func cross(
        _ response: Message, of server: ServerTransaction, from flow: Flow, by listener: Listener, at now: Instant,
        _ edits: inout MessageEdits
    ) {
        guard server.ingress != server.egress else { return removeTopVia(of: response, &edits) }
        let removesIdentity = removesIdentity(response, of: server, from: flow, at: now)
        if removesIdentity { for field in response.all(.pAssertedIdentity) { edits.remove(field.line) } }
        guard var settings = server.hiding, let fields = senderFields(of: server) else {
            return removeTopVia(of: response, &edits)
        }
        fields.restore(in: response, edits: &edits)
        if server.ingress == .inside {
            replaceVias(of: response, by: fields.vias, &edits)
            addRoutes(to: response, fields, listener, phoneRoute(of: server, on: flow), &edits)
        } else {
            removeTopVia(of: response, &edits)
            removeRoutes(from: response, of: server, from: flow, listener, &edits)
            settings.keepsIdentity = !removesIdentity
            hiding.hideFields(
                of: response, as: listener, settings, edits: &edits, outerCallID: outerCallID(settings))
        }
    }

    private func removesIdentity(
        _ response: Message, of server: ServerTransaction, from flow: Flow, at now: Instant
    ) -> Bool {
        guard response.has(.pAssertedIdentity) else { return false }
        if directory.trunks.named(server.trunk)?.hiding.keepsIdentity == false { return true }
        return server.egress == .outside && !directory.isTrunk(flow.peer.ip, at: now)
    }

    private func senderFields(of server: ServerTransaction) -> SenderFields? {
        if let fields = server.senderFields { return fields }
        guard let request = server.request else { return nil }
        let fields = SenderFields(
            of: request, callID: server.outerCallID, side: server.ingress, source: server.flow.peer)
        server.senderFields = fields
        return fields
    }

    private func replaceVias(of response: Message, by vias: [UInt8], _ edits: inout MessageEdits) {
        var isFirst = true
        for field in response.headers where field.name == .via {
            edits.replace(field.line, with: isFirst ? vias[...] : [])
            isFirst = false
        }
    }

    /// Behind our value of the outside comes that of the inside, and those of the proxies on the way to the sender: its
    /// route set starts with them.
    private func addRoutes(
        to response: Message, _ fields: SenderFields, _ listener: Listener, _ phone: TokenRoute?,
        _ edits: inout MessageEdits
    ) {
        guard response.has(.recordRoute),
            let own = response.values(.recordRoute).last(where: { isOurs($0, in: response.bytes) })
        else { return }
        edits.insert(at: own.upperBound) { text in
            text.append(contentsOf: ", ".utf8)
            text.append(
                contentsOf: contacts.recordRoute(
                    listener, isDouble: true, hop: phone, callID: fields.callID[...], isSecure: fields.isSecure))
            text.append(contentsOf: fields.recordRoutes)
        }
    }

    /// Only our value of the outside stays, and what stands below it; it gets to know the proxies that it hides.
    private func removeRoutes(
        from response: Message, of server: ServerTransaction, from flow: Flow, _ listener: Listener,
        _ edits: inout MessageEdits
    ) {
        guard response.has(.recordRoute) else { return }
        let bytes = response.bytes
        let values = response.values(.recordRoute)
        let own = values.lastIndex { isOurs($0, in: bytes) }
        let beyond = own == nil ? [] : routesBeyond(response)
        var replacement: [UInt8]?
        if !beyond.isEmpty, let inbound = identities[flow.listener] {
            let inner = TokenRoute(
                side: .inside, transport: inbound.transport, flow: Flow(listener: flow.listener, peer: flow.peer),
                beganInside: server.call?.beganInside ?? false, beyond: Array(beyond.joined(separator: ", ".utf8)))
            replacement = contacts.recordRoute(
                listener, isDouble: false, hop: inner, callID: bytes[response.callID],
                isSecure: own.map { bytes.isSecure(values[$0].dropFirst()) } ?? false)
        }
        edits.rewriteValues(.recordRoute, of: response) { range in
            guard let own else { return hiding.insideHost(range, in: bytes, as: listener) == nil ? .keep : .drop }
            if range.lowerBound < values[own].lowerBound { return .drop }
            return range == values[own] ? replacement.map { .replace($0) } ?? .keep : .keep
        }
    }

    private func isOurs(_ range: Range<Int>, in bytes: [UInt8]) -> Bool {
        guard let value = NameAddress(range, in: bytes), let uri = URI(value.uri, in: bytes) else { return false }
        return identities.side(of: uri, in: bytes, as: .outside) == .outside
    }
}
