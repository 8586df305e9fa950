import Glibc

/// State that several threads share, each of them alone with it inside ``withLock(_:)``.
///
/// The lock is a pthread mutex rather than the standard library's `Mutex`. That one hands itself over to the longest
/// waiter (a priority-inheriting futex), so that once threads collide each use costs two context switches: four
/// threads sending to one mailbox on a loaded machine were seen at 3.6 us for a message, where a pthread mutex stays
/// near 0.1 us. And the thread sanitizer knows pthread mutexes, while it reports every use of the other as a race.
///
/// Sendable without the compiler's proof, because: the two pointers never change, are never handed out, and are freed
/// when nobody has the value any more; what they point to is touched only between lock and unlock, which also order
/// the memory; and `State` itself may be used on any thread.
public struct Guarded<State: ~Copyable & Sendable>: ~Copyable, @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let state: UnsafeMutablePointer<State>

    public init(_ initial: consuming State) {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
        state = .allocate(capacity: 1)
        state.initialize(to: initial)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
        state.deinitialize(count: 1)
        state.deallocate()
    }

    /// Runs `body` alone with the state. It must not come back here: the lock is not recursive.
    public func withLock<Result: Sendable, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state.pointee)
    }
}
