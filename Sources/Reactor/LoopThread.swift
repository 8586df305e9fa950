import CShims
import Glibc

/// A named thread with a loop of its own.
///
/// What the loop drives is built on the thread and stays there, so none of it needs to be Sendable. The handle is what
/// other threads have of it.
public final class LoopThread: Sendable {
    public let name: String
    private let stopRequests: Mailbox<Void>
    private let thread = Guarded<pthread_t?>(nil)

    /// Starts a thread, calls `build` on it, and runs its loop until ``stop()``.
    ///
    /// Returns when `build` has; an error of `build` ends the thread and is thrown here. What `build` returns (the
    /// owner of everything on the loop) is kept until the loop has ended, and released on the thread.
    public static func start<Owner>(
        name: String, build: @escaping @Sendable (EventLoop) throws -> Owner
    ) throws -> LoopThread {
        let handle = try LoopThread(name)
        let outcome = try Outcome()
        let started = try startThread(named: name) { handle.main(outcome, build) }
        handle.thread.withLock { $0 = started }
        if let error = outcome.wait() {
            handle.join()
            throw error
        }
        return handle
    }

    private init(_ name: String) throws(SystemError) {
        self.name = name
        stopRequests = try Mailbox()
    }

    deinit {
        if let thread = thread.withLock({ $0 }) { pthread_detach(thread) }
    }

    /// Asks the loop to end after its current turn, from any thread.
    public func stop() { stopRequests.send(()) }

    /// Waits until the thread has ended; later calls return at once.
    public func join() {
        let thread = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        if let thread { pthread_join(thread, nil) }
    }

    private func main<Owner>(_ outcome: Outcome, _ build: (EventLoop) throws -> Owner) {
        do {
            let loop = try EventLoop()
            let stopReceiver = try stopRequests.receive(on: loop) { [unowned loop] _ in loop.stop() }
            let owner = try build(loop)
            outcome.succeed()
            loop.run()
            withExtendedLifetime((stopReceiver, owner)) {}
        } catch {
            outcome.fail(error)
        }
    }

    /// How building went, for the thread that waits for it.
    private final class Outcome: Sendable {
        private let error = Guarded<(any Error)?>(nil)
        private let done: WakeUp

        init() throws(SystemError) { done = try WakeUp(.awaited) }

        func succeed() { done.signal() }

        func fail(_ error: any Error) {
            self.error.withLock { $0 = error }
            done.signal()
        }

        func wait() -> (any Error)? {
            done.wait()
            return error.withLock { $0 }
        }
    }
}

/// Runs `main` on a new thread with this name, which must be joined or detached.
func startThread(named name: String, _ main: @escaping @Sendable () -> Void) throws(SystemError) -> pthread_t {
    final class Entry: Sendable {
        let name: String
        let main: @Sendable () -> Void

        init(_ name: String, _ main: @escaping @Sendable () -> Void) {
            self.name = name
            self.main = main
        }
    }
    let entry = Unmanaged.passRetained(Entry(name, main))
    var thread = pthread_t()
    let code = pthread_create(
        &thread, nil,
        { context in
            guard let context else { return nil }
            let entry = Unmanaged<Entry>.fromOpaque(context).takeRetainedValue()
            CShims_name_thread(entry.name)
            entry.main()
            return nil
        }, entry.toOpaque())
    guard code == 0 else {
        entry.release()
        throw SystemError("start thread \(name)", code: code)
    }
    return thread
}
