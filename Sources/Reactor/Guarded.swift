import Synchronization

/// State that several threads share, each of them alone with it inside ``withLock(_:)``.
///
/// It is a `Mutex` that the thread sanitizer understands: the standard library's lock is taken in code that is not
/// instrumented, so every use of it is reported as a race. A release store and an acquire load of ours, both plain
/// moves on x86, tell the sanitizer the order that the lock gives anyway.
struct Guarded<State: Sendable>: ~Copyable, Sendable {
    private let mutex: Mutex<State>
    private let wasLeft = Atomic(false)

    init(_ state: State) { mutex = Mutex(state) }

    func withLock<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
        mutex.withLock { state in
            _ = wasLeft.load(ordering: .acquiring)
            defer { wasLeft.store(true, ordering: .releasing) }
            return body(&state)
        }
    }
}
