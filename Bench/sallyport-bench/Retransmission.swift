import NetworkTypes

/// A message that is sent over and over until it is answered: RFC 3261's timers A and E for requests, G for final
/// responses, and the 2xx retransmission of §13.3.1.4; B, F and H end it.
struct Retransmission {
    enum Due { case nothing, send, timeout }

    static let t1: Duration = .milliseconds(500)
    static let t2: Duration = .seconds(4)
    static let limit: Duration = .seconds(32)

    let message: [UInt8]
    let destination: SocketAddress
    private var interval = Retransmission.t1
    private let longest: Duration
    private var sendAt: Instant
    private var endAt: Instant

    /// The first copy has just been sent. Only the intervals of an INVITE grow without bound (timer A).
    init(of message: [UInt8], to destination: SocketAddress, isInvite: Bool = false, at now: Instant) {
        self.message = message
        self.destination = destination
        longest = isInvite ? Self.limit : Self.t2
        sendAt = now + interval
        endAt = now + Self.limit
    }

    var nextDeadline: Instant { min(sendAt, endAt) }

    /// What is to be done now.
    mutating func due(at now: Instant) -> Due {
        if now >= endAt { return .timeout }
        if now < sendAt { return .nothing }
        interval = min(interval * 2, longest)
        sendAt = now + interval
        return .send
    }

    /// A provisional response stops the copies of an INVITE; a final one must follow within `patience`.
    mutating func pause(at now: Instant, patience: Duration) {
        sendAt = .distantFuture
        endAt = now + patience
    }
}

/// A request sent, waiting for its final response.
struct ClientTransaction {
    let method: SIPMethod
    let branch: [UInt8]
    let number: UInt32
    var retransmission: Retransmission
}
