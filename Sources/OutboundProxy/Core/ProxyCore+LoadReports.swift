import NetworkTypes
import SIP

// Overload control between neighbours (RFC 7339): we say how we are to who asks, and heed a trunk that says so.

extension ProxyCore {
    // MARK: As a server

    /// The response with our load in the Via of its receiver. New requests beyond it are refused all the same, as
    /// ``setPressure(_:)`` says: not everybody heeds it.
    func reportingLoad(in response: [UInt8], at now: Instant) -> [UInt8] {
        let exact = min(max(pressure, 0), 1) * 100
        let share = Int(exact) + (Double(Int(exact)) < exact ? 1 : 0)
        let report = LoadReport(
            share: share, validity: share > 0 ? .milliseconds(500) : .zero,
            number: UInt64(clamping: now.nanoseconds / 10_000))
        return report.added(to: response)
    }

    /// Whether the request's sender has asked for it, and is one of ours.
    func reportsLoad(to arrival: Arrival) -> Bool {
        let source = arrival.flow.peer.ip
        return LoadReport.isWanted(by: arrival.message)
            && (arrival.side == .inside ? isInside(source) : isKnown(source, at: arrival.now))
    }

    // MARK: As a client

    /// Keeps what the target says in the Via that asked it.
    func noteLoad(_ response: Message, of client: ClientTransaction, at now: Instant) {
        guard let report = LoadReport(in: response.topVia, response.bytes), let target = target(of: client.flow) else {
            return
        }
        throttles.note(report, from: target, at: now)
        keepSweeping(from: now)
    }

    /// Whether a new request is one of those that the target does not want now. What belongs to a dialog and calls for
    /// help go on (RFC 7339 §5.10.1).
    func isHeldBack(_ request: PendingRequest, on flow: Flow, at now: Instant) -> Bool {
        guard !throttles.isEmpty, request.server != nil, !request.forwarding.isEmergency,
            request.forwarding.egress == .outside, !request.arrival.message.isInDialog,
            let target = target(of: flow)
        else { return false }
        return throttles.holdsBack(target, at: now)
    }
}
