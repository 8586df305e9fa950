import NetworkTypes
import SIP

/// What a 2xx says about how long the session lasts without being refreshed (RFC 4028).
enum SessionTimer {
    /// From the 2xx to when the call is over if nothing more is heard: the interval, and once more the time by which the
    /// refresher's BYE should come before its end (§10: a third of it, at most 32 s), so that it is never us who is
    /// early. nil where no timer was negotiated.
    static func life(of response: Message) -> Duration? {
        guard let field = response.header(.sessionExpires) else { return nil }
        let end = response.bytes[field.value].firstIndex { !$0.isDigit } ?? field.value.upperBound
        guard let seconds = response.bytes.decimal(field.value.lowerBound..<end, as: UInt32.self) else { return nil }
        // Smaller ones than §4 allows are no reason to be quicker.
        let interval = max(90, Int64(seconds))
        return .seconds(interval + min(32, interval / 3))
    }
}

extension ProxyCore {
    /// Each 2xx to INVITE or UPDATE says it anew; one that says nothing ends the timer (§7.2, §8.2).
    func noteSessionTimer(_ response: Message, of server: ServerTransaction, at now: Instant) {
        guard let call = server.call, response.status >= 200, response.status < 300,
            server.method == .invite || server.method == .update
        else { return }
        call.refreshDeadline = SessionTimer.life(of: response).map { now + $0 } ?? .distantFuture
    }
}
