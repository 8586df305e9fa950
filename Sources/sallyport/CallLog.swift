import Glibc

/// The file of call records: a line each, written on a queue of its own, so that a slow disk holds up no call.
final class CallLog: Sendable {
    struct OpenFailed: Error, CustomStringConvertible {
        let path: String
        let code: Int32

        var description: String { "\(path): \(String(cString: strerror(code)))" }
    }

    let path: String
    private let writer: LogWriter
    /// The most octets that wait for the disk: some 60,000 records, since all calls may end at once.
    private static let limit = 64 << 20

    init(_ path: String) throws(OpenFailed) {
        self.path = path
        writer = LogWriter(descriptor: try Self.open(path), limit: Self.limit) { "{\"lost_records\":\($0)}\n" }
    }

    func write(_ record: [UInt8]) { writer.write(record) }

    /// Goes on in a file of the same name, which is a new one where somebody has moved the old one away.
    func reopen() throws(OpenFailed) { writer.change(to: try Self.open(path)) }

    /// Closes the file when all records are in it, or when it has had its time; whether they are.
    func close(within patience: Duration = .seconds(4)) -> Bool { writer.close(within: patience) }

    /// Call records say who talked to whom: nobody else may read them.
    private static func open(_ path: String) throws(OpenFailed) -> Int32 {
        let descriptor = Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw OpenFailed(path: path, code: errno) }
        return descriptor
    }
}
