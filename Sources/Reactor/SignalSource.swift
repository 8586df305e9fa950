import Glibc

/// Calls a handler on the loop when the process gets a signal; the signal's former disposition returns with release.
///
/// libevent has one signal table: all sources of a process must be on the same loop.
public final class SignalSource {
    public enum Signal: Sendable, CaseIterable {
        case terminate, interrupt, hangUp

        public var number: Int32 {
            switch self {
            case .terminate: SIGTERM
            case .interrupt: SIGINT
            case .hangUp: SIGHUP
            }
        }
    }

    private let event: Event

    public init(_ signal: Signal, on loop: EventLoop, handler: @escaping () -> Void) throws(SystemError) {
        event = Event(on: loop, .signal, number: signal.number)
        event.handler = handler
        try event.start()
    }
}
