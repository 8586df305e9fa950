import Config
import Foundation
import Logging
import Reactor
import TestSupport

@testable import sallyport

/// The daemon in this process, with more shards than this machine would give it. It runs in the network of the thread
/// that makes it.
final class DaemonThread: @unchecked Sendable {
    // Sendable: `ending` is a mailbox, `done` and `result` are only touched as the semaphore orders them.
    private let ending: Mailbox<Void>
    private let done = DispatchSemaphore(value: 0)
    private var result: Result<Int32, any Error>?

    init(_ file: String, shards: Int, advertiseInterval: ClosedRange<Duration> = .seconds(5) ... .seconds(300)) throws {
        ending = try Mailbox()
        var configuration = try Configuration(contentsOf: file)
        _ = try configuration.validate(on: .ofThisMachine())
        let logger = Logger(label: "shards") { _ in SwiftLogNoOpLogHandler() }
        Thread.detachNewThread { [self, configuration, ending] in
            result = Result {
                try Daemon(
                    configuration: configuration, logger: logger, shards: shards, ending: ending,
                    advertiseInterval: advertiseInterval
                ).run()
            }
            done.signal()
        }
    }

    convenience init(_ stage: Stage, shards: Int) throws { try self.init(stage.file, shards: shards) }

    /// Ends it; its exit status.
    func stop() throws -> Int32? {
        ending.send(())
        guard done.wait(timeout: .now() + 20) == .success else { return nil }
        return try result?.get()
    }
}

extension Stage {
    /// Waits for a daemon that runs in this process.
    func waitUntilReady() throws {
        guard eventually(within: 20, { (try? page("healthz")) != nil }) else {
            throw ProxyProcess.Failure(text: "the daemon did not become ready")
        }
    }
}
