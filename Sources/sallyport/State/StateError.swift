import Glibc

/// What is wrong with the state directory, for the one who runs the process. It never quotes what a file holds: that
/// may be a key.
struct StateError: Error, Equatable, CustomStringConvertible {
    let path: String
    /// Counted from 1; nil when the file as a whole is meant.
    let line: Int?
    let reason: String

    init(_ path: String, line: Int? = nil, _ reason: String) {
        self.path = path
        self.line = line
        self.reason = reason
    }

    /// The last system call failed.
    static func system(_ call: String, _ path: String) -> StateError {
        StateError(path, "\(call): \(String(cString: strerror(errno)))")
    }

    var description: String { line.map { "\(path):\($0): \(reason)" } ?? "\(path): \(reason)" }
}
