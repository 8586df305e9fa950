import Glibc
import NetworkTypes
import Reactor
import Testing

@Suite("Event loop")
struct EventLoopTests {
    @Test("a loop with nothing to wait for returns")
    func emptyLoop() throws {
        try EventLoop().run()
    }

    @Test("the time stands still during a turn and moves between turns")
    func oneClockReadPerTurn() throws {
        let loop = try EventLoop()
        var times: [Instant] = []
        let timer = Timer(on: loop) {}
        let repeated = RepeatingTimer(on: loop, every: .milliseconds(2)) {
            let start = loop.now
            usleep(500)
            #expect(loop.now == start)
            #expect(loop.refreshNow() - start >= .microseconds(500))
            times.append(start)
            if times.count == 3 { loop.stop() }
        }
        withExtendedLifetime((timer, repeated)) { loop.run() }
        #expect(times.count == 3)
        #expect(zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
        #expect(loop.turns >= 3)
        #expect(loop.busy >= .microseconds(1500))
    }

    @Test("hooks run at the end of each turn, tasks once, and tasks that tasks add still in the same turn")
    func turnEnd() throws {
        final class Task: TurnEndTask {
            let action: () -> Void
            init(_ action: @escaping () -> Void) { self.action = action }
            func turnEnded() { action() }
        }
        let loop = try EventLoop()
        var log: [String] = []
        loop.onTurnEnd { log.append("hook") }
        let second = Task { log.append("second") }
        let first = Task {
            log.append("first")
            loop.atTurnEnd(second)
        }
        let one = Timer(on: loop) {
            log.append("one")
            loop.atTurnEnd(first)
        }
        let two = Timer(on: loop) {
            log.append("two")
            loop.stop()
        }
        one.schedule(after: .zero)
        two.schedule(after: .milliseconds(20))
        withExtendedLifetime((one, two)) { loop.run() }
        #expect(log.filter { $0 != "hook" } == ["one", "first", "second", "two"])
        #expect(log.firstIndex(of: "one").map { log[$0 + 1] } == "hook")
        #expect(log.last == "hook")
    }

    @Test("what the end of a turn starts keeps the loop running, even if nothing else does")
    func eventsFromTurnEnd() throws {
        let loop = try EventLoop()
        var fired = 0
        let late = Timer(on: loop) { fired += 1 }
        let first = Timer(on: loop) {}
        first.schedule(after: .zero)
        loop.onTurnEnd { [unowned loop, unowned late] in
            if loop.turns == 1, fired == 0, late.deadline == nil { late.schedule(after: .milliseconds(1)) }
        }
        loop.run()
        #expect(fired == 1)
        withExtendedLifetime((first, late)) {}
    }

    @Test("a stopped loop can run again")
    func runsAgain() throws {
        let loop = try EventLoop()
        var fired = 0
        let timer = RepeatingTimer(on: loop, every: .milliseconds(1)) {
            fired += 1
            loop.stop()
        }
        withExtendedLifetime(timer) {
            loop.run()
            loop.run()
        }
        #expect(fired == 2)
    }
}
