import NetworkTypes
import Reactor
import Testing

@Suite("Timer")
struct TimerTests {
    @Test("timers fire in the order of their deadlines, none of them early")
    func order() throws {
        let loop = try EventLoop()
        let start = loop.now
        var fired: [Int] = []
        let timers = [30, 10, 50, 20, 40].map { delay in
            let deadline = start + .milliseconds(delay)
            let timer = Timer(on: loop) {
                fired.append(delay)
                #expect(loop.now >= deadline)
            }
            timer.schedule(at: deadline)
            return timer
        }
        withExtendedLifetime(timers) { loop.run() }
        #expect(fired == [10, 20, 30, 40, 50])
        #expect(timers.allSatisfy { $0.deadline == nil })
    }

    @Test("a deadline that has passed fires at once")
    func past() throws {
        let loop = try EventLoop()
        var count = 0
        let timer = Timer(on: loop) { count += 1 }
        timer.schedule(at: loop.now + .seconds(-5))
        loop.run()
        #expect(count == 1)
    }

    @Test("a cancelled or released timer never fires")
    func cancel() throws {
        let loop = try EventLoop()
        let cancelled = Timer(on: loop) { Issue.record("cancelled") }
        var released: Timer? = Timer(on: loop) { Issue.record("released") }
        cancelled.schedule(after: .milliseconds(5))
        released?.schedule(after: .milliseconds(5))
        cancelled.cancel()
        released = nil
        #expect(cancelled.deadline == nil)
        let end = Timer(on: loop) { loop.stop() }
        end.schedule(after: .milliseconds(20))
        loop.run()
    }

    @Test("a timer obeys its last deadline, moved later or earlier", arguments: [(5, 25), (3000, 5)])
    func move(from first: Int, to second: Int) throws {
        let loop = try EventLoop()
        let start = loop.now
        var firings: [Duration] = []
        let timer = Timer(on: loop) { firings.append(loop.now - start) }
        timer.schedule(at: start + .milliseconds(first))
        timer.schedule(at: start + .milliseconds(second))
        loop.run()
        #expect(firings.count == 1)
        #expect(firings.allSatisfy { $0 >= .milliseconds(second) })
        if second < first { #expect(firings.allSatisfy { $0 < .milliseconds(first) }) }
    }

    @Test("a timer may be armed again, and released, by its own handler")
    func rearm() throws {
        let loop = try EventLoop()
        var count = 0
        var timer: Timer?
        timer = Timer(on: loop) {
            count += 1
            if count < 3 { timer?.schedule(after: .milliseconds(1)) } else { timer = nil }
        }
        timer?.schedule(after: .milliseconds(1))
        loop.run()
        #expect(count == 3)
        #expect(timer == nil)
    }

    @Test("a repeating timer keeps its interval and ends with its release")
    func repeating() throws {
        let loop = try EventLoop()
        let start = loop.now
        var times: [Duration] = []
        var timer: RepeatingTimer?
        timer = RepeatingTimer(on: loop, every: .milliseconds(5)) {
            times.append(loop.now - start)
            if times.count == 4 { timer = nil }
        }
        loop.run()
        #expect(times.count == 4)
        #expect(zip(times, 1...).allSatisfy { $0 >= .milliseconds(5 * $1) })
        withExtendedLifetime(timer) {}
    }
}
