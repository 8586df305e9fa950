import NetworkTypes
import SIP

// A Request-URI that names us by maddr (RFC 3261 §16.4).

extension ProxyCore {
    /// The request as if maddr, with the port and the transport that it came by, had not been in its Request-URI: when
    /// they are ours. Any other maddr is where the request goes (RFC 3263 §4).
    func withoutOwnMaddr(_ arrival: Arrival) -> Arrival {
        let message = arrival.message
        let bytes = message.bytes
        // Without a branch of RFC 3261 the Request-URI tells transactions apart (§17.2.3), and stays.
        guard mayHaveMaddr(message), message.topVia.hasMagicCookie(in: bytes),
            let uri = URI(message.requestURI, in: bytes), let maddr = uri.parameters.first("maddr", in: bytes),
            let host = maddr.value, isAddressed(uri, by: host, at: arrival)
        else { return arrival }
        var edits = MessageEdits()
        edits.remove(maddr.whole)
        if let transport = uri.parameters.first("transport", in: bytes) { edits.remove(transport.whole) }
        if let port = uri.port, port != arrival.listener.transport.defaultPort {
            edits.remove(uri.host.upperBound..<uri.hostPort.upperBound)
        }
        guard let stripped = try? MessageParser.parse(datagram: edits.applied(to: bytes)) else { return arrival }
        return Arrival(
            message: stripped, flow: arrival.flow, listener: arrival.listener, now: arrival.now,
            outerCallID: arrival.outerCallID)
    }

    /// Whether a parameter that begins so may stand there: hardly any Request-URI has one.
    private func mayHaveMaddr(_ message: Message) -> Bool {
        let octets = message.bytes.span
        var index = message.requestURI.lowerBound
        while index + 1 < message.requestURI.upperBound {
            if octets[index] == UInt8(ascii: ";") {
                let next = octets[index + 1]
                if next <= 0x20 || next | 0x20 == UInt8(ascii: "m") { return true }
            }
            index += 1
        }
        return false
    }

    /// Whether `host` is ours on that side, and the request came by the port and transport that the URI says.
    private func isAddressed(_ uri: URI, by host: Range<Int>, at arrival: Arrival) -> Bool {
        let (bytes, listener) = (arrival.message.bytes, arrival.listener)
        let transport = uri.demandedTransport(in: bytes) ?? .udp
        guard transport == listener.transport else { return false }
        let port = uri.port ?? transport.defaultPort
        guard port == listener.local.port || port == listener.advertised.port else { return false }
        var text = Array("sip:".utf8)
        text.append(contentsOf: bytes[host])
        text.append(UInt8(ascii: ":"))
        text.appendDecimal(port)
        return URI(text.indices, in: text).map { identities.side(of: $0, in: text, as: listener.side) == listener.side }
            ?? false
    }
}
