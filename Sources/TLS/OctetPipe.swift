import COpenSSL

/// What OpenSSL reads from and writes to instead of a socket: octets that are lent to it, and an array.
///
/// OpenSSL's own memory BIOs would keep the size of the largest handshake for each connection, and copy what comes once
/// more.
final class OctetPipe {
    /// What came and is not yet read; good only while it is lent.
    private var input = UnsafeRawBufferPointer(start: nil, count: 0)
    private(set) var output: [UInt8] = []

    /// The BIO for an `SSL`, which owns it; the pipe must outlive it.
    func makeBIO() -> OpaquePointer? {
        guard let bio = BIO_new(Self.method) else { return nil }
        BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
        BIO_set_init(bio, 1)
        return bio
    }

    /// Lends octets until ``takeBack()``. OpenSSL takes them all, unless it fails.
    func lend(_ octets: UnsafeRawBufferPointer) { input = octets }

    func takeBack() { input = UnsafeRawBufferPointer(start: nil, count: 0) }

    func takeOutput() -> [UInt8] {
        defer { output = [] }
        return output
    }

    private func read(_ destination: UnsafeMutablePointer<CChar>, _ room: Int) -> Int {
        let count = min(room, input.count)
        guard count > 0, let start = input.baseAddress else { return 0 }
        UnsafeMutableRawPointer(destination).copyMemory(from: start, byteCount: count)
        input = UnsafeRawBufferPointer(rebasing: input[count...])
        return count
    }

    private static func pipe(of bio: OpaquePointer?) -> OctetPipe? {
        BIO_get_data(bio).map { Unmanaged<OctetPipe>.fromOpaque($0).takeUnretainedValue() }
    }

    /// `BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY`, as far as Swift sees these macros.
    private static let retryFlags =
        BIO_FLAGS_READ | BIO_FLAGS_WRITE | BIO_FLAGS_IO_SPECIAL | BIO_FLAGS_SHOULD_RETRY

    // Written once, before any other thread can see it: OpenSSL only reads a method.
    nonisolated(unsafe) private static let method: OpaquePointer = {
        guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "octets") else {
            preconditionFailure("OpenSSL is out of memory before anything has begun")
        }
        BIO_meth_set_read(method) { bio, destination, room in
            BIO_clear_flags(bio, retryFlags)
            guard let pipe = pipe(of: bio), let destination, room > 0 else { return 0 }
            let count = pipe.read(destination, Int(room))
            if count == 0 {
                BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY)
                return -1
            }
            return Int32(count)
        }
        BIO_meth_set_write(method) { bio, source, count in
            BIO_clear_flags(bio, retryFlags)
            guard let pipe = pipe(of: bio), let source, count > 0 else { return 0 }
            pipe.output.append(contentsOf: UnsafeRawBufferPointer(start: source, count: Int(count)))
            return count
        }
        BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
        return method
    }()
}
