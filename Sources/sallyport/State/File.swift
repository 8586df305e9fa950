import Glibc

/// An open file, closed with its owner.
struct File: ~Copyable {
    private(set) var path: String
    private let descriptor: Int32

    /// Opens `path`; a file that `flags` create is its owner's alone.
    init(_ path: String, _ flags: Int32) throws(StateError) {
        self.path = path
        descriptor = open(path, flags | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .system("open", path) }
    }

    deinit { close(descriptor) }

    /// The mode bits of the open file.
    var permissions: mode_t {
        get throws(StateError) {
            var status = stat()
            guard fstat(descriptor, &status) == 0 else { throw .system("stat", path) }
            return status.st_mode & 0o7777
        }
    }

    /// All octets from the start, at most `limit`.
    func contents(limit: Int) throws(StateError) -> [UInt8] {
        var octets: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = pread(descriptor, &chunk, chunk.count, off_t(octets.count))
            if count == 0 { return octets }
            if count > 0 {
                octets += chunk.prefix(count)
            } else if errno != EINTR {
                throw .system("read", path)
            }
            guard octets.count <= limit else { throw StateError(path, "is larger than \(limit) octets") }
        }
    }

    func write(_ octets: [UInt8]) throws(StateError) {
        var rest = octets[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if count == 0 || errno != EINTR {
                throw .system("write", path)
            }
        }
    }

    /// Waits until what was written survives a loss of power.
    func synchronize() throws(StateError) {
        guard fsync(descriptor) == 0 else { throw .system("fsync", path) }
    }

    /// Takes the lock that goes with the open file; false when another process has it.
    func lock() -> Bool { flock(descriptor, LOCK_EX | LOCK_NB) == 0 }
}

extension File {
    /// Writes a new file beside `path` and puts it in the place of the old one in one step. It stays open for more.
    static func replace(_ path: String, with octets: [UInt8]) throws(StateError) -> File {
        var file = try written(octets, beside: path)
        guard rename(file.path, path) == 0 else {
            let error = StateError.system("rename", path)
            unlink(file.path)
            throw error
        }
        file.path = path
        try synchronizeDirectory(of: path)
        return file
    }

    /// Writes a new file in one step unless there is one; false when there is.
    static func create(_ path: String, with octets: [UInt8]) throws(StateError) -> Bool {
        let file = try written(octets, beside: path)
        let isNew = link(file.path, path) == 0
        let error = StateError.system("link", path)
        let exists = errno == EEXIST
        unlink(file.path)
        guard isNew || exists else { throw error }
        try synchronizeDirectory(of: path)
        return isNew
    }

    private static func written(_ octets: [UInt8], beside path: String) throws(StateError) -> File {
        // A name of its own, so that two who write the same file don't write into each other's.
        let name = "\(path).\(String(UInt64.random(in: 0 ... .max), radix: 36)).new"
        let file = try File(name, O_RDWR | O_CREAT | O_EXCL | O_APPEND)
        do throws(StateError) {
            try file.write(octets)
            try file.synchronize()
        } catch {
            unlink(name)
            throw error
        }
        return file
    }

    /// A new name is only safe when its directory is.
    private static func synchronizeDirectory(of path: String) throws(StateError) {
        let end = path.lastIndex(of: "/")
        try File(end.map { String(path[...$0]) } ?? ".", O_RDONLY | O_DIRECTORY).synchronize()
    }
}
