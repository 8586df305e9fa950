import NetworkTypes

/// The generator's one thread: both user agents, all RTP, and the clock.
final class LoadLoop {
    let settings: CallSettings
    let scoreboard = Scoreboard()
    let media: MediaEngine
    let caller: UserAgentCaller
    let answerer: UserAgentAnswerer

    var insideAgent: UserAgent { caller.side == .inside ? caller : answerer }

    private let poller: Poller
    private static let callerToken = UInt64.max
    private static let answererToken = UInt64.max - 1

    init(settings: CallSettings, mediaPorts: ClosedRange<UInt16>) throws(SystemError) {
        self.settings = settings
        poller = try Poller()
        media = MediaEngine(
            poller: poller, packetTime: settings.packetTime, ports: mediaPorts, sendsRTCP: settings.sendsRTCP)
        let runID = Array(String(UInt32.random(in: .min ... .max), radix: 16).utf8)
        caller = try UserAgentCaller(
            .caller, settings: settings, scoreboard: scoreboard, media: media, runID: runID)
        answerer = try UserAgentAnswerer(
            .answerer, settings: settings, scoreboard: scoreboard, media: media, runID: runID)
        try poller.watch(caller.socket, token: Self.callerToken)
        try poller.watch(answerer.socket, token: Self.answererToken)
    }

    /// Does what is due, then waits for packets, at the longest until `deadline`.
    func turn(until deadline: Instant) {
        let now = Instant.now
        media.sendDue(at: now)
        media.reportDue(at: now)
        caller.handleTimeouts(at: now)
        answerer.handleTimeouts(at: now)
        let next = min(deadline, media.nextDeadline, caller.nextDeadline, answerer.nextDeadline)
        for token in poller.wait(until: next, from: .now) {
            switch token {
            case Self.callerToken: caller.receive(at: .now)
            case Self.answererToken: answerer.receive(at: .now)
            default: media.receive(token: token)
            }
        }
    }

    /// Runs for a time.
    func run(for duration: Duration) {
        let end = Instant.now + duration
        while Instant.now < end { turn(until: end) }
    }
}
