import NetworkTypes
import SIP

@testable import OutboundProxy

/// What the proxy did with one message.
enum Outcome: Hashable, Sendable {
    case forwarded
    case refused(Int)
    case dropped
}

extension ProxyHarness {
    /// What comes of a message and of its retransmission, when every name it makes us look up is an outside host.
    func outcome(of bytes: [UInt8], on side: Side = .inside, from source: SocketAddress? = nil) -> (Outcome, [Sent]) {
        var sent = receive(bytes, on: side, from: source)
        while let name = resolving.last { sent += resolve(name, ["203.0.113.10"]) }
        guard let first = sent.first else { return (.dropped, sent) }
        return (first.isRequest ? .forwarded : .refused(first.status), sent)
    }

    /// Lets every timer run out.
    func settle() { advance(.seconds(400)) }

    /// What is left in the core after all timers.
    var remains: [String] {
        [
            ("transactions", core.transactionCount), ("calls", core.callCount), ("media sessions", media.open.count),
            ("deadlines", core.nextDeadline == nil ? 0 : 1),
        ].filter { $0.1 != 0 }.map { "\($0.1) \($0.0)" }
    }
}
