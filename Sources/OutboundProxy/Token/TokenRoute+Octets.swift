import NetworkTypes

/// A route in a token: `side, transport, flags | address | port | listener`, then the connection where it names one,
/// or what is beyond the hop: that one outlives connections.
extension TokenRoute {
    private enum Flag {
        static let beyond: UInt8 = 0x10
        static let beganInside: UInt8 = 0x20
        static let hidesCaller: UInt8 = 0x40
        static let v6: UInt8 = 0x80
    }

    /// The octets of the route, but for what is beyond it.
    var octets: [UInt8] {
        var head = side.rawValue | transport.rawValue << 1
        if flow.peer.ip.family == .v6 { head |= Flag.v6 }
        if beganInside { head |= Flag.beganInside }
        if hidesCaller { head |= Flag.hidesCaller }
        if !beyond.isEmpty { head |= Flag.beyond }
        var octets = [head]
        octets += flow.peer.ip.octets
        octets.appendBigEndian(flow.peer.port)
        octets.appendBigEndian(flow.listener.index)
        if flow.connection != 0, beyond.isEmpty { octets.appendBigEndian(flow.connection) }
        return octets
    }

    /// `beyond` reads what is beyond the hop.
    init?(_ octets: [UInt8], beyond: ([UInt8]) -> [UInt8]?) {
        var cursor = OctetCursor(octets)
        guard let head = cursor.next(), let side = Side(rawValue: head & 1),
            let transport = TransportProtocol(rawValue: (head & 0x0e) >> 1),
            let address = cursor.take(head & Flag.v6 == 0 ? 4 : 16), let ip = IPAddress(octets: address),
            let port: UInt16 = cursor.bigEndian(), let listener: UInt16 = cursor.bigEndian()
        else { return nil }
        var connection: UInt64 = 0
        var list: [UInt8] = []
        if head & Flag.beyond != 0 {
            guard let found = beyond(Array(cursor.rest)), !found.isEmpty else { return nil }
            list = found
        } else if !cursor.isAtEnd {
            guard let named: UInt64 = cursor.bigEndian(), cursor.isAtEnd else { return nil }
            connection = named
        }
        let flow = Flow(listener: ListenerID(listener), peer: SocketAddress(ip, port), connection: connection)
        self.init(
            side: side, transport: transport, flow: flow, beganInside: head & Flag.beganInside != 0,
            hidesCaller: head & Flag.hidesCaller != 0, beyond: list)
    }
}
