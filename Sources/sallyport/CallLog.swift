import Glibc

/// The file of call records: a line each, written on a queue of its own, so that a slow disk holds up no call.
final class CallLog: Sendable {
    struct OpenFailed: Error, CustomStringConvertible {
        let path: String
        let code: Int32

        var description: String { "\(path): \(String(cString: strerror(code)))" }
    }

    private let path: String
    private let writer: LogWriter

    init(_ path: String) throws(OpenFailed) {
        self.path = path
        writer = LogWriter(descriptor: try Self.open(path)) { "{\"lost_records\":\($0)}\n" }
    }

    func write(_ record: [UInt8]) { writer.write(record) }

    /// Goes on in a file of the same name, which is a new one where somebody has moved the old one away.
    func reopen() throws(OpenFailed) { writer.change(to: try Self.open(path)) }

    func flush() { writer.flush() }

    /// Call records say who talked to whom: nobody else may read them.
    private static func open(_ path: String) throws(OpenFailed) -> Int32 {
        let descriptor = Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw OpenFailed(path: path, code: errno) }
        return descriptor
    }
}
