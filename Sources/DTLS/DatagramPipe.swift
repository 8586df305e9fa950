import COpenSSL

/// What OpenSSL reads from and writes to instead of a socket: one datagram that is lent to it, and a list.
final class DatagramPipe {
    /// What came and is not yet read; good only while it is lent.
    private var input: UnsafeRawBufferPointer?
    /// Whether reading leaves the datagram where it is.
    private var isPeeking = false
    private var output: [[UInt8]] = []

    /// The BIO for an `SSL`, which owns it; the pipe must outlive it.
    func makeBIO() -> OpaquePointer? {
        guard let bio = BIO_new(Self.method) else { return nil }
        BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
        BIO_set_init(bio, 1)
        return bio
    }

    /// Lends a datagram until ``takeBack()``.
    func lend(_ datagram: UnsafeRawBufferPointer) { input = datagram }

    func takeBack() { input = nil }

    func takeOutput() -> [[UInt8]] {
        if output.isEmpty { return [] }
        defer { output = [] }
        return output
    }

    /// What doesn't fit is lost, as with a socket.
    private func read(_ destination: UnsafeMutablePointer<CChar>, _ room: Int) -> Int? {
        guard let datagram = input, let start = datagram.baseAddress, !datagram.isEmpty else { return nil }
        let count = min(room, datagram.count)
        UnsafeMutableRawPointer(destination).copyMemory(from: start, byteCount: count)
        if !isPeeking { input = nil }
        return count
    }

    private func control(_ command: Int32, _ value: Int) -> Int {
        switch command {
        case BIO_CTRL_FLUSH: return 1
        case BIO_CTRL_DGRAM_SET_PEEK_MODE:
            isPeeking = value != 0
            return 1
        default: return 0
        }
    }

    private static func pipe(of bio: OpaquePointer?) -> DatagramPipe? {
        BIO_get_data(bio).map { Unmanaged<DatagramPipe>.fromOpaque($0).takeUnretainedValue() }
    }

    /// `BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY`, as far as Swift sees these macros.
    private static let retryFlags =
        BIO_FLAGS_READ | BIO_FLAGS_WRITE | BIO_FLAGS_IO_SPECIAL | BIO_FLAGS_SHOULD_RETRY

    // Written once, before any other thread can see it: OpenSSL only reads a method.
    nonisolated(unsafe) private static let method: OpaquePointer = {
        guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagrams") else {
            preconditionFailure("OpenSSL is out of memory before anything has begun")
        }
        BIO_meth_set_read(method) { bio, destination, room in
            BIO_clear_flags(bio, retryFlags)
            guard let pipe = pipe(of: bio), let destination, room > 0 else { return 0 }
            guard let count = pipe.read(destination, Int(room)) else {
                BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY)
                return -1
            }
            return Int32(clamping: count)
        }
        BIO_meth_set_write(method) { bio, source, count in
            BIO_clear_flags(bio, retryFlags)
            guard let pipe = pipe(of: bio), let source, count > 0 else { return 0 }
            pipe.output.append(Array(UnsafeRawBufferPointer(start: source, count: Int(count))))
            return count
        }
        BIO_meth_set_ctrl(method) { bio, command, value, _ in pipe(of: bio)?.control(command, value) ?? 0 }
        return method
    }()
}
