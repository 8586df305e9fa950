public import NetworkTypes
import SIP

// The end of the process.

extension ProxyCore {
    /// Closes the books of all calls, those included that are still being set up, and with them their media.
    ///
    /// Nobody is told: the dialogs outlive the process, and whoever comes after it routes them by their tokens.
    public func endCalls(at now: Instant) {
        for call in Array(calls.all) {
            let stage = call.state == .confirmed ? "up" : "being set up"
            end(call, "the process ended while the call was \(stage)", by: .proxy, at: now)
        }
        for server in transactions.allServers where server.isUnsent { endUnsent(server, at: now) }
    }

    /// An INVITE whose target is still being looked for would have become a call.
    private func endUnsent(_ server: ServerTransaction, at now: Instant) {
        guard let request = server.request, !request.isInDialog else { return }
        var summary = CallSummary(
            callID: request.bytes.text(request.callID), from: request.text(.from) ?? "", to: request.text(.to) ?? "",
            trunk: server.trunk, origin: server.ingress, state: .ended, startedAt: server.receivedAt,
            verdict: "the process ended while the call was being set up")
        (summary.ender, summary.endedAt) = (.proxy, now)
        if server.ingress == .inside {
            summary.insidePeer = server.flow.peer
        } else {
            summary.outsidePeer = server.flow.peer
        }
        giveBack(&server.place, at: now)
        outputs.append(.event(.callEnded(summary)))
    }
}

extension ServerTransaction {
    /// Whether it is an INVITE of which nothing has left yet.
    fileprivate var isUnsent: Bool { method == .invite && !isFinal && call == nil && branches.isEmpty }
}
