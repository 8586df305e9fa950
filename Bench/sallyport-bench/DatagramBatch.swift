import CBench
import NetworkTypes

/// Buffers into which several datagrams are received by one system call, reused for every receive.
final class DatagramBatch {
    private let batch: OpaquePointer

    init(capacity: Int32, size: Int32) { batch = CBench_batch_create(capacity, size) }

    deinit { CBench_batch_destroy(batch) }

    /// Receives what waits at the socket, up to the capacity: the number of datagrams.
    func receive(from descriptor: Int32) -> Int32 { max(0, CBench_batch_receive(batch, descriptor)) }

    subscript(index: Int32) -> CBench_datagram { CBench_batch_datagram(batch, index) }
}

extension CBench_datagram {
    var source: SocketAddress { SocketAddress(IPAddress(v4: ip), port) }
    var content: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: bytes, count: Int(length)) }
}
