import Foundation
import Glibc
import Testing

/// A host of its own on this machine: a thread that has left for a network namespace, and a mount namespace, that only
/// it and what it starts are in.
///
/// It has no name: nothing can collide with it, and nothing is left of it when the thread is gone, however the test
/// ended. Sockets that are opened on the thread stay in its network, whichever thread uses them afterwards.
final class NetworkNamespace {
    private let jobs = JobQueue()
    /// The kernel's name of the network: `/proc/PID/task/TID/ns/net`.
    let path: String

    init() throws {
        let queue = jobs
        Thread.detachNewThread { while let job = queue.next() { job() } }
        path = try queue.run {
            guard try Self.unshare(Self.newNetwork | Self.newMounts) == 0 else { throw Failure(text: "unshare failed") }
            return "/proc/" + (try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self"))
                + "/ns/net"
        }
        try shell("mount --make-rprivate /; ip link set lo up")
    }

    deinit { jobs.close() }

    /// Does something on the host, and waits for it.
    func run<Value>(_ body: @escaping () throws -> Value) throws -> Value { try jobs.run(body) }

    /// Runs a script on the host; it fails at the first command that does.
    func shell(_ script: String) throws {
        try run {
            let (status, output) = try ProxyProcess.run(["-ec", script], executable: "/bin/sh")
            guard status == 0 else { throw Failure(text: "'\(script)' ended with \(status ?? -1): \(output)") }
        }
    }

    /// Puts a cable between this host's interface and another's.
    func connect(_ interface: String, to other: NetworkNamespace, _ otherInterface: String) throws {
        try shell("ip link add \(interface) type veth peer name \(otherInterface) netns \(other.path)")
        try shell("ip link set \(interface) up")
        try other.shell("ip link set \(otherInterface) up")
    }

    /// Gives an interface addresses, such as `192.0.2.1/24`.
    func assign(_ addresses: [String], to interface: String) throws {
        for address in addresses {
            try shell("ip address add \(address) dev \(interface)\(address.contains(":") ? " nodad" : "")")
        }
    }

    // MARK: Whether it can be had

    /// Only root may make network namespaces.
    static let isAvailable = (try? NetworkNamespace()) != nil
    static let unavailable: Comment = "needs root, ip(8) and network namespaces"

    private static let newNetwork: Int32 = 0x4000_0000
    private static let newMounts: Int32 = 0x0002_0000

    /// unshare(2), which the headers show to GNU sources only.
    private static func unshare(_ flags: Int32) throws -> Int32 {
        typealias Call = @convention(c) (Int32) -> Int32
        guard let symbol = dlsym(nil, "unshare") else { throw Failure(text: "there is no unshare here") }
        return unsafeBitCast(symbol, to: Call.self)(flags)
    }

    struct Failure: Error, CustomStringConvertible {
        let text: String
        var description: String { text }
    }
}

/// What a thread is to do, in turn.
private final class JobQueue: @unchecked Sendable {
    // Sendable: `jobs` and `isClosed` are touched with the condition's lock held only; who hands a job in waits until it
    // is done, so that nothing the job touches is used by two threads.
    private let condition = NSCondition()
    private var jobs: [() -> Void] = []
    private var isClosed = false

    func next() -> (() -> Void)? {
        condition.lock()
        defer { condition.unlock() }
        while jobs.isEmpty, !isClosed { condition.wait() }
        return jobs.isEmpty ? nil : jobs.removeFirst()
    }

    func close() {
        condition.lock()
        isClosed = true
        condition.signal()
        condition.unlock()
    }

    func run<Value>(_ body: @escaping () throws -> Value) throws -> Value {
        var result: Result<Value, any Error>?
        let done = DispatchSemaphore(value: 0)
        condition.lock()
        jobs.append {
            result = Result { try body() }
            done.signal()
        }
        condition.signal()
        condition.unlock()
        done.wait()
        guard let result else { preconditionFailure("the job has run: its semaphore was signalled") }
        return try result.get()
    }
}
