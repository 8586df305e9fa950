import NetworkTypes
import OutboundProxy

/// The last calls that failed or were refused, newest last, for `sallyport calls --failed`.
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

extension CallSummary {
    /// A call that was refused before there was one.
    init(refused request: RefusedRequest, at now: Instant) {
        self.init(
            callID: request.callID, from: request.from, to: request.to, trunk: request.trunk, origin: request.side,
            state: .ended, startedAt: now, verdict: "\(request.status) \(request.reason)")
        (status, ender, endedAt) = (request.status, .proxy, now)
        if request.side == .inside { insidePeer = request.source } else { outsidePeer = request.source }
    }
}
