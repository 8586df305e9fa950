public import NetworkTypes

/// A one-shot timer that can be armed again and again; cancelled when it is released.
///
/// Cores keep thousands of deadlines in one queue and move the next one with every message. Moving a timer to a later
/// time therefore touches nothing: libevent's timer is left to fire early, and armed again for the rest. The same rule
/// makes up for the coarse clock of libevent, by which it may fire some milliseconds early.
public final class Timer {
    /// When the handler will be called; nil while the timer rests.
    public private(set) var deadline: Instant?
    private var armed: Instant?
    private let event: Event
    private let handler: () -> Void

    public init(on loop: EventLoop, handler: @escaping () -> Void) {
        event = Event(on: loop, .timer)
        self.handler = handler
        event.handler = { [unowned self] in expired() }
    }

    /// Calls the handler at `instant`, or as soon as the loop turns when that has passed. Replaces an earlier deadline.
    public func schedule(at instant: Instant) {
        deadline = instant
        if let armed, armed <= instant { return }
        arm(instant)
    }

    /// Calls the handler `delay` from now.
    public func schedule(after delay: Duration) { schedule(at: event.loop.now + delay) }

    public func cancel() {
        deadline = nil
        armed = nil
        event.stop()
    }

    private func arm(_ instant: Instant) {
        armed = instant
        event.start(after: instant - event.loop.now)
    }

    private func expired() {
        armed = nil
        guard let deadline else { return }
        guard deadline <= event.loop.now else { return arm(deadline) }
        self.deadline = nil
        handler()
    }
}

/// Calls a handler at a steady interval until it is released; turns that came too late are skipped, not made up for.
public final class RepeatingTimer {
    private let loop: EventLoop
    private let interval: Duration
    private let handler: () -> Void
    private var next: Instant
    private lazy var timer = Timer(on: loop) { [unowned self] in fired() }

    public init(on loop: EventLoop, every interval: Duration, handler: @escaping () -> Void) {
        precondition(interval > .zero, "an interval of nothing would never let the loop wait")
        self.loop = loop
        self.interval = interval
        self.handler = handler
        next = loop.now + interval
        timer.schedule(at: next)
    }

    private func fired() {
        next += interval
        if next <= loop.now { next = loop.now + interval }
        timer.schedule(at: next)
        handler()
    }
}
