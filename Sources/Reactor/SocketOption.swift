import CShims
import Glibc
import NetworkTypes

/// What sockets of all kinds are asked for before they are used.
enum SocketOption {
    static func set(
        _ level: Int32, _ name: Int32, _ value: Int32, of descriptor: Int32, _ what: String
    ) throws(SystemError) {
        var value = value
        let result = setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
        if result != 0 { throw .last(what) }
    }

    /// An IPv6 socket takes IPv6 only: there is one of its own for IPv4.
    static func setFamily(_ family: IPAddress.Family, of descriptor: Int32) throws(SystemError) {
        guard family == .v6 else { return }
        try set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1, of: descriptor, "set IPV6_V6ONLY")
    }

    /// The differentiated services code point of what is sent (RFC 2474); 0 leaves it.
    static func setDSCP(_ dscp: UInt8, _ family: IPAddress.Family, of descriptor: Int32) throws(SystemError) {
        guard dscp != 0 else { return }
        let value = Int32(dscp & 63) << 2
        switch family {
        case .v4: try set(Int32(IPPROTO_IP), IP_TOS, value, of: descriptor, "set IP_TOS")
        case .v6: try set(Int32(IPPROTO_IPV6), IPV6_TCLASS, value, of: descriptor, "set IPV6_TCLASS")
        }
    }

    /// The interface that everything comes from and leaves by; nil for any.
    static func setDevice(_ device: String?, of descriptor: Int32) throws(SystemError) {
        guard let device else { return }
        let result = setsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, device, socklen_t(device.utf8.count))
        if result != 0 { throw .last("bind to device \(device)") }
    }

    static func bind(_ descriptor: Int32, to address: SocketAddress, _ what: String) throws(SystemError) {
        let result = address.withKernel { CShims_bind(descriptor, $0, $1) }
        guard result == 0 else { throw .last("bind \(what) \(address)") }
    }
}
