import Admin
import Foundation
import Glibc
import NetworkTypes
import TestSupport

/// A run of the executable under test: `sallyport` from the folder of the test bundle.
final class ProxyProcess {
    let pid: pid_t
    private var status: Int32?
    private let output: String

    static let executable = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        .appendingPathComponent("sallyport").path

    /// Starts it, or another program, with both output streams in the file `output`.
    init(_ arguments: [String], executable: String = executable, output: String) throws {
        self.output = output
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // The threads that tests run on have signals blocked, and what they start would inherit it.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var words: [UnsafeMutablePointer<CChar>?] = ([executable] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid = pid_t()
        let code = posix_spawn(&pid, executable, &actions, &attributes, &words, environ)
        guard code == 0 else {
            throw Failure(text: "cannot start \(executable): \(String(cString: strerror(code)))")
        }
        self.pid = pid
    }

    deinit {
        if status == nil { kill(SIGKILL) }
    }

    /// What it has written so far.
    var text: String {
        let file = FileHandle(forReadingAtPath: output)
        return String(decoding: file?.readDataToEndOfFile() ?? Data(), as: UTF8.self)
    }

    func signal(_ number: Int32) { if status == nil { Glibc.kill(pid, number) } }

    /// Ends it at once, as a crash would.
    func kill(_ number: Int32) {
        signal(number)
        _ = exitStatus(within: 30)
    }

    /// Its exit status, or nil if it has not ended in that time; 128 and the signal where one ended it.
    func exitStatus(within seconds: Double) -> Int32? {
        _ = eventually(within: seconds) {
            var raw: Int32 = 0
            if status == nil, waitpid(pid, &raw, WNOHANG) == pid {
                status = raw & 0x7f == 0 ? raw >> 8 & 0xff : 128 + raw & 0x7f
            }
            return status != nil
        }
        return status
    }

    /// Waits until its admin page answers.
    func waitUntilReady(_ admin: SocketAddress) throws {
        let isReady = try eventually(within: 30) {
            if let status = exitStatus(within: 0) { throw Failure(text: "it ended with status \(status):\n\(text)") }
            return (try? AdminClient(admin, timeoutSeconds: 1).page("/healthz")) != nil
        }
        guard isReady else { throw Failure(text: "it did not become ready:\n\(text)") }
    }

    struct Failure: Error, CustomStringConvertible {
        let text: String
        var description: String { text }
    }

    /// Runs a command to its end.
    static func run(
        _ arguments: [String], executable: String = executable
    ) throws -> (status: Int32?, output: String) {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("sallyport-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        let process = try ProxyProcess(arguments, executable: executable, output: file)
        let status = process.exitStatus(within: 30)
        return (status, process.text)
    }
}
