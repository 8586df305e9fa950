import CShims
import Glibc
public import NetworkTypes

/// A socket that takes connections: a batch each turn, and a rest when descriptors have run out.
public final class TCPListener {
    /// Where it is bound, with the port the kernel chose if it was asked for 0.
    public let localAddress: SocketAddress
    /// How often it had to rest, for want of descriptors or memory.
    public private(set) var pauses: UInt64 = 0
    let options: TCPOptions

    private let loop: EventLoop
    private let descriptor: Int32
    private let handler: (AcceptedConnection) -> Void
    private var readable: Readiness?
    private var rest: Timer?
    private static let batch = 32
    private static let pause = Duration.milliseconds(250)

    /// Takes connections from now on; `handler` owns what it is given.
    public init(
        binding address: SocketAddress, options: TCPOptions = TCPOptions(), on loop: EventLoop, backlog: Int32 = 1024,
        handler: @escaping (AcceptedConnection) -> Void
    ) throws(SystemError) {
        let descriptor = try openTCPSocket(address)
        do throws(SystemError) {
            try options.applyToListener(descriptor, address.ip.family)
            try SocketOption.bind(descriptor, to: address, "tcp")
            guard listen(descriptor, backlog) == 0 else { throw .last("listen on tcp \(address)") }
            localAddress = try SocketAddress(localOf: descriptor)
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        self.options = options
        self.loop = loop
        self.handler = handler
        let readable = Readiness(on: loop, descriptor: descriptor, when: .readable) { [unowned self] in acceptBatch() }
        self.readable = readable
        try readable.start()
    }

    deinit {
        readable?.stop()
        close(descriptor)
    }

    private func acceptBatch() {
        for _ in 0..<Self.batch {
            var storage = (0 as UInt64, 0 as UInt64, 0 as UInt64, 0 as UInt64)
            var length = UInt32(SocketAddress.kernelSize)
            let accepted = CShims_accept(descriptor, &storage, &length)
            guard accepted >= 0 else {
                if !isPassing(errno) { return }
                continue
            }
            guard let peer = SocketAddress(kernel: &storage, length: Int(length)) else {
                close(accepted)
                continue
            }
            handler(AcceptedConnection(descriptor: accepted, peer: peer, options: options))
        }
    }

    /// Whether the error was one connection's; without descriptors the listener rests, as it would otherwise be called
    /// again and again for what it can't take.
    private func isPassing(_ code: Int32) -> Bool {
        switch code {
        case EAGAIN: return false
        case EMFILE, ENFILE, ENOBUFS, ENOMEM:
            pauses &+= 1
            readable?.stop()
            if rest == nil { rest = Timer(on: loop) { [unowned self] in resume() } }
            rest?.schedule(after: Self.pause)
            return false
        default: return true
        }
    }

    private func resume() {
        do { try readable?.start() } catch { rest?.schedule(after: Self.pause) }
    }
}

/// A connection that a listener took and that nobody reads yet: closed unless it is made a ``TCPConnection``.
public final class AcceptedConnection {
    public let peer: SocketAddress
    let options: TCPOptions
    private var descriptor: Int32

    init(descriptor: Int32, peer: SocketAddress, options: TCPOptions) {
        self.descriptor = descriptor
        self.peer = peer
        self.options = options
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func release() -> Int32 {
        defer { descriptor = -1 }
        return descriptor
    }
}

func openTCPSocket(_ address: SocketAddress) throws(SystemError) -> Int32 {
    let family = address.ip.family == .v4 ? AF_INET : AF_INET6
    let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(family, type, 0)
    guard descriptor >= 0 else { throw .last("open a TCP socket for \(address)") }
    return descriptor
}
