import CShims
import Glibc
public import NetworkTypes

/// A bound UDP socket: not waiting, closed on exec, closed with the object.
public final class UDPSocket {
    /// What can be asked of a socket before it is bound.
    public struct Options: Sendable {
        /// Octets of kernel buffer wanted; the kernel's default where nil.
        public var receiveBuffer: Int?
        public var sendBuffer: Int?
        /// The differentiated services code point of what is sent (RFC 2474): 0 to 63.
        public var dscp: UInt8 = 0
        /// The interface that everything must come from and leave by.
        public var device: String?
        public var reusesAddress = false
        public var reusesPort = false

        public init() {}
    }

    /// The descriptor; -1 once it was released.
    public private(set) var descriptor: Int32
    /// Where the socket is bound, with the port the kernel chose if it was asked for 0.
    public let localAddress: SocketAddress
    /// Whether more than one datagram is likely to wait: the socket was readable in the turn before, too.
    private(set) var isBusy = true
    private var readable: Readiness?
    private var lastReadableTurn: UInt64 = 0

    public init(binding address: SocketAddress, options: Options = Options()) throws(SystemError) {
        let family = address.ip.family == .v4 ? AF_INET : AF_INET6
        let type = Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(family, type, 0)
        guard descriptor >= 0 else { throw .last("open a UDP socket for \(address)") }
        do throws(SystemError) {
            try options.apply(to: descriptor, address.ip.family)
            try SocketOption.bind(descriptor, to: address, "udp")
            localAddress = try SocketAddress(localOf: descriptor)
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
    }

    /// Takes over a socket that was bound elsewhere and released there.
    public init(adopting descriptor: Int32, local: SocketAddress) {
        self.descriptor = descriptor
        localAddress = local
    }

    deinit {
        readable?.stop()
        if descriptor >= 0 { close(descriptor) }
    }

    /// Sends one datagram now. What sends many goes through a ``SendBatch`` or a ``RelaySender``.
    public func send(_ bytes: [UInt8], to destination: SocketAddress) throws(SystemError) {
        let result = destination.withKernel { CShims_send(descriptor, bytes, bytes.count, $0, $1) }
        if result < 0 { throw .last("send to \(destination)") }
    }

    /// Gives the descriptor up: whoever takes it closes it.
    public func release() -> Int32 {
        stopReading()
        defer { descriptor = -1 }
        return descriptor
    }

    /// Calls `handler` whenever datagrams wait, until ``stopReading()``. The handler should not keep the socket.
    public func onReadable(_ loop: EventLoop, handler: @escaping () -> Void) throws(SystemError) {
        stopReading()
        let readiness = Readiness(on: loop, descriptor: descriptor, when: .readable) { [unowned self, unowned loop] in
            isBusy = loop.turns &- lastReadableTurn == 1
            lastReadableTurn = loop.turns
            handler()
        }
        try readiness.start()
        readable = readiness
    }

    public func stopReading() {
        readable?.stop()
        readable = nil
    }

    /// About how many datagrams wait: the kernel tells their memory, and a SIP message takes about 1,280 octets of it.
    public var waiting: Int { max(0, Int(CShims_receive_waiting(descriptor))) / 1280 }

    /// Datagrams that the kernel dropped because the receive buffer was full; nil where it doesn't say.
    public var receiveDrops: Int? {
        let drops = CShims_receive_drops(descriptor)
        return drops < 0 ? nil : Int(drops)
    }
}

extension UDPSocket.Options {
    fileprivate func apply(to descriptor: Int32, _ family: IPAddress.Family) throws(SystemError) {
        try SocketOption.setFamily(family, of: descriptor)
        if reusesAddress { try SocketOption.set(SOL_SOCKET, SO_REUSEADDR, 1, of: descriptor, "set SO_REUSEADDR") }
        if reusesPort { try SocketOption.set(SOL_SOCKET, SO_REUSEPORT, 1, of: descriptor, "set SO_REUSEPORT") }
        try SocketOption.setDSCP(dscp, family, of: descriptor)
        if let receiveBuffer { try Self.setBuffer(of: descriptor, isReceive: true, receiveBuffer) }
        if let sendBuffer { try Self.setBuffer(of: descriptor, isReceive: false, sendBuffer) }
        try SocketOption.setDevice(device, of: descriptor)
    }

    private static func setBuffer(of descriptor: Int32, isReceive: Bool, _ size: Int) throws(SystemError) {
        let result = CShims_set_buffer_size(descriptor, isReceive ? 1 : 0, Int32(clamping: size))
        if result != 0 { throw .last(isReceive ? "set SO_RCVBUF" : "set SO_SNDBUF") }
    }
}
