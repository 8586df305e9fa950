import Glibc
import NetworkTypes

/// The UDP ports that some process has bound and the TCP ports that one listens on, as the kernel lists them.
///
/// One read of four files instead of a bind and a close for every port of a range; it also sees sockets that would share
/// the port with ours (SO_REUSEPORT), such as those of a second Sallyport.
struct PortsInUse {
    private var bound: Set<SocketAddress> = []
    private var listening: Set<SocketAddress> = []
    /// The state of a TCP socket that takes connections (<netinet/tcp.h>).
    private static let listen: Substring = "0A"

    static func ofThisMachine() -> PortsInUse {
        var ports = PortsInUse()
        for (path, transport) in [
            ("/proc/net/udp", TransportProtocol.udp), ("/proc/net/udp6", .udp), ("/proc/net/tcp", .tcp),
            ("/proc/net/tcp6", .tcp),
        ] {
            // Read to its end: Foundation believes the size that /proc gives (none), and stops after the first page.
            guard let table = try? File(path, O_RDONLY).contents(limit: 1 << 30) else { continue }
            ports.add(String(decoding: table, as: UTF8.self), of: transport)
        }
        return ports
    }

    /// Adds the sockets of a table in the format of /proc/net/udp and /proc/net/tcp.
    mutating func add(_ table: String, of transport: TransportProtocol) {
        for line in table.split(separator: "\n").dropFirst() {
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            guard fields.count > 3, let address = Self.address(fields[1]) else { continue }
            if transport == .udp {
                bound.insert(address)
            } else if fields[3] == Self.listen {
                listening.insert(address)
            }
        }
    }

    /// Whether that port is bound, at the address or at all of its family.
    func contains(_ transport: TransportProtocol, _ address: SocketAddress) -> Bool {
        let addresses = transport == .udp ? bound : listening
        return addresses.contains(address)
            || addresses.contains(SocketAddress(.unspecified(address.ip.family), address.port))
    }

    /// `0100007F:13C4`: words of four octets in the machine's order, then the port.
    private static func address(_ field: Substring) -> SocketAddress? {
        let parts = field.split(separator: ":")
        guard parts.count == 2, let port = UInt16(parts[1], radix: 16) else { return nil }
        var octets: [UInt8] = []
        var rest = parts[0]
        while !rest.isEmpty {
            guard let word = UInt32(rest.prefix(8), radix: 16) else { return nil }
            octets += withUnsafeBytes(of: word) { Array($0) }
            rest = rest.dropFirst(8)
        }
        return IPAddress(octets: octets).map { SocketAddress($0, port) }
    }
}
