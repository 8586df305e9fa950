import CBench
import Foundation
import Glibc

/// A program that the generator started and will end: it never outlives the generator.
final class ChildProcess {
    let pid: pid_t
    /// The program's output, both streams.
    let log: String
    private(set) var hasEnded = false

    init(_ arguments: [String], log: String) throws {
        self.log = log
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        let result = CBench_spawn(pointers[0], &pointers, log)
        if result < 0 { throw SystemError(code: -result, doing: "start \(arguments[0])") }
        pid = result
    }

    deinit { end() }

    var isRunning: Bool {
        var status: Int32 = 0
        if !hasEnded, waitpid(pid, &status, WNOHANG) == pid { hasEnded = true }
        return !hasEnded
    }

    /// Asks the program to end (SIGTERM), and after ten seconds ends it. Whether it went by itself.
    @discardableResult
    func end() -> Bool {
        guard isRunning else { return true }
        kill(pid, SIGTERM)
        for _ in 0..<1000 {
            if !isRunning { return true }
            usleep(10_000)
        }
        kill(pid, SIGKILL)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        hasEnded = true
        return false
    }

    /// The last lines of the program's output, for an error message.
    var lastOutput: String {
        let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(10).joined(separator: "\n")
    }
}

/// A run that cannot begin or go on, in words for the user.
struct BenchFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
