import OutboundProxy

/// The last calls that failed, newest last, for `sallyport calls --failed`.
struct FailedCalls {
    private(set) var list: [CallSummary] = []
    private static let most = 100

    mutating func add(_ call: CallSummary) {
        list.append(call)
        if list.count > Self.most { list.removeFirst() }
    }

    /// After a rush the texts lie spread over memory that would otherwise be free, and keep a page each: they move.
    mutating func shrink() {
        list = list.map { call in
            var call = call
            for text in [\CallSummary.callID, \.from, \.to, \.trunk, \.verdict] {
                call[keyPath: text] = String(decoding: Array(call[keyPath: text].utf8), as: UTF8.self)
            }
            return call
        }
    }
}
