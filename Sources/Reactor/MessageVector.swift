import CShims

/// The vectors that recvmmsg(2) and sendmmsg(2) read, allocated and wired to each other once: one message header, one
/// part and one address for each datagram.
final class MessageVector {
    static let addressStride = 32
    let capacity: Int
    let messages: UnsafeMutablePointer<CShims_message>
    let parts: UnsafeMutablePointer<CShims_part>
    let addresses: UnsafeMutableRawPointer

    init(capacity: Int) {
        self.capacity = capacity
        messages = .allocate(capacity: capacity)
        messages.initialize(repeating: CShims_message(), count: capacity)
        parts = .allocate(capacity: capacity)
        parts.initialize(repeating: CShims_part(), count: capacity)
        addresses = .allocate(byteCount: capacity * Self.addressStride, alignment: 8)
        addresses.initializeMemory(as: UInt8.self, repeating: 0, count: capacity * Self.addressStride)
        for index in 0..<capacity {
            messages[index].header.parts = parts + index
            messages[index].header.part_count = 1
            messages[index].header.address = address(index)
            messages[index].header.address_length = UInt32(Self.addressStride)
        }
    }

    deinit {
        messages.deallocate()
        parts.deallocate()
        addresses.deallocate()
    }

    /// Sends datagrams `first..<end` and returns how many the kernel took; -1 with errno when it refused the first.
    /// A lone datagram goes by sendto(2), which has fewer structures to copy in.
    func send(_ first: Int, _ end: Int, from descriptor: Int32) -> Int {
        guard end - first == 1 else {
            return Int(CShims_sendmmsg(descriptor, messages + first, UInt32(truncatingIfNeeded: end - first)))
        }
        let (part, header) = (parts[first], messages[first].header)
        return Int(CShims_send(descriptor, part.bytes, part.length, header.address, header.address_length))
    }

    /// Receives at most `limit` datagrams into the first parts and returns how many; -1 with errno. For one it is
    /// recvfrom(2), which has fewer structures to copy and doesn't look for a second.
    func receive(_ limit: Int, from descriptor: Int32) -> Int {
        if limit == 1 { return Int(CShims_receive(descriptor, messages)) }
        return Int(CShims_recvmmsg(descriptor, messages, UInt32(truncatingIfNeeded: limit)))
    }

    @inline(__always)
    func address(_ index: Int) -> UnsafeMutableRawPointer { addresses + index &* Self.addressStride }
}

/// Equal slots of memory for datagrams, in one allocation whose pages are real only once they were touched.
final class Slab {
    let slotSize: Int
    private let stride: Int
    private let start: UnsafeMutableRawPointer

    /// Slots of 2^n octets would start in the same few sets of the processor's caches and push each other out, so each
    /// starts 17 cache lines after where it otherwise would.
    init(count: Int, slotSize: Int) {
        self.slotSize = slotSize
        stride = (slotSize + 63) / 64 * 64 + (slotSize.isMultiple(of: 1024) ? 17 * 64 : 0)
        start = .allocate(byteCount: count * stride, alignment: 64)
    }

    deinit { start.deallocate() }

    @inline(__always)
    func slot(_ index: Int) -> UnsafeMutableRawPointer { start + index &* stride }
}
