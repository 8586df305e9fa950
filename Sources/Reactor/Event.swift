import CEvent
import Glibc
import NetworkTypes

/// One `struct event` of libevent, freed with the object. The only place where its C callback becomes a Swift call.
final class Event {
    enum Kind { case timer, readable, writable, signal }

    let loop: EventLoop
    var handler: () -> Void = {}
    private var event: OpaquePointer?

    /// `number` is the descriptor, or the signal; timers have none.
    init(on loop: EventLoop, _ kind: Kind, number: Int32 = -1) {
        self.loop = loop
        let context = Unmanaged.passUnretained(self).toOpaque()
        event = event_new(
            loop.base, number, kind.flags,
            { _, _, context in
                if let context { Unmanaged<Event>.fromOpaque(context).takeUnretainedValue().fire() }
            }, context)
        precondition(event != nil, "event_new fails only without memory")
    }

    deinit { event_free(event) }

    /// Starts watching a descriptor or a signal.
    func start() throws(SystemError) {
        if event_add(event, nil) != 0 { throw .last("watch a descriptor") }
    }

    /// Makes a timer fire once after `delay`.
    func start(after delay: Duration) {
        let microseconds = (max(delay, .zero).nanoseconds &+ 999) / 1000
        var timeout = timeval(tv_sec: Int(microseconds / 1_000_000), tv_usec: Int(microseconds % 1_000_000))
        precondition(event_add(event, &timeout) == 0, "adding a timer fails only without memory")
    }

    func stop() { event_del(event) }

    private func fire() {
        loop.beginTurn()
        handler()
    }
}

extension Event.Kind {
    fileprivate var flags: Int16 {
        switch self {
        case .timer: 0
        case .readable: Int16(EV_READ | EV_PERSIST)
        case .writable: Int16(EV_WRITE | EV_PERSIST)
        case .signal: Int16(EV_SIGNAL | EV_PERSIST)
        }
    }
}
