import NetworkTypes
import TestSupport

/// A DNS server on a host, which answers from a zone over UDP.
final class NameServer: Sendable {
    private let service: DatagramService

    init(_ lines: [String], at ip: IPAddress, on host: NetworkNamespace) throws {
        let zone = Zone(lines)
        service = try DatagramService(at: SocketAddress(ip, 53), on: host) { Self.answer($0, from: zone) }
    }

    private static func answer(_ query: [UInt8], from zone: Zone) -> [UInt8]? {
        var labels: [String] = []
        var rest = query.dropFirst(12)
        while let length = rest.popFirst(), length > 0 {
            labels.append(String(decoding: rest.prefix(Int(length)), as: UTF8.self))
            rest = rest.dropFirst(Int(length))
        }
        guard let high = rest.popFirst(), let low = rest.popFirst() else { return nil }
        var response = zone.response(labels.joined(separator: "."), UInt16(high) << 8 | UInt16(low))
        response.id = UInt16(query[0]) << 8 | UInt16(query[1])
        return response.wire
    }
}
