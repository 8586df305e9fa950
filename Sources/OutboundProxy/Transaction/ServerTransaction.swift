import NetworkTypes
import SIP

/// One request that we forward: its server transaction, and as response context (RFC 3261 §16.2) its branches.
///
/// The request's octets are kept while an answer may still have to be built from them; after the final response only
/// what a retransmission needs stays for the timers' 32 s.
final class ServerTransaction {
    enum Machine {
        case invite(InviteServerTransaction)
        case nonInvite(NonInviteServerTransaction)
    }

    /// Where the offer of this request's offer/answer exchange is (RFC 3264, RFC 6337 §2.2).
    enum Offer { case none, inRequest, inResponse }

    let key: TransactionKey
    /// Names the transaction's offer/answer exchange.
    let serial: UInt64
    let method: Method
    let flow: Flow
    /// Where responses go (RFC 3261 §18.2.2, RFC 3581 §4).
    let replyFlow: Flow
    let ingress: Side
    let egress: Side
    var machine: Machine
    /// The request, until its final response.
    var request: Message?
    var lastResponse: [UInt8]?
    var branches: [ClientTransaction] = []
    /// The targets that are left, where there is more than one.
    var failover: Failover?
    /// The best final response so far that is not a 2xx (§16.7 step 6).
    var best: Message?
    /// The challenges of the other refusals, which go up with the best where that is one, too (§16.7 step 7).
    var challenges: [UInt8] = []
    /// The other way to offer SRTP, as long as it may be tried.
    var otherOffer: OtherOffer?
    /// How often the request was sent with another offer than at first; a branch of before counts no longer.
    var offerChanges: UInt8 = 0
    let receivedAt: Instant
    var call: Call?
    var offer = Offer.none
    var isCancelled = false
    /// The Reason of the CANCEL, to go on with it (RFC 3326 §2).
    var cancelReason: [UInt8]?
    /// The Contacts of a REGISTER as the PBX wrote them and as they left (design §4).
    var contacts: [SentContact] = []
    /// How the trunk on the other side is kept from seeing the inside; nil where it may, or where nothing crosses.
    var hiding: HidingSettings?
    /// The Call-ID that the request came with, where the inside knows another one.
    var outerCallID: [UInt8]?
    /// What responses get back; a 2xx to INVITE may come again after ``request`` has gone.
    var senderFields: SenderFields?
    /// The hash of a request that had passed us before.
    var spiral: UInt64?
    /// Whether its sender wants to know our load (RFC 7339).
    var reportsLoad = false
    /// The trunk that the request goes to or comes from.
    var trunk: String
    /// The place in the budgets of the call that it begins, until there is a call.
    var place: CallPlace?
    /// The octets that it and its branches keep, about: what bounds memory when requests are large.
    var weight: Int
    /// When the timer queue will look at it; later than its own deadline only for a moment.
    var scheduled = Instant.distantFuture

    struct SentContact {
        let original: [UInt8]
        let sent: [UInt8]
        let token: [UInt8]
        /// The seconds that its own `expires` asks for.
        var expires: UInt32?
    }

    init(
        key: TransactionKey, serial: UInt64, request: Message, flow: Flow, replyFlow: Flow, ingress: Side, egress: Side,
        trunk: String, isReliable: Bool, timers: TransactionTimers, now: Instant
    ) {
        self.key = key
        self.serial = serial
        self.request = request
        // As it came, and as it leaves on its branch.
        weight = 2 * request.bytes.count
        method = request.method
        self.flow = flow
        self.replyFlow = replyFlow
        self.ingress = ingress
        self.egress = egress
        self.trunk = trunk
        receivedAt = now
        machine =
            method == .invite
            ? .invite(InviteServerTransaction(isReliable: isReliable, timers: timers, at: now))
            : .nonInvite(NonInviteServerTransaction(isReliable: isReliable, timers: timers, at: now))
    }

    var deadline: Instant? {
        switch machine {
        case .invite(let machine): machine.deadline
        case .nonInvite(let machine): machine.deadline
        }
    }

    /// Whether a final response has been sent.
    var isFinal: Bool {
        switch machine {
        case .invite(let machine): machine.state != .proceeding
        case .nonInvite(let machine): machine.state == .completed || machine.state == .terminated
        }
    }

    var isTerminated: Bool {
        switch machine {
        case .invite(let machine): machine.state == .terminated
        case .nonInvite(let machine): machine.state == .terminated
        }
    }

    func receiveRetransmission() -> ServerRequestAction {
        switch machine {
        case .invite(let machine): machine.receiveRetransmission()
        case .nonInvite(let machine): machine.receiveRetransmission()
        }
    }

    func sendResponse(status: Int, at now: Instant) -> ServerResponseAction {
        switch machine {
        case .invite(var machine):
            defer { self.machine = .invite(machine) }
            return machine.sendResponse(status: status, at: now)
        case .nonInvite(var machine):
            defer { self.machine = .nonInvite(machine) }
            return machine.sendResponse(status: status, at: now)
        }
    }

    func handleTimeout(at now: Instant) -> ServerTimeoutAction {
        switch machine {
        case .invite(var machine):
            defer { self.machine = .invite(machine) }
            return machine.handleTimeout(at: now)
        case .nonInvite(var machine):
            defer { self.machine = .nonInvite(machine) }
            return machine.handleTimeout(at: now)
        }
    }

    /// An ACK with the INVITE's branch; true when it acknowledges a 2xx and must be forwarded.
    func receiveACK(at now: Instant) -> Bool {
        guard case .invite(var machine) = machine else { return false }
        defer { self.machine = .invite(machine) }
        return machine.receiveACK(at: now) == .forward
    }

    /// No final response will come and none may be sent (RFC 4320 §4.2).
    func giveUp(at now: Instant) {
        guard case .nonInvite(var machine) = machine else { return }
        machine.giveUp(at: now)
        self.machine = .nonInvite(machine)
    }
}
