import NetworkTypes
import SIP

// Which of several refusals goes up, and with whose challenges (RFC 3261 §16.7 steps 5 to 7).

extension ProxyCore {
    /// Keeps a refusal as the best so far; of the one that is not, only its challenges.
    func collect(_ response: Message, in server: ServerTransaction) {
        guard let best = server.best else {
            server.best = response
            return
        }
        let isBetter = Self.prefers(response, to: best)
        server.best = isBetter ? response : best
        Self.append(challengesOf: isBetter ? best : response, to: &server.challenges)
    }

    /// A refusal from a target that was given up: nobody is told of it now, but it may be the best in the end.
    func collect(late response: Message, in server: ServerTransaction, from flow: Flow, at now: Instant) {
        guard !server.isFinal else { return }
        // Our own CANCEL made it say 487: that is no answer to the caller.
        guard response.status != 487 || server.isCancelled else { return }
        collect(response, in: server)
        guard response.status >= 600 else { return }
        // §16.7 step 5: no new branch, and an end to the others.
        server.failover?.targets = []
        server.failover?.alternatives = []
        for branch in server.branches where !branch.isDone {
            if branch.cancel(at: now) { sendCANCEL(branch, reason: nil, at: now) }
            schedule(branch)
        }
        settle(server, after: response, from: flow, at: now)
    }

    /// §16.7 step 6: 6xx first, then the lowest class; in it what says how to ask again, and 503 after everything.
    private static func prefers(_ new: Message, to old: Message) -> Bool {
        if old.status >= 600 { return false }
        if new.status >= 600 || old.status == 503 { return true }
        let (one, other) = (new.status / 100, old.status / 100)
        guard one == other else { return one < other }
        return one == 4 && tellsHowToAskAgain(new.status) && !tellsHowToAskAgain(old.status)
    }

    private static func tellsHowToAskAgain(_ status: Int) -> Bool {
        switch status {
        case 401, 407, 415, 420, 484: true
        default: false
        }
    }

    private static func append(challengesOf response: Message, to lines: inout [UInt8]) {
        guard response.status == 401 || response.status == 407 else { return }
        for field in response.headers where field.isChallenge { lines.append(contentsOf: response.bytes[field.line]) }
    }

    /// §16.7 step 7: who is challenged by several branches gets all the challenges.
    func addChallenges(of server: ServerTransaction, to response: Message, _ edits: inout MessageEdits) {
        guard response.status == 401 || response.status == 407 else { return }
        let last = response.headers.last { $0.isChallenge } ?? response.header(.cSeq)
        guard let last else { return }
        edits.insert(at: last.line.upperBound) { $0.append(contentsOf: server.challenges) }
    }
}

extension HeaderField {
    fileprivate var isChallenge: Bool { name == .wwwAuthenticate || name == .proxyAuthenticate }
}
