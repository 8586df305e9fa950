import CEvent
import CShims
import Glibc
public import NetworkTypes

/// Something that wants to run once, after the callbacks of the current turn: a queue that was filled and is sent in one go.
public protocol TurnEndTask: AnyObject {
    func turnEnded()
}

/// One thread's loop over libevent: waits for descriptors, timers and signals, and calls their handlers.
///
/// A loop and everything on it belong to one thread and are not Sendable; other threads speak to it through a
/// ``Mailbox``. libevent is therefore told to leave out its locks (`EVENT_BASE_FLAG_NOLOCK`): no call of another thread
/// ever reaches the base.
///
/// A *turn* is one wait and all the handlers it made ready. The clock is read when a turn begins and not again, so a
/// handler's idea of the time costs nothing and all handlers of a turn agree on it.
public final class EventLoop {
    /// The libevent base, for libevent's own servers (evhttp) on the same thread.
    public let base: OpaquePointer
    /// How many turns there were.
    public private(set) var turns: UInt64 = 0
    private var busyNanoseconds: Int64 = 0
    private var turnStart = Instant.zero
    private var clock = Instant.zero
    private var isInTurn = false
    private var isStopping = false
    private var hooks: [() -> Void] = []
    private var tasks: [any TurnEndTask] = []
    private var dueTasks: [any TurnEndTask] = []

    public init() throws(SystemError) {
        Self.prepareProcess
        guard let settings = event_config_new() else { throw SystemError("event_config_new", code: ENOMEM) }
        defer { event_config_free(settings) }
        event_config_set_flag(settings, Int32(EVENT_BASE_FLAG_NOLOCK.rawValue))
        event_config_set_flag(settings, Int32(EVENT_BASE_FLAG_IGNORE_ENV.rawValue))
        guard let base = event_base_new_with_config(settings) else { throw .last("event_base_new") }
        self.base = base
    }

    deinit { event_base_free(base) }

    /// Once per process: libevent's global state (its signal table) gets a lock and its small records a place, and a
    /// peer that closes a stream while we write is an error of that write rather than the end of the process.
    private static let prepareProcess: Void = {
        EventMemory.install()
        evthread_use_pthreads()
        signal(SIGPIPE, SIG_IGN)
    }()

    /// Runs until ``stop()``, or until nothing is left that could ever wake the loop.
    public func run() {
        endTurn()
        while !isStopping {
            let result = event_base_loop(base, EVLOOP_ONCE)
            guard result >= 0 else { preconditionFailure("the loop's epoll descriptor was closed by someone else") }
            endTurn()
            if result == 1, event_base_get_num_events(base, UInt32(EVENT_BASE_COUNT_ADDED)) == 0 { break }
        }
        isStopping = false
    }

    /// Ends ``run()`` after the current turn. Call it on the loop's thread.
    public func stop() { isStopping = true }

    // MARK: Time

    /// The time at which the current turn began; between turns, the time.
    public var now: Instant {
        if !isInTurn { return Self.readClock() }
        return clock
    }

    /// Reads the clock again, for a handler that has worked long.
    @discardableResult
    public func refreshNow() -> Instant {
        clock = Self.readClock()
        return clock
    }

    /// How long handlers have run, in all turns; with ``turns`` and the time, the load of the thread.
    public var busy: Duration { .nanoseconds(busyNanoseconds) }

    private static func readClock() -> Instant { Instant(nanoseconds: CShims_monotonic_nanoseconds()) }

    // MARK: Turns

    /// Runs `hook` at the end of every turn, for as long as the loop lives.
    public func onTurnEnd(_ hook: @escaping () -> Void) { hooks.append(hook) }

    /// Runs `task` once, at the end of this turn (before the first one, if the loop does not run yet).
    public func atTurnEnd(_ task: any TurnEndTask) { tasks.append(task) }

    /// Called before the first handler of a turn, and harmlessly before the others.
    func beginTurn() {
        if isInTurn { return }
        isInTurn = true
        turnStart = refreshNow()
    }

    private func endTurn() {
        for hook in hooks { hook() }
        while !tasks.isEmpty {
            swap(&tasks, &dueTasks)
            for task in dueTasks { task.turnEnded() }
            dueTasks.removeAll(keepingCapacity: true)
        }
        guard isInTurn else { return }
        isInTurn = false
        turns &+= 1
        busyNanoseconds &+= Self.readClock().nanoseconds &- turnStart.nanoseconds
    }
}
