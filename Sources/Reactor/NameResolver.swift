import CShims
import Glibc
public import NetworkTypes

/// What became of a question for the addresses of a name.
public enum NameResolution: Hashable, Sendable {
    /// At least one address, in the system's order of preference (RFC 6724).
    case addresses([IPAddress])
    /// The name doesn't exist, or has no address of the family asked for.
    case unknownName
    /// Nobody could be asked, or too much is being asked: worth trying again.
    case temporaryFailure
}

/// Asks the system's resolver (hosts file, DNS) for addresses without ever holding up the loop.
///
/// getaddrinfo(3) waits, for many seconds when a DNS server is dead, so it runs on a few threads that do nothing else.
/// Nothing is cached: who asks knows how long an answer is worth keeping. The same question asked twice while it is
/// open is asked once. It doesn't cancel: an answer that comes after the resolver's release is thrown away.
public final class NameResolver {
    private struct Question: Hashable, Sendable {
        let name: String
        let family: IPAddress.Family?
    }

    private struct Answer: Sendable {
        let question: Question
        let resolution: NameResolution
    }

    /// A name with more addresses is used with these.
    private static let mostAddresses = 64

    private let limit: Int
    private let work: Work
    private let answers: Mailbox<Answer>
    private var receiver: Mailbox<Answer>.Receiver?
    private var waiting: [Question: [(NameResolution) -> Void]] = [:]

    /// A resolver with `threads` threads that keeps at most `limit` different questions open.
    public init(on loop: EventLoop, threads: Int = 2, limit: Int = 256) throws(SystemError) {
        precondition(threads > 0 && limit > 0, "a resolver has room for a question")
        self.limit = limit
        answers = try Mailbox()
        work = try Work(threads: threads)
        receiver = try answers.receive(on: loop) { [unowned self] batch in
            for answer in batch { deliver(answer) }
        }
        for number in 0..<threads {
            let thread = try startThread(named: "resolver-\(number)") { [work, answers] in
                while let question = work.next() {
                    answers.send(Answer(question: question, resolution: Self.lookUp(question)))
                }
            }
            pthread_detach(thread)
        }
    }

    deinit { work.close() }

    /// Asks for the addresses of `name`, of one family or of both, and calls `reply` in a later turn of the loop.
    public func resolve(
        _ name: String, family: IPAddress.Family? = nil, reply: @escaping (NameResolution) -> Void
    ) {
        let question = Question(name: name, family: family)
        let isOpen = waiting[question] != nil
        waiting[question, default: []].append(reply)
        if isOpen { return }
        if let resolution = resolutionWithoutAsking(question) {
            answers.send(Answer(question: question, resolution: resolution))
        } else {
            work.add(question)
        }
    }

    private func deliver(_ answer: Answer) {
        for reply in waiting.removeValue(forKey: answer.question) ?? [] { reply(answer.resolution) }
    }

    /// Literals, and what no resolver needs to see. getaddrinfo(3) would read a name whose last label starts with a
    /// digit as an address in some old spelling (`2130706433`, `0x7f.1`), which would slip past checks of literals.
    private func resolutionWithoutAsking(_ question: Question) -> NameResolution? {
        if let literal = IPAddress(question.name) {
            return question.family ?? literal.family == literal.family ? .addresses([literal]) : .unknownName
        }
        var name = question.name.utf8[...]
        if name.last == UInt8(ascii: ".") { name = name.dropLast() }
        let label = name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).last
        guard let first = label?.first, !first.isDigit, name.count <= 253, !name.contains(0) else {
            return .unknownName
        }
        return waiting.count > limit ? .temporaryFailure : nil
    }

    private static func lookUp(_ question: Question) -> NameResolution {
        let family =
            switch question.family {
            case .v4: AF_INET
            case .v6: AF_INET6
            case nil: AF_UNSPEC
            }
        return withUnsafeTemporaryAllocation(byteCount: 32 * mostAddresses, alignment: 8) { buffer in
            var count: Int32 = 0
            let capacity = Int32(mostAddresses)
            switch CShims_resolve(question.name, family, buffer.baseAddress, capacity, &count) {
            case CShims_name_found: break
            case CShims_name_unknown: return .unknownName
            default: return .temporaryFailure
            }
            var addresses: [IPAddress] = []
            for index in 0..<Int(count) {
                let kernel = UnsafeRawBufferPointer(rebasing: buffer[32 * index..<32 * (index + 1)])
                guard let start = kernel.baseAddress,
                    let address = SocketAddress(kernel: start, length: kernel.count)?.ip
                else { continue }
                if !addresses.contains(address) { addresses.append(address) }
            }
            return addresses.isEmpty ? .unknownName : .addresses(addresses)
        }
    }

    /// The questions on their way to the threads, each of which waits for one signal per question.
    private final class Work: Sendable {
        private struct State: Sendable {
            var questions: [Question] = []
            var isClosed = false
        }

        private let state = Guarded(State())
        private let signals: WakeUp
        private let threads: Int

        init(threads: Int) throws(SystemError) {
            self.threads = threads
            signals = try WakeUp(.awaited)
        }

        func add(_ question: Question) {
            state.withLock { $0.questions.append(question) }
            signals.signal()
        }

        func close() {
            state.withLock { $0.isClosed = true }
            for _ in 0..<threads { signals.signal() }
        }

        /// The next question, waited for; nil when there will be no more.
        func next() -> Question? {
            signals.wait()
            return state.withLock { state in
                state.isClosed || state.questions.isEmpty ? nil : state.questions.removeFirst()
            }
        }
    }
}
