/// The one answer that a request is owed; given now or in a later turn of the same loop.
///
/// A handler usually asks other loops for what it needs and answers when their mailboxes have brought it. The client may
/// be gone by then, or the server: answering is harmless. A reply that is released unanswered becomes a 500.
public final class AdminReply {
    private weak var server: AdminServer?
    private let id: UInt64
    private var isAnswered = false

    init(_ id: UInt64, of server: AdminServer) {
        self.id = id
        self.server = server
    }

    deinit {
        if !isAnswered { server?.answer(id, status: 500, type: .text, body: Array("no answer\n".utf8)) }
    }

    /// Answers; later calls do nothing.
    public func send(_ body: String, as type: ContentType = .text, status: Int = 200) {
        guard !isAnswered else { return }
        isAnswered = true
        server?.answer(id, status: status, type: type, body: Array(body.utf8))
    }
}

/// What the body of an answer is.
public enum ContentType: String, Sendable {
    case text = "text/plain; charset=utf-8"
    case json = "application/json"
    /// Prometheus text exposition format.
    case metrics = "text/plain; version=0.0.4; charset=utf-8"
}
