// What the transaction machines ask of their owner. The machines see no messages: the owner keeps the request and the
// last response, and builds ACK, CANCEL and 100 Trying when it is told to.

/// What to do when a deadline of a client transaction has come.
public enum ClientTimeoutAction: Hashable, Sendable {
    /// Nothing; look at the new deadline.
    case none
    /// Send the request once more (timers A and E).
    case retransmitRequest
    /// No final response came (timers B and F, or 64*T1 after CANCEL): tell the TU, forget the transaction.
    case timedOut
    /// The transaction has done its duty (timers D, K and M): forget it.
    case terminated
}

/// What to do when the transport could not send for a client transaction (RFC 3261 §17.1.4).
public enum ClientTransportErrorAction: Hashable, Sendable {
    /// Nothing was lost that matters.
    case none
    /// The request never arrived: tell the TU, which may try another target; forget the transaction.
    case failed
    /// An ACK can't be sent, but the TU has its final response: forget the transaction.
    case terminated
}

/// What to do with a response that the TU wants to send.
public enum ServerResponseAction: Hashable, Sendable {
    /// Send it, and keep it for retransmission.
    case send
    /// Don't: it is too late, too early, or forbidden.
    case ignore
}

/// What to do with a retransmission of the request.
public enum ServerRequestAction: Hashable, Sendable {
    /// Absorb it.
    case none
    /// Send the last response once more.
    case retransmitResponse
}

/// What to do when a deadline of a server transaction has come.
public enum ServerTimeoutAction: Hashable, Sendable {
    /// Nothing; look at the new deadline.
    case none
    /// Build and send 100 Trying, and keep it as the last response.
    case sendTrying
    /// Send the last response once more (timer G).
    case retransmitResponse
    /// The ACK never came (timer H): tell the TU, forget the transaction.
    case timedOut
    /// The transaction has done its duty (timers I, J and L): forget it.
    case terminated
}
