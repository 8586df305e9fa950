import Admin
import Config
import Logging
import NetworkTypes
import Reactor

/// Builds everything that the configuration asks for, and owns it while the process runs.
final class Daemon {
    private let configuration: Configuration
    private let logger: Logger
    private let started = ContinuousClock.now

    init(configuration: Configuration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// Runs until SIGTERM or SIGINT, and returns the process's exit status.
    func run() throws -> Int32 {
        let loop = try EventLoop()
        let server = try AdminServer(on: loop, listen: configuration.admin.listen)
        server.servePages(of: self)
        let signals = try [SignalSource.Signal.terminate, .interrupt].map { signal in
            try SignalSource(signal, on: loop) { [unowned loop] in loop.stop() }
        }
        logger.info("started", metadata: ["version": "\(Sallyport.version)", "admin": "\(server.address)"])
        loop.run()
        logger.info("stopped")
        withExtendedLifetime((server, signals)) {}
        return 0
    }
}

extension Daemon: AdminSource {
    func status(_ done: @escaping (StatusSnapshot) -> Void) {
        var status = StatusSnapshot(version: Sallyport.version)
        status.uptimeSeconds = started.duration(to: .now).seconds
        status.take(.now())
        done(status)
    }

    func calls(_ done: @escaping ([CallSnapshot]) -> Void) { done([]) }
    func registrations(_ done: @escaping ([RegistrationSnapshot]) -> Void) { done([]) }
    func trunks(_ done: @escaping ([TrunkSnapshot]) -> Void) {
        done(configuration.trunks.map { TrunkSnapshot(name: $0.name, domain: $0.domain, isLearned: false) })
    }
}
