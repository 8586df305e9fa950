import Glibc
import NetworkTypes

extension InterfaceTable {
    /// What the kernel says now (getifaddrs); empty when it says nothing.
    public static func ofThisMachine() -> InterfaceTable {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return InterfaceTable([]) }
        defer { freeifaddrs(list) }
        var entries: [Entry] = []
        var next = list
        while let item = next?.pointee {
            if let entry = Entry(item) { entries.append(entry) }
            next = item.ifa_next
        }
        return InterfaceTable(entries)
    }
}

extension InterfaceTable.Entry {
    fileprivate init?(_ item: ifaddrs) {
        guard let name = item.ifa_name, let address = item.ifa_addr.flatMap(IPAddress.init(socketAddress:)) else {
            return nil
        }
        let mask = item.ifa_netmask.flatMap(IPAddress.init(socketAddress:))
        let full = address.family == .v4 ? 32 : 128
        let length = mask.map { $0.octets.reduce(0) { $0 + $1.nonzeroBitCount } } ?? full
        self.init(name: String(cString: name), address: address, prefixLength: length)
    }
}

extension IPAddress {
    /// The address in a C socket address of either family.
    fileprivate init?(socketAddress: UnsafeMutablePointer<sockaddr>) {
        switch Int32(socketAddress.pointee.sa_family) {
        case AF_INET:
            let value = UnsafeRawPointer(socketAddress).loadUnaligned(as: sockaddr_in.self).sin_addr.s_addr
            self.init(v4: UInt32(bigEndian: value))
        case AF_INET6:
            let value = UnsafeRawPointer(socketAddress).loadUnaligned(as: sockaddr_in6.self).sin6_addr
            self.init(octets: withUnsafeBytes(of: value) { Array($0) })
        default: return nil
        }
    }
}
