import Glibc
import Reactor
import Testing

@Suite("Signals, names and limits")
struct SystemTests {
    /// One test for all, since libevent has one signal table per process.
    @Test("each signal calls its own handler, on the loop")
    func signals() throws {
        let loop = try EventLoop()
        var seen: [SignalSource.Signal] = []
        let sources = try SignalSource.Signal.allCases.map { signal in
            try SignalSource(signal, on: loop) { seen.append(signal) }
        }
        for signal in SignalSource.Signal.allCases {
            let expected = seen.count + 1
            kill(getpid(), signal.number)
            #expect(loop.run(until: { seen.count >= expected }))
        }
        #expect(seen == SignalSource.Signal.allCases)
        withExtendedLifetime(sources) {}
    }

    @Test("writing to a closed pipe is an error, not the end")
    func brokenPipe() throws {
        _ = try EventLoop()
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        close(ends[0])
        #expect(write(ends[1], "x", 1) == -1)
        #expect(errno == EPIPE)
        close(ends[1])
    }

    @Test("the limit of open files is raised to the hard limit")
    func fileLimit() throws {
        let limit = try ProcessLimits.raiseFileLimit()
        var now = rlimit()
        #expect(getrlimit(__rlimit_resource_t(7), &now) == 0)
        #expect(now.rlim_cur == now.rlim_max)
        #expect(limit == Int(clamping: now.rlim_cur))
    }
}
