import Glibc

/// A file that others change: tells when it has, and reads it.
///
/// It is looked at by stat(2) rather than by inotify(7), which loses a file that is replaced, mounted over, or behind a
/// symbolic link, as `/etc/resolv.conf` tends to be.
struct WatchedFile {
    private struct Identity: Equatable {
        var device: UInt
        var number: UInt
        var size: Int
        var seconds: Int
        var nanoseconds: Int
    }

    let path: String
    private var last: Identity?

    init(_ path: String) {
        self.path = path
        last = identity
    }

    /// Whether the file is another than when this was asked last.
    mutating func hasChanged() -> Bool {
        let current = identity
        defer { last = current }
        return current != last
    }

    private var identity: Identity? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Identity(
            device: UInt(status.st_dev), number: UInt(status.st_ino), size: Int(status.st_size),
            seconds: Int(status.st_mtim.tv_sec), nanoseconds: Int(status.st_mtim.tv_nsec))
    }

    /// The first `limit` octets; nothing where there is no plain file.
    func contents(limit: Int) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return [] }
        var octets: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while octets.count < limit {
            let count = read(descriptor, &chunk, chunk.count)
            guard count > 0 else { break }
            octets += chunk.prefix(count)
        }
        return octets
    }
}
