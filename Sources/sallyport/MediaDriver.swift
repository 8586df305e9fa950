import MediaRelay
import Reactor

/// The media workers: threads with a loop and a ``RelayCore`` each. A relay session lives on one of them for its life.
final class MediaDriver: Sendable {
    private let mailboxes: [Mailbox<WorkerMessage>]
    private let threads: [LoopThread]

    /// Starts the workers. `report` is called on their threads.
    init(workers: Int, report: @escaping @Sendable (RelayEvent) -> Void) throws {
        let mailboxes = try (0..<max(1, workers)).map { _ in try Mailbox<WorkerMessage>() }
        self.mailboxes = mailboxes
        threads = try mailboxes.enumerated().map { index, mailbox in
            try LoopThread.start(name: "media-\(index)") { loop in
                try MediaWorker(
                    index: index, of: mailboxes.count, loop: loop, mailbox: mailbox, report: report)
            }
        }
    }

    /// Hands commands to the workers of their sessions, in order.
    func send(_ commands: [RelayCommand]) {
        if commands.isEmpty { return }
        if mailboxes.count == 1 {
            mailboxes[0].send(.commands(commands))
            return
        }
        var shares = [[RelayCommand]](repeating: [], count: mailboxes.count)
        for command in commands { shares[worker(of: command.session)].append(command) }
        for (worker, share) in shares.enumerated() where !share.isEmpty { mailboxes[worker].send(.commands(share)) }
    }

    /// Asks each worker for a ``MediaSnapshot``; how many will come.
    @discardableResult
    func requestSnapshots(_ reply: Mailbox<MediaSnapshot>) -> Int {
        for mailbox in mailboxes { mailbox.send(.snapshot(reply)) }
        return mailboxes.count
    }

    /// Ends the workers and waits for them; their sockets are closed.
    func stop() {
        for thread in threads { thread.stop() }
        for thread in threads { thread.join() }
    }

    private func worker(of session: RelaySessionID) -> Int { Int(session.value % UInt64(mailboxes.count)) }
}

/// What other threads say to a media worker.
enum WorkerMessage: Sendable {
    case commands([RelayCommand])
    case snapshot(Mailbox<MediaSnapshot>)
}

extension RelayCommand {
    /// The session that the command is about.
    var session: RelaySessionID {
        switch self {
        case .open(let stream, _, _, _), .fork(let stream, _, _, _), .expectChecks(let stream, _, _),
            .prepare(let stream, _, _), .commit(let stream, _), .discard(let stream, _), .describe(let stream, _, _),
            .close(let stream):
            stream.session
        case .closeSession(let session), .watch(let session, _): session
        }
    }
}
