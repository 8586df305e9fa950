import CShims
import Glibc
public import NetworkTypes

/// Sends datagrams straight from the slots they were received in: the media path.
///
/// Consecutive datagrams for one socket go out with one system call. The octets are not copied, so ``flush()`` must be
/// called before the ``PacketBatch`` they lie in receives again. Media doesn't wait: what the kernel won't take now
/// is dropped and counted. Budget for each datagram: no allocation, no copy but the kernel's, at most one system call.
public final class RelaySender {
    /// Datagrams the kernel took.
    public private(set) var sent: UInt64 = 0
    /// Datagrams the kernel refused, or had no room for.
    public private(set) var refused: UInt64 = 0
    /// Told of each datagram that was not sent: the socket's descriptor and the errno value. Must be cheap: it may be
    /// called for every packet of a peer that went away.
    public var onRefusal: ((Int32, Int32) -> Void)?

    private let vector: MessageVector
    private var descriptor: Int32 = -1
    private var count = 0

    public init(capacity: Int = 32) {
        precondition(capacity > 0, "a batch has room for something")
        vector = MessageVector(capacity: capacity)
    }

    /// Sends `bytes` from the socket `descriptor` to `destination`, at the latest with the next ``flush()``.
    public func send(_ bytes: UnsafeMutableRawBufferPointer, to destination: SocketAddress, from descriptor: Int32) {
        if descriptor != self.descriptor || count == vector.capacity {
            flush()
            self.descriptor = descriptor
        }
        vector.parts[count] = CShims_part(bytes: bytes.baseAddress, length: bytes.count)
        vector.messages[count].header.address_length = UInt32(destination.writeKernel(to: vector.address(count)))
        count += 1
    }

    /// Sends what was given since the last flush.
    public func flush() {
        var next = 0
        while next < count {
            let result = vector.send(next, count, from: descriptor)
            if result > 0 {
                next += result
                sent &+= UInt64(result)
            } else if errno != EINTR {
                refused &+= 1
                onRefusal?(descriptor, errno)
                next += 1
            }
        }
        count = 0
    }
}
