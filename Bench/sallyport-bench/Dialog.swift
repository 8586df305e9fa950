import NetworkTypes

/// A dialog as one of its ends sees it (RFC 3261 §12).
struct Dialog {
    let callID: [UInt8]
    /// Our From value and the peer's To value in requests that we send, tags included.
    let local: [UInt8]
    let remote: [UInt8]
    let localTag: [UInt8]
    let remoteTag: [UInt8]
    let routeSet: [[UInt8]]
    let remoteTarget: [UInt8]
    private var localSequence: UInt32
    private var remoteSequence: UInt32?

    /// The dialog that a 2xx makes at the caller; nil when the response lacks a tag or Contact.
    init?(response: ReceivedMessage, number: UInt32) {
        guard let to = response[.to], let from = response[.from], let contact = response.values(.contact).first,
            let remoteTag = response.parameter("tag", of: to), let localTag = response.parameter("tag", of: from)
        else { return nil }
        callID = response.slice(response[.callID])
        (local, remote) = (response.slice(from), response.slice(to))
        (self.localTag, self.remoteTag) = (localTag, remoteTag)
        routeSet = response.values(.recordRoute).reversed().map { response.slice($0) }
        remoteTarget = response.slice(response.uri(of: contact))
        localSequence = number
    }

    /// The dialog that an INVITE makes at the answerer, which chose `tag`.
    init?(request: ReceivedMessage, tag: [UInt8]) {
        guard let to = request[.to], let from = request[.from], let contact = request.values(.contact).first,
            let remoteTag = request.parameter("tag", of: from), let cseq = request.cseq
        else { return nil }
        callID = request.slice(request[.callID])
        local = request.slice(to) + Array(";tag=".utf8) + tag
        remote = request.slice(from)
        (localTag, self.remoteTag) = (tag, remoteTag)
        routeSet = request.values(.recordRoute).map { request.slice($0) }
        remoteTarget = request.slice(request.uri(of: contact))
        localSequence = 0
        remoteSequence = cseq.number
    }

    /// Where the next request goes: the first route, else the remote target. Nil when that is no address.
    var nextHop: SocketAddress? {
        guard let route = routeSet.first else { return SIPURI(remoteTarget)?.address }
        let start = route.firstIndex(of: UInt8(ascii: "<")).map { $0 + 1 } ?? 0
        let end = route.firstIndex(of: UInt8(ascii: ">")) ?? route.count
        guard start <= end, let uri = SIPURI(route[start..<end]), uri.isLooseRouter else { return nil }
        return uri.address
    }

    /// Writes a request within the dialog; ACK has the number of its INVITE, every other request a new one.
    mutating func request(_ method: SIPMethod, via: [UInt8], contact: [UInt8]) -> (message: [UInt8], number: UInt32) {
        if method != .ack { localSequence += 1 }
        var builder = MessageBuilder(method, uri: remoteTarget)
        builder.field("Via", via)
        for route in routeSet { builder.field("Route", route) }
        builder.field("Max-Forwards", "70")
        builder.field("From", local)
        builder.field("To", remote)
        builder.field("Call-ID", callID)
        builder.cseq(localSequence, method)
        if method != .ack { builder.field("Contact", contact) }
        return (builder.finish(), localSequence)
    }

    /// Whether a request belongs to this dialog and is newer than those before; nil when it is in order.
    mutating func fault(of request: ReceivedMessage) -> String? {
        guard request.parameter("tag", of: request[.from]) == remoteTag else { return "a wrong From tag" }
        guard request.parameter("tag", of: request[.to]) == localTag else { return "a wrong To tag" }
        guard let cseq = request.cseq else { return "no CSeq" }
        guard case .request(let method, _) = request.start, method == cseq.method else { return "a wrong CSeq method" }
        if method == .ack { return nil }
        guard cseq.number > remoteSequence ?? 0 else { return "an old CSeq" }
        remoteSequence = cseq.number
        return nil
    }
}
