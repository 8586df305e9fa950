import Glibc
import NetworkTypes

/// The UDP ports that some process has bound, as the kernel lists them.
///
/// One read of two files instead of a bind and a close for every port of a range; it also sees sockets that would share
/// the port with ours (SO_REUSEPORT), such as those of a second Sallyport.
struct UDPPortsInUse {
    private var addresses: Set<SocketAddress> = []

    static func ofThisMachine() -> UDPPortsInUse {
        var ports = UDPPortsInUse()
        for path in ["/proc/net/udp", "/proc/net/udp6"] {
            // Read to its end: Foundation believes the size that /proc gives (none), and stops after the first page.
            guard let table = try? File(path, O_RDONLY).contents(limit: 1 << 30) else { continue }
            ports.add(String(decoding: table, as: UTF8.self))
        }
        return ports
    }

    /// Adds the sockets of a table in the format of /proc/net/udp.
    mutating func add(_ table: String) {
        for line in table.split(separator: "\n").dropFirst() {
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            if fields.count > 1, let address = Self.address(fields[1]) { addresses.insert(address) }
        }
    }

    /// Whether that port is bound, at the address or at all of its family.
    func contains(_ address: SocketAddress) -> Bool {
        addresses.contains(address)
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
