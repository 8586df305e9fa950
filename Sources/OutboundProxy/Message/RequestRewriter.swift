import NetworkTypes
import SIP

/// Everything that a forwarded request is changed in (RFC 3261 §16.6), as splices; all else leaves as it came.
struct RequestRewriter {
    let request: PendingRequest
    let out: Listener
    let branch: [UInt8]
    let peer: SocketAddress
    /// The body for the other side; nil leaves it.
    var body: [UInt8]?
    /// What is hidden or put back, where the request changes sides.
    var crossing: Crossing?
    /// The Call-ID that the outside knows for another dialog; nil where it is the same.
    var outerCallID: (ArraySlice<UInt8>) -> [UInt8]? = { _ in nil }
    /// The Max-Breadth to send (RFC 5393 §5.3.3); nil is the request's own, but not above the most that is allowed.
    var breadth: UInt8?
    /// Whether the next hop is asked for its load (RFC 7339 §5.1).
    var asksForLoad = false
    /// The inside Contacts that were replaced.
    private(set) var sentContacts: [ServerTransaction.SentContact] = []

    init(request: PendingRequest, out: Listener, branch: [UInt8], peer: SocketAddress) {
        self.request = request
        self.out = out
        self.branch = branch
        self.peer = peer
    }

    private var message: Message { request.arrival.message }
    private var forwarding: Forwarding { request.forwarding }

    /// The request as it leaves.
    mutating func rewritten(contacts: ContactMapping) -> [UInt8] {
        var edits = MessageEdits()
        edits.truncate(at: message.body.upperBound)
        rewriteTarget(&edits)
        addVia(&edits)
        addRecordRoutes(&edits, contacts)
        countHop(&edits)
        if request.arrival.side == .inside, out.side == .outside {
            let mode = forwarding.trunkSettings?.contact ?? .parameter
            sentContacts = contacts.hideContacts(
                of: message, from: request.arrival.flow.peer.ip, as: out, mode: mode, edits: &edits)
            if message.method == .register { rewritePath(&edits, contacts, mode) }
        }
        if let mode = forwarding.phoneContact {
            sentContacts = contacts.announce(phoneOf: request.arrival, as: out, mode, edits: &edits, top: top)
        }
        nameTrunk(&edits)
        if forwarding.isForeign { removeCredentials(&edits) }
        crossing?.apply(to: message, as: out, edits: &edits, outerCallID: outerCallID)
        BodyEdit.replace(with: body, in: message, isStream: out.transport.isReliable, edits: &edits)
        return edits.applied(to: message.bytes)
    }

    /// Request-URI and Route (§16.6 steps 2 and 6).
    private func rewriteTarget(_ edits: inout MessageEdits) {
        let bytes = message.bytes
        let uri = forwarding.uri ?? Array(bytes[message.requestURI])
        guard forwarding.isStrict, let next = forwarding.routes.next else {
            if let uri = forwarding.uri { edits.replace(message.requestURI, with: uri) }
            addInnerRoutes(&edits)
            return forwarding.routes.apply(to: message, without: insideRoutes, edits: &edits)
        }
        // A strict router: its URI becomes the Request-URI, and the Request-URI the last Route.
        edits.replace(message.requestURI, with: bytes[next.uri])
        let hidden = insideRoutes
        let remaining = forwarding.routes.beyond.dropFirst().filter { !hidden.contains($0) }
        let lines = message.all(.route)
        for line in lines.dropFirst() { edits.remove(line.line) }
        guard let first = lines.first else { return }
        edits.replace(first.line) { text in
            text.append(contentsOf: "Route: ".utf8)
            for value in remaining {
                text.append(contentsOf: bytes[value])
                text.append(contentsOf: ", ".utf8)
            }
            text.append(UInt8(ascii: "<"))
            text.append(contentsOf: uri)
            text.append(contentsOf: ">\r\n".utf8)
        }
    }

    /// Whether it leaves for where the inside is not shown.
    private var isHidden: Bool { out.side == .outside && crossing?.settings.isOn ?? false }

    /// Routes that lead back inside, behind the next hop.
    private var insideRoutes: [Range<Int>] {
        guard isHidden, forwarding.routes.beyond.count > 1, let crossing else { return [] }
        return forwarding.routes.beyond.dropFirst().filter {
            crossing.hiding.insideHost($0, in: message.bytes, as: out) != nil
        }
    }

    private func addInnerRoutes(_ edits: inout MessageEdits) {
        let inner = forwarding.inner
        guard !inner.isEmpty else { return }
        edits.insert(at: message.header(.route)?.line.lowerBound ?? top) { text in
            text.append(contentsOf: "Route: ".utf8)
            text.append(contentsOf: inner.joined(separator: ", ".utf8))
            text.append(contentsOf: "\r\n".utf8)
        }
    }

    /// Our Via on top (§16.6 step 8), and the real source in the one below (§18.2.1); none below where it is hidden who
    /// is there: the responses get these back.
    private func addVia(_ edits: inout MessageEdits) {
        if isHidden {
            for field in message.headers where field.name == .via { edits.remove(field.line) }
        } else {
            ViaSource.record(request.arrival.flow.peer, in: message, edits: &edits)
            if LoadReport.mayBeNamed(in: message.topVia.parameters.range, of: message.bytes) {
                LoadReport.remove(from: message.topVia, in: message.bytes, edits: &edits)
            }
        }
        // What the closure needs, so that it does not keep all of this.
        let (out, branch) = (out, branch)
        edits.insert(at: top) { text in
            text.append(contentsOf: "Via: SIP/2.0/".utf8)
            text.append(contentsOf: out.transport.viaName.utf8)
            text.append(UInt8(ascii: " "))
            text.append(contentsOf: out.hostPort)
            text.append(contentsOf: ";rport;branch=".utf8)
            text.append(contentsOf: branch)
            if asksForLoad { text.append(contentsOf: LoadReport.question) }
            text.append(contentsOf: "\r\n".utf8)
        }
    }

    /// Where lines of ours go: before the first Via.
    private var top: Int { message.header(.via)?.line.lowerBound ?? message.body.lowerBound }

    /// Both sides' identities, the one it leaves by on top (§16.6 step 4, RFC 5658 §4). Where the inside is hidden one
    /// stands for all that are there.
    private func addRecordRoutes(_ edits: inout MessageEdits, _ contacts: ContactMapping) {
        if isHidden { for field in message.headers where field.name == .recordRoute { edits.remove(field.line) } }
        // A method that we don't know may begin a dialog (§16.6 step 4).
        let beginsDialog = message.method.formsDialog || message.method == .other
        guard message.method == .notify || (beginsDialog && !message.isInDialog) else { return }
        let ingress = request.arrival.listener
        let isDouble = ingress.id != out.id && !isHidden
        let callID = message.bytes[message.callID]
        var inner =
            ingress.side == .inside
            ? TokenRoute(side: .inside, transport: ingress.transport, flow: request.arrival.flow)
            : TokenRoute(side: .inside, transport: out.transport, flow: Flow(listener: out.id, peer: peer))
        if let crossing { inner.beganInside = crossing.beganInside }
        if isHidden {
            inner.hidesCaller = crossing?.from != nil
            inner.beyond = recordedRoutes
        }
        // Ours are the first values, wherever in the message the others stand.
        let place = message.header(.recordRoute)?.line.lowerBound ?? top
        func record(_ listener: Listener) {
            let value = contacts.recordRoute(
                listener, isDouble: isDouble, hop: listener.side == .outside ? inner : phoneFlow, callID: callID)
            edits.insert(at: place) { text in
                text.append(contentsOf: "Record-Route: ".utf8)
                text.append(contentsOf: value)
                text.append(contentsOf: "\r\n".utf8)
            }
        }
        record(out)
        if isDouble { record(ingress) }
    }

    /// The phone's flow: what the PBX sends in the dialog goes there, whatever the phone's Contact says.
    private var phoneFlow: TokenRoute? {
        guard forwarding.isPhones else { return nil }
        let ingress = request.arrival.listener
        if ingress.side == .outside {
            return TokenRoute(side: .outside, transport: ingress.transport, flow: request.arrival.flow)
        }
        guard case .flow(let flow) = forwarding.nextHop else { return nil }
        return TokenRoute(side: .outside, transport: out.transport, flow: flow)
    }

    /// The Record-Route values of the proxies before us, as one list.
    private var recordedRoutes: [UInt8] {
        guard message.has(.recordRoute) else { return [] }
        let values = message.values(.recordRoute).map { message.bytes[$0] }
        return Array(values.joined(separator: ", ".utf8))
    }

    /// Our Path on top where the trunk wants one and the PBX supports it (RFC 3327 §5.2). It names one Contact, so a
    /// request about several has none, and their parameters must do.
    private func rewritePath(_ edits: inout MessageEdits, _ contacts: ContactMapping, _ mode: ContactMode) {
        contacts.hidePath(of: message, edits: &edits)
        guard mode == .path, sentContacts.count == 1, let token = sentContacts.first?.token,
            message.lists("path", in: .supported)
        else { return }
        edits.insert(at: message.header(.path)?.line.lowerBound ?? top) { text in
            text.append(contentsOf: "Path: ".utf8)
            text.append(contentsOf: contacts.path(out, token: token))
            text.append(contentsOf: "\r\n".utf8)
        }
    }

    /// Max-Forwards, one less, or 70 (§16.6 step 3), and Max-Breadth, or 60 (RFC 5393 §5.3.3), found in one look at the
    /// fields.
    private func countHop(_ edits: inout MessageEdits) {
        var forwards: HeaderField?
        var breadths: HeaderField?
        for field in message.headers {
            switch field.name {
            case .maxForwards: forwards = field
            case .maxBreadth where breadths == nil: breadths = field
            case .maxBreadth: edits.remove(field.line)
            default: break
            }
        }
        let value = breadth ?? Breadth.named(breadths, in: message.bytes)
        if let breadths { edits.replace(breadths.value) { $0.appendDecimal(value) } }
        let isNamed = breadths != nil
        if let forwards, let hops = message.maxForwards {
            edits.replace(forwards.value) { text in
                text.appendDecimal(hops > 0 ? hops - 1 : 0)
                // Without a splice of its own: every request passes here.
                if !isNamed { Self.addBreadth(value, to: &text) }
            }
        } else {
            edits.insert(at: top) { text in
                text.append(contentsOf: "Max-Forwards: 70".utf8)
                if !isNamed { Self.addBreadth(value, to: &text) }
                text.append(contentsOf: "\r\n".utf8)
            }
        }
    }

    /// The field, behind the value of another one.
    private static func addBreadth(_ breadth: UInt8, to text: inout [UInt8]) {
        // Nearly always; a number that is written costs an allocation.
        guard breadth != Breadth.usual else { return text.append(contentsOf: "\r\nMax-Breadth: 60".utf8) }
        text.append(contentsOf: "\r\nMax-Breadth: ".utf8)
        text.appendDecimal(breadth)
    }

    /// They were made for another host (security 28).
    private func removeCredentials(_ edits: inout MessageEdits) {
        for field in message.headers where field.name == .authorization || field.name == .proxyAuthorization {
            edits.remove(field.line)
        }
    }

    /// The PBX is told the trunk; nobody outside may say it (design §5).
    private func nameTrunk(_ edits: inout MessageEdits) {
        for field in message.all(.sallyportTrunk) { edits.remove(field.line) }
        let trunk = forwarding.trunk
        guard request.arrival.side == .outside, out.side == .inside, !trunk.isEmpty else { return }
        edits.insert(at: top) { text in
            text.append(contentsOf: "X-Sallyport-Trunk: ".utf8)
            text.append(contentsOf: trunk.utf8)
            text.append(contentsOf: "\r\n".utf8)
        }
    }
}

/// Puts another body into a message and its length into Content-Length.
enum BodyEdit {
    /// Without a body only the length is seen to: a stream must have one, written as strictly as it can be, where the
    /// datagram may have come without, or with one that somebody reads otherwise. A datagram needs none (RFC 3261 §18.3).
    static func replace(with body: [UInt8]?, in message: Message, isStream: Bool, edits: inout MessageEdits) {
        if let body {
            edits.replace(message.body, with: body)
            if body.isEmpty, let type = message.header(.contentType) { edits.remove(type.line) }
        }
        guard isStream || body != nil && message.has(.contentLength) else { return }
        nameLength(body?.count ?? message.body.count, in: message, edits: &edits)
    }

    private static func nameLength(_ length: Int, in message: Message, edits: inout MessageEdits) {
        if let field = message.header(.contentLength) {
            guard !names(length, field, in: message.bytes) else { return }
            edits.replace(field.nameRange.upperBound..<field.line.upperBound) { text in
                text.append(contentsOf: ": ".utf8)
                text.appendDecimal(length)
                text.append(contentsOf: "\r\n".utf8)
            }
        } else if let neighbour = message.header(.callID) {
            edits.insert(at: neighbour.line.lowerBound) { text in
                text.append(contentsOf: "Content-Length: ".utf8)
                text.appendDecimal(length)
                text.append(contentsOf: "\r\n".utf8)
            }
        }
    }

    /// Whether the field says so already, letter for letter: most do, and to look costs less than to edit.
    private static func names(_ length: Int, _ field: HeaderField, in bytes: [UInt8]) -> Bool {
        let (colon, value, line) = (field.nameRange.upperBound, field.value, field.line)
        guard value.lowerBound == colon + 2, line.upperBound == value.upperBound + 2,
            bytes.equals(colon..<value.lowerBound, ignoringCase: ": "),
            bytes.equals(value.upperBound..<line.upperBound, ignoringCase: "\r\n"),
            let number = bytes.decimal(value, as: UInt32.self)
        else { return false }
        return number == length && (value.count == 1 || bytes[value.lowerBound] != UInt8(ascii: "0"))
    }
}
