import CShims
import Glibc

/// A file that others change: tells when it has, and reads it.
///
/// It is looked at by stat(2) rather than by inotify(7), which loses a file that is replaced, mounted over, or behind a
/// symbolic link, as `/etc/resolv.conf` tends to be.
public struct WatchedFile {
    public let path: String
    private var last: [Int64] = []

    public init(_ path: String) {
        self.path = path
        last = identity
    }

    /// Whether the file is another than when this was asked last.
    public mutating func hasChanged() -> Bool {
        let current = identity
        defer { last = current }
        return current != last
    }

    /// Empty where there is no file.
    private var identity: [Int64] {
        var identity = [Int64](repeating: 0, count: 5)
        return CShims_file_identity(path, &identity) == 0 ? identity : []
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
