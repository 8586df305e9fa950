import NetworkTypes

/// A route in a token: `side, transport, family | address | port | listener`, and the connection where it names one.
extension TokenRoute {
    var octets: [UInt8] {
        var octets = [side.rawValue | transport.rawValue << 1 | (flow.peer.ip.family == .v6 ? 0x80 : 0)]
        octets += flow.peer.ip.octets
        octets.appendBigEndian(flow.peer.port)
        octets.appendBigEndian(flow.listener.index)
        if flow.connection != 0 { octets.appendBigEndian(flow.connection) }
        return octets
    }

    init?(_ octets: [UInt8]) {
        var cursor = OctetCursor(octets)
        guard let head = cursor.next(), let side = Side(rawValue: head & 1),
            let transport = TransportProtocol(rawValue: (head & 0x7f) >> 1),
            let address = cursor.take(head & 0x80 == 0 ? 4 : 16), let ip = IPAddress(octets: address),
            let port: UInt16 = cursor.bigEndian(), let listener: UInt16 = cursor.bigEndian()
        else { return nil }
        var connection: UInt64 = 0
        if !cursor.isAtEnd {
            guard let named: UInt64 = cursor.bigEndian(), cursor.isAtEnd else { return nil }
            connection = named
        }
        let flow = Flow(listener: ListenerID(listener), peer: SocketAddress(ip, port), connection: connection)
        self.init(side: side, transport: transport, flow: flow)
    }
}
