import CShims
import Glibc
public import NetworkTypes

/// The outgoing datagrams of one signalling socket: collected during a turn of the loop, sent together at its end.
///
/// Datagrams are copied one behind the other rather than kept as arrays: for messages of SIP's size the copy costs what
/// a retain and release cost, the memory is bounded, and the writer of a message may reuse its buffer. A queue that
/// was sent whole starts at the front again, so a quiet socket stays within a few pages. When the socket's buffer is
/// full, the queue waits until it is writable; when the queue is full, the newest datagram is dropped and counted, as
/// the network would do it.
public final class SendBatch: TurnEndTask {
    /// The longest datagram there is: 65,535 octets less the headers of IPv4 and UDP.
    public static let longestDatagram = 65_507

    /// Datagrams the kernel took.
    public private(set) var sent: UInt64 = 0
    /// Datagrams dropped because the queue was full.
    public private(set) var dropped: UInt64 = 0
    /// Datagrams the kernel refused.
    public private(set) var refused: UInt64 = 0
    /// Told of each datagram that the kernel refused (too long, not allowed, no route): where to, and why.
    public var onRefusal: ((SocketAddress, SystemError) -> Void)?

    /// So many are sent before the turn ends.
    private static let enough = 32
    private let socket: UDPSocket
    private let loop: EventLoop
    private let vector: MessageVector
    private let memory: UnsafeMutableRawBufferPointer
    /// The octets of ``memory`` that datagrams lie in.
    private var used = 0
    /// The first datagram that was not sent yet, and the one that comes next.
    private var head = 0
    private var tail = 0
    private var isScheduled = false
    private var writable: Readiness?

    /// A queue of at most `capacity` datagrams.
    public init(socket: UDPSocket, loop: EventLoop, capacity: Int = 256) {
        precondition(capacity > 0, "a queue has room for something")
        self.socket = socket
        self.loop = loop
        vector = MessageVector(capacity: capacity)
        // Room for as many of the usual size, and for a few of the longest; real only as far as it was ever filled.
        memory = .allocate(byteCount: max(capacity * 2048, 4 * 65_536), alignment: 64)
    }

    deinit {
        writable?.stop()
        memory.deallocate()
    }

    /// Datagrams that wait to be sent.
    var count: Int { tail - head }

    /// Queues a datagram; false when it was dropped because the queue is full or the datagram too long.
    @discardableResult
    public func append(_ bytes: [UInt8], to destination: SocketAddress) -> Bool {
        bytes.withUnsafeBytes { append($0, to: destination) }
    }

    /// Queues a copy of `bytes`; false when it was dropped because the queue is full or the datagram too long.
    @discardableResult
    public func append(_ bytes: UnsafeRawBufferPointer, to destination: SocketAddress) -> Bool {
        guard bytes.count <= Self.longestDatagram else {
            refuse(destination, EMSGSIZE)
            return false
        }
        if !hasRoom(for: bytes.count) { flush() }
        guard hasRoom(for: bytes.count), let start = memory.baseAddress else {
            dropped &+= 1
            return false
        }
        if let source = bytes.baseAddress { (start + used).copyMemory(from: source, byteCount: bytes.count) }
        vector.parts[tail] = CShims_part(bytes: start + used, length: bytes.count)
        vector.messages[tail].header.address_length = UInt32(destination.writeKernel(to: vector.address(tail)))
        // The next starts on a cache line of its own.
        used += (bytes.count + 63) / 64 * 64
        tail += 1
        // More in one go would gain nothing, and wear more of the caches.
        if tail - head >= Self.enough, writable?.isActive != true { flush() } else { scheduleFlush() }
        return true
    }

    public func turnEnded() {
        isScheduled = false
        flush()
    }

    /// Sends what is queued, as far as the socket takes it; the rest goes when it is writable again.
    public func flush() {
        while count > 0 {
            let result = vector.send(head, tail, from: socket.descriptor)
            if result > 0 {
                sent &+= UInt64(result)
                advance(result)
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN: return waitUntilWritable()
            default:
                refuse(headDestination, errno)
                advance(1)
            }
        }
        writable?.stop()
    }

    private func scheduleFlush() {
        if isScheduled || writable?.isActive == true { return }
        isScheduled = true
        loop.atTurnEnd(self)
    }

    private func waitUntilWritable() {
        if writable == nil {
            writable = Readiness(on: loop, descriptor: socket.descriptor, when: .writable) { [unowned self] in flush() }
        }
        // If even that fails the queue stays, and is tried again when the next datagram comes.
        try? writable?.start()
    }

    private func hasRoom(for length: Int) -> Bool { tail < vector.capacity && used + length <= memory.count }

    private func advance(_ number: Int) {
        head += number
        guard head == tail else { return }
        (head, tail, used) = (0, 0, 0)
    }

    private var headDestination: SocketAddress? {
        SocketAddress(kernel: vector.address(head), length: Int(vector.messages[head].header.address_length))
    }

    private func refuse(_ destination: SocketAddress?, _ code: Int32) {
        refused &+= 1
        guard let onRefusal, let destination else { return }
        onRefusal(destination, SystemError("send to \(destination)", code: code))
    }
}
