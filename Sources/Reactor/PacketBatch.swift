import CShims
import Glibc
public import NetworkTypes

/// Slots that datagrams are received into, a batch with one system call, and changed in place.
///
/// One batch serves all sockets of a loop: what was received is good until the next ``receive(from:limit:)``.
/// Budget for each datagram: no allocation, no copy but the kernel's.
public final class PacketBatch {
    /// How many datagrams fit.
    public let capacity: Int
    /// The longest datagram that is received whole.
    public let slotSize: Int
    /// Octets that may be written after a datagram in its slot (SRTP adds an authentication tag).
    public let tailroom: Int
    /// How many datagrams were received last.
    public private(set) var count = 0
    private let vector: MessageVector
    private let slab: Slab

    /// The default slot takes every UDP datagram there can be; its memory is real only as far as it was ever filled.
    public init(capacity: Int = 32, slotSize: Int = 65_536, tailroom: Int = 0) {
        precondition(capacity > 0 && slotSize > 0 && tailroom >= 0, "a batch has room for something")
        self.capacity = capacity
        self.slotSize = slotSize
        self.tailroom = tailroom
        vector = MessageVector(capacity: capacity)
        slab = Slab(count: capacity, slotSize: slotSize + tailroom)
        for index in 0..<capacity {
            vector.parts[index] = CShims_part(bytes: slab.slot(index), length: slotSize)
        }
    }

    /// Receives what waits on a socket, at most `limit` datagrams; 0 when nothing does. Errors that an earlier datagram
    /// of ours caused (an ICMP message came back) say nothing about the socket and count as nothing.
    public func receive(from descriptor: Int32, limit: Int = .max) throws(SystemError) -> Int {
        for index in 0..<count { vector.messages[index].header.address_length = UInt32(MessageVector.addressStride) }
        count = 0
        let result = vector.receive(max(0, min(limit, capacity)), from: descriptor)
        if result >= 0 {
            count = result
            return count
        }
        switch errno {
        case EAGAIN, EINTR, ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EMSGSIZE, EPROTO, EHOSTDOWN, ENETDOWN: return 0
        default: throw .last("receive")
        }
    }

    /// Receives from `socket`: one datagram as a rule, and all that wait where the socket was readable in the turn
    /// before as well. Of many media sockets each mostly has one packet waiting, and recvmmsg(2) with its look for a
    /// second costs a tenth of relaying it; a busy signalling socket is read in batches.
    public func receive(from socket: UDPSocket) throws(SystemError) -> Int {
        try receive(from: socket.descriptor, limit: socket.isBusy ? capacity : 1)
    }

    /// Where datagram `index` came from; nil only if the kernel named no IP address.
    public func source(_ index: Int) -> SocketAddress? {
        precondition(index < count, "a datagram of this batch")
        let length = Int(vector.messages[index].header.address_length)
        return SocketAddress(kernel: vector.address(index), length: length)
    }

    /// The octets of datagram `index`.
    public func bytes(_ index: Int) -> UnsafeMutableRawBufferPointer {
        precondition(index < count, "a datagram of this batch")
        let length = min(Int(vector.messages[index].length), slotSize)
        return UnsafeMutableRawBufferPointer(start: slab.slot(index), count: length)
    }

    /// The whole slot of datagram `index`, ``tailroom`` included.
    public func slot(_ index: Int) -> UnsafeMutableRawBufferPointer {
        precondition(index < count, "a datagram of this batch")
        return UnsafeMutableRawBufferPointer(start: slab.slot(index), count: slotSize + tailroom)
    }

    /// Whether datagram `index` was longer than the slot, and its rest is lost.
    public func isTruncated(_ index: Int) -> Bool {
        precondition(index < count, "a datagram of this batch")
        return CShims_is_truncated(vector.messages + index) != 0
    }
}
