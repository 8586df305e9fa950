import Foundation
import NetworkTypes

/// One line a second about a run, on standard error.
final class ProgressLine {
    private let startedAt = Instant.now
    private(set) var nextDeadline: Instant
    private var answered = 0
    private var totals = MediaTotals()
    private let isQuiet: Bool

    init(isQuiet: Bool) {
        self.isQuiet = isQuiet
        nextDeadline = startedAt + .seconds(1)
    }

    func isDue(at now: Instant) -> Bool { now >= nextDeadline }

    func write(_ scoreboard: Scoreboard, _ media: MediaTotals, at now: Instant) {
        while nextDeadline <= now { nextDeadline += .seconds(1) }
        let line = String(
            format: "%4.0f s  %5ld up  %5ld set up/s  %ld failed  %6llu sent/s  %6llu received/s  %llu lost",
            (now - startedAt).seconds, scoreboard.up, scoreboard.answered - answered, scoreboard.failed,
            media.sent - totals.sent, media.received.packets - totals.received.packets, media.missing)
        (answered, totals) = (scoreboard.answered, media)
        if !isQuiet { FileHandle.standardError.write(Data((line + "\n").utf8)) }
    }
}
