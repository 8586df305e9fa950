import Glibc
import MediaRelay
import NetworkTypes
import Reactor

/// Binds media sockets with the system: not waiting, of one family only, marked for expedited forwarding.
final class SystemPortBinder: PortBinder {
    private var options = UDPSocket.Options()

    /// `dscp`: the code point of all media (RFC 2474); 46 is expedited forwarding. Buffers keep the kernel's size: a
    /// stream fills a few kB of them, and there are thousands.
    init(dscp: UInt8 = 46) { options.dscp = dscp }

    func bind(_ address: SocketAddress) -> Int32? { try? UDPSocket(binding: address, options: options).release() }

    func close(_ descriptor: Int32) { _ = Glibc.close(descriptor) }
}
