/// Calls a handler for as long as a descriptor is readable or writable (level-triggered), from ``start()`` to ``stop()``.
///
/// The descriptor stays its owner's: stop or release the readiness before closing it.
public final class Readiness {
    public enum Condition: Sendable { case readable, writable }

    public private(set) var isActive = false
    private let event: Event

    public init(on loop: EventLoop, descriptor: Int32, when condition: Condition, handler: @escaping () -> Void) {
        event = Event(on: loop, condition == .readable ? .readable : .writable, number: descriptor)
        event.handler = handler
    }

    public func start() throws(SystemError) {
        if isActive { return }
        try event.start()
        isActive = true
    }

    public func stop() {
        if !isActive { return }
        event.stop()
        isActive = false
    }
}
