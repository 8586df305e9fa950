import CAres
import DNS
import Glibc
import NetworkTypes
import Reactor

/// One c-ares channel: a list of servers, and the queries open with them.
///
/// c-ares picks ids and ports, repeats what is lost, goes from server to server and to TCP where an answer is truncated.
/// Its sockets are watched by the loop, and its timer is one of ours. Answers are handed over after c-ares has
/// returned, so that whoever gets one may do as they like, even release the channel.
final class QueryChannel {
    /// What came of a query.
    enum Outcome {
        case response([UInt8])
        /// No server was reached, or none answered.
        case silence
        /// A server said that it could not or would not, or the query could not be made.
        case refusal
    }

    /// What c-ares' callbacks may touch: it outlives the channel, which c-ares calls back from while it is destroyed.
    private final class State {
        let loop: EventLoop
        var watches: [ares_socket_t: (readable: Readiness, writable: Readiness)] = [:]
        var finished: [(Question, Outcome)] = []
        var isReady: (ares_socket_t, ares_socket_t) -> Void = { _, _ in }

        init(_ loop: EventLoop) { self.loop = loop }
    }

    private final class Query {
        let question: Question
        let state: State

        init(_ question: Question, _ state: State) {
            self.question = question
            self.state = state
        }
    }

    private static let isLibraryReady: Bool = ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS

    private let channel: ares_channel
    private let state: State
    private let onAnswer: (Question, Outcome) -> Void
    private lazy var timer = Timer(on: state.loop) { [unowned self] in
        process(ares_socket_t(ARES_SOCKET_BAD), ares_socket_t(ARES_SOCKET_BAD))
    }

    /// Nil where c-ares finds no memory, or no way to read its settings.
    init?(on loop: EventLoop, _ settings: ResolverSettings, onAnswer: @escaping (Question, Outcome) -> Void) {
        let state = State(loop)
        guard Self.isLibraryReady, let channel = Self.open(settings, state) else { return nil }
        self.state = state
        self.channel = channel
        self.onAnswer = onAnswer
        state.isReady = { [unowned self] readable, writable in process(readable, writable) }
    }

    deinit {
        // Every open query is called back, with its end as the reason, and every socket given up.
        ares_destroy(channel)
        state.watches = [:]
    }

    private static func open(_ settings: ResolverSettings, _ state: State) -> ares_channel? {
        var options = ares_options()
        options.flags = Int32(ARES_FLAG_EDNS)
        // What fits into a packet on every path, so that no answer is fragmented (RFC 9715).
        options.ednspsz = 1232
        options.timeout = Int32(clamping: settings.timeout.nanoseconds / 1_000_000)
        options.tries = Int32(clamping: settings.tries)
        options.udp_port = settings.port
        options.tcp_port = settings.port
        options.sock_state_cb = { context, socket, isReadable, isWritable in
            guard let context else { return }
            let state = Unmanaged<State>.fromOpaque(context).takeUnretainedValue()
            QueryChannel.watch(socket, isReadable != 0, isWritable != 0, state)
        }
        options.sock_state_cb_data = Unmanaged.passUnretained(state).toOpaque()
        let mask =
            ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB
            | ARES_OPT_RESOLVCONF | ARES_OPT_UDP_PORT | ARES_OPT_TCP_PORT
        var channel: ares_channel?
        let code = settings.resolvConfPath.withCString { path in
            options.resolvconf_path = UnsafeMutablePointer(mutating: path)
            return ares_init_options(&channel, &options, Int32(mask))
        }
        guard code == ARES_SUCCESS, let channel else { return nil }
        guard !settings.servers.isEmpty else { return channel }
        let list = settings.servers.map(\.description).joined(separator: ",")
        if ares_set_servers_ports_csv(channel, list) == ARES_SUCCESS { return channel }
        ares_destroy(channel)
        return nil
    }

    // MARK: Queries

    /// Sends a query; ``onAnswer`` is called later, for every query but those open when the channel is released.
    func ask(_ question: Question) {
        let query = Unmanaged.passRetained(Query(question, state))
        ares_query(
            channel, question.name.text, 1, Int32(question.type.rawValue),
            { context, status, _, octets, length in
                guard let context else { return }
                let query = Unmanaged<Query>.fromOpaque(context).takeRetainedValue()
                let response = UnsafeBufferPointer(start: octets, count: octets == nil ? 0 : Int(max(0, length)))
                guard let outcome = QueryChannel.outcome(status, response) else { return }
                query.state.finished.append((query.question, outcome))
            }, query.toOpaque())
        settle()
    }

    /// Nil for a query that ends with its channel.
    private static func outcome(_ status: Int32, _ response: UnsafeBufferPointer<UInt8>) -> Outcome? {
        switch Int(status) {
        case Int(ARES_EDESTRUCTION): nil
        case Int(ARES_SUCCESS), Int(ARES_ENODATA), Int(ARES_ENOTFOUND): .response(Array(response))
        case Int(ARES_ETIMEOUT), Int(ARES_ECONNREFUSED): .silence
        default: .refusal
        }
    }

    // MARK: Sockets and time

    private static func watch(_ socket: ares_socket_t, _ isReadable: Bool, _ isWritable: Bool, _ state: State) {
        guard isReadable || isWritable else {
            if let watch = state.watches.removeValue(forKey: socket) {
                watch.readable.stop()
                watch.writable.stop()
            }
            return
        }
        let none = ares_socket_t(ARES_SOCKET_BAD)
        let watch =
            state.watches[socket] ?? (
                Readiness(on: state.loop, descriptor: socket, when: .readable) { [unowned state] in
                    state.isReady(socket, none)
                },
                Readiness(on: state.loop, descriptor: socket, when: .writable) { [unowned state] in
                    state.isReady(none, socket)
                }
            )
        state.watches[socket] = watch
        // A socket that can't be watched is one that never answers: its queries time out.
        if isReadable { try? watch.readable.start() } else { watch.readable.stop() }
        if isWritable { try? watch.writable.start() } else { watch.writable.stop() }
    }

    private func process(_ readable: ares_socket_t, _ writable: ares_socket_t) {
        ares_process_fd(channel, readable, writable)
        settle()
    }

    /// Sets the timer to what c-ares waits for next, and hands over what it has finished.
    private func settle() {
        var next = timeval()
        if ares_timeout(channel, nil, &next) != nil {
            timer.schedule(after: .seconds(Int64(next.tv_sec)) + .microseconds(Int64(next.tv_usec)))
        } else {
            timer.cancel()
        }
        guard !state.finished.isEmpty else { return }
        let finished = state.finished
        state.finished = []
        for (question, outcome) in finished { onAnswer(question, outcome) }
    }
}
