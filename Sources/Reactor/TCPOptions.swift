import Glibc
import NetworkTypes

/// What can be asked of the TCP sockets of one listener, and of the connections opened beside it.
public struct TCPOptions: Sendable {
    /// The differentiated services code point of what is sent (RFC 2474): 0 to 63.
    public var dscp: UInt8 = 0
    /// The interface that everything must come from and leave by.
    public var device: String?
    /// Whether other sockets may listen on the same port: the loops of one process share its connections.
    public var reusesPort = false
    /// How long data may stay unacknowledged before the kernel gives the connection up (RFC 793's user timeout).
    public var userTimeout = Duration.seconds(32)

    /// Octets that a connection may hold in the kernel before we have read them. The kernel's own choice grows to
    /// megabytes for each connection, whose peers may be anybody.
    public var receiveBuffer = 262_144

    public init() {}

    func applyToListener(_ descriptor: Int32, _ family: IPAddress.Family) throws(SystemError) {
        try SocketOption.setFamily(family, of: descriptor)
        // A restart must not wait until the last connections of the process before it are forgotten.
        try SocketOption.set(SOL_SOCKET, SO_REUSEADDR, 1, of: descriptor, "set SO_REUSEADDR")
        // Inherited by connections; set before, as the window scale is told with the first packet.
        try setReceiveBuffer(of: descriptor)
        if reusesPort { try SocketOption.set(SOL_SOCKET, SO_REUSEPORT, 1, of: descriptor, "set SO_REUSEPORT") }
        try SocketOption.setDSCP(dscp, family, of: descriptor)
        try SocketOption.setDevice(device, of: descriptor)
    }

    /// Before connecting: where it leaves from.
    func applyToOpening(_ descriptor: Int32, _ local: IPAddress) throws(SystemError) {
        try SocketOption.setFamily(local.family, of: descriptor)
        try SocketOption.setDevice(device, of: descriptor)
        try setReceiveBuffer(of: descriptor)
        // The port is chosen when the destination is known: then many connections can share one.
        try SocketOption.set(
            Int32(IPPROTO_IP), Self.bindAddressNoPort, 1, of: descriptor, "set IP_BIND_ADDRESS_NO_PORT")
        try SocketOption.bind(descriptor, to: SocketAddress(local, 0), "tcp")
    }

    /// For every connection: messages leave at once, and a peer that is gone is noticed.
    func applyToConnection(_ descriptor: Int32, _ family: IPAddress.Family) throws(SystemError) {
        let tcp = Int32(IPPROTO_TCP)
        try SocketOption.setDSCP(dscp, family, of: descriptor)
        try SocketOption.set(tcp, TCP_NODELAY, 1, of: descriptor, "set TCP_NODELAY")
        let milliseconds = Int32(clamping: userTimeout.nanoseconds / 1_000_000)
        try SocketOption.set(tcp, TCP_USER_TIMEOUT, milliseconds, of: descriptor, "set TCP_USER_TIMEOUT")
        // What the peer doesn't take stays with us, where it is counted, and not in the kernel's buffers.
        try SocketOption.set(tcp, Self.notSentLowWater, 65_536, of: descriptor, "set TCP_NOTSENT_LOWAT")
        try SocketOption.set(SOL_SOCKET, SO_KEEPALIVE, 1, of: descriptor, "set SO_KEEPALIVE")
        try SocketOption.set(tcp, TCP_KEEPIDLE, 90, of: descriptor, "set TCP_KEEPIDLE")
        try SocketOption.set(tcp, TCP_KEEPINTVL, 15, of: descriptor, "set TCP_KEEPINTVL")
    }

    private func setReceiveBuffer(of descriptor: Int32) throws(SystemError) {
        try SocketOption.set(SOL_SOCKET, SO_RCVBUF, Int32(clamping: receiveBuffer), of: descriptor, "set SO_RCVBUF")
    }

    // <linux/in.h> and <linux/tcp.h>, which not every libc repeats.
    private static let bindAddressNoPort: Int32 = 24
    private static let notSentLowWater: Int32 = 25
}
