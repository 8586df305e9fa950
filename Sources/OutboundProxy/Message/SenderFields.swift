import NetworkTypes
import SIP

/// What the sender of a request wrote and must find again in the responses (RFC 3261 §8.2.6.2), where the request went
/// on with something else.
struct SenderFields {
    /// The Via lines, the top one with what we saw of its sender; empty where they went on.
    let vias: [UInt8]
    let from: [UInt8]
    let to: [UInt8]
    let hasToTag: Bool
    /// The Call-ID as the sender knows it.
    let callID: [UInt8]
    /// The Record-Route values of the proxies before us, each after a comma.
    let recordRoutes: [UInt8]

    init(of request: Message, callID: [UInt8]?, side: Side, source: SocketAddress) {
        let bytes = request.bytes
        from = request.header(.from).map { Array(bytes[$0.value]) } ?? []
        to = request.header(.to).map { Array(bytes[$0.value]) } ?? []
        hasToTag = request.toTag != nil
        self.callID = callID ?? Array(bytes[request.callID])
        guard side == .inside else {
            (vias, recordRoutes) = ([], [])
            return
        }
        vias = Self.vias(of: request, from: source)
        var routes: [UInt8] = []
        for value in request.has(.recordRoute) ? request.values(.recordRoute) : [] {
            routes.append(contentsOf: ", ".utf8)
            routes.append(contentsOf: bytes[value])
        }
        recordRoutes = routes
    }

    private static func vias(of request: Message, from source: SocketAddress) -> [UInt8] {
        var edits = MessageEdits(count: 2, octets: 64)
        ViaSource.record(source, in: request, edits: &edits)
        var lines: [UInt8] = []
        lines.reserveCapacity(160)
        for field in request.headers where field.name == .via {
            let isTop = lines.isEmpty
            lines.append(
                contentsOf: isTop ? edits.applied(to: request.bytes, in: field.line)[...] : request.bytes[field.line])
        }
        return lines
    }

    /// Records the edits that give the response the sender's From, To and Call-ID.
    func restore(in response: Message, edits: inout MessageEdits) {
        let bytes = response.bytes
        if let field = response.header(.from), !bytes[field.value].elementsEqual(from) {
            edits.replace(field.value, with: from)
        }
        if !bytes[response.callID].elementsEqual(callID) { edits.replace(response.callID, with: callID) }
        guard let field = response.header(.to), !isTo(bytes[field.value]) else { return }
        edits.replace(field.value) { text in
            text.append(contentsOf: to)
            guard !hasToTag, let tag = response.toTag else { return }
            text.append(contentsOf: ";tag=".utf8)
            text.append(contentsOf: bytes[tag])
        }
    }

    /// Whether the To of a response is the sender's, or the sender's with a tag after it.
    private func isTo(_ value: ArraySlice<UInt8>) -> Bool {
        guard value.starts(with: to) else { return false }
        return value.count == to.count || !hasToTag && value.dropFirst(to.count).contains(UInt8(ascii: ";"))
    }
}
