import Admin
import Config
import Foundation
import Logging
import NetworkTypes
import Reactor
import Testing

@testable import sallyport

/// The daemon in this process, with more shards than this machine would give it.
final class DaemonThread: @unchecked Sendable {
    // Sendable: `ending` is a mailbox, `done` and `result` are only touched as the semaphore orders them.
    private let ending: Mailbox<Void>
    private let done = DispatchSemaphore(value: 0)
    private var result: Result<Int32, any Error>?

    init(_ stage: Stage, shards: Int) throws {
        ending = try Mailbox()
        var configuration = try Configuration(contentsOf: stage.file)
        _ = try configuration.validate(on: .ofThisMachine())
        let logger = Logger(label: "shards") { _ in SwiftLogNoOpLogHandler() }
        Thread.detachNewThread { [self, configuration, ending] in
            result = Result {
                try Daemon(configuration: configuration, logger: logger, shards: shards, ending: ending).run()
            }
            done.signal()
        }
    }

    /// Ends it; its exit status.
    func stop() throws -> Int32? {
        ending.send(())
        guard done.wait(timeout: .now() + 20) == .success else { return nil }
        return try result?.get()
    }
}

@Suite("Several signalling shards")
struct ShardTests {
    @Test("Calls work whichever shard's socket their messages come to, and whichever shard saw the registration")
    func manyCalls() throws {
        let stage = try Stage()
        let daemon = try DaemonThread(stage, shards: 3)
        try stage.waitUntilReady()
        let contact = try stage.register(callID: "register-\(UUID())")
        // The other shards learn of it through their mailboxes.
        usleep(200_000)
        var live: [LiveCall] = []
        for _ in 0..<8 {
            live.append(try stage.inboundCall(contact))
            live.append(try stage.outboundCall())
        }
        for call in live { try call.talk(packets: 2) }
        #expect(try stage.calls().count == 16)
        #expect(Set(stage.boundMediaPorts).count == 64)
        let stranger = try LoopbackPeer(at: SocketAddress(stage.host(66), 5_060))
        for number in 0..<2_000 {
            stranger.send(AttackTests.scan(number, from: stranger.address, to: stage.outside), to: stage.outside)
        }
        for (number, call) in live.enumerated() {
            try call.reinvite(by: number.isMultiple(of: 3) ? .pbx : .itsp)
            try call.talk(packets: 1)
            try call.hangUp(by: number.isMultiple(of: 2) ? .pbx : .itsp)
        }
        try stage.expectIdle()
        #expect(try stage.status().calls.total == 16)
        #expect(try daemon.stop() == 0)
    }
}

extension Stage {
    /// Waits for a daemon that runs in this process.
    func waitUntilReady() throws {
        for _ in 0..<2_000 {
            if (try? page("healthz")) != nil { return }
            usleep(10_000)
        }
        Issue.record("the daemon did not become ready")
    }
}
