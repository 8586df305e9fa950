import NetworkTypes
import SIP

/// The dialogs of one INVITE and their media: what is needed to relate later requests to them, and to end them
/// ourselves (design §6).
///
/// Dialog and relay session live and die together: whoever removes the call from the table closes its session.
final class Call {
    enum State { case early, confirmed, ended }

    /// What one party of the confirmed dialog looks like to the other.
    struct Party {
        /// The whole From or To value that the party is known by, tag included.
        var identity: [UInt8] = []
        /// How the other side knows it, where it doesn't know ``identity``; of a callee without the tag.
        var shown: [UInt8] = []
        /// Its Contact URI as it wrote it.
        var target: [UInt8] = []
        /// The route set beyond us, in the order in which a request towards the party carries it.
        var routes: [[UInt8]] = []
        /// Whether ``routes`` is all there is. A request in a dialog says nothing about the way back to its sender, so
        /// of a call that a restart made us forget only the nearest hop is known.
        var isRouteKnown = true
        /// The highest CSeq it has used.
        var cSeq: UInt32 = 0
        /// The flow its messages come on.
        var flow: Flow
    }

    struct LateOffer {
        let exchange: UInt64
        /// The CSeq number of the INVITE, and so of the ACK; a repeated ACK brings the answer once more.
        let cSeq: UInt32
        /// The early dialogs whose PRACK has brought the answer: another one brings a new offer.
        var answeredForks: Set<Int> = []
    }

    /// The most early dialogs that are told apart; who answers with more tags than that shares the last (security 31).
    static let maximumForks = 32

    let serial: UInt64
    let callID: [UInt8]
    let callerTag: [UInt8]
    /// The To tags of its early dialogs in the order in which they came; a confirmed call has one.
    var calleeTags: [[UInt8]] = []
    /// Index into ``calleeTags`` of the confirmed dialog.
    var confirmedFork: Int?
    var caller: Party
    var callee: Party
    let origin: Side
    let destination: Side
    /// Whether its dialogs began inside: a call that a restart made us forget comes back with either party's request.
    var beganInside: Bool
    /// The Call-ID that the outside knows, where that is another one.
    var outsideCallID: [UInt8]?
    /// Whether its first request is still to be sent.
    var isNew = true
    var trunk: String
    /// The key of the remote phone's binding, where the outside is one.
    var phone: [UInt8]?
    var state = State.early
    /// The relay session, from the first offer on.
    var session: UInt64?
    /// Those of the offers that targets of another family got, until one of them has answered.
    private var otherSessions: [UInt64] = []
    /// The last offer that came in a response: PRACK or ACK brings its answer (RFC 3261 §13.2.1, RFC 3262 §5).
    var lateOffer: LateOffer?
    /// The outside address that counts as the peer of a call, from the answer to the end.
    var countedPeer: IPAddress?
    let startedAt: Instant
    var answeredAt: Instant?
    /// When the call is ended because it lasted too long.
    var deadline: Instant
    /// When the session has run out that nobody refreshed (RFC 4028).
    var refreshDeadline = Instant.distantFuture
    /// The BYEs of ours that are not answered yet.
    var openBYEs = 0
    var verdict = ""
    /// Who ended it, when, and with what status, if any.
    var ending: (by: CallSummary.Ender, at: Instant, status: Int?)?
    var rangAt: Instant?
    var hasCredentials = false
    /// Its place in the budgets, where there are any (see ``CallBudget``).
    var place: CallPlace?
    /// Somebody calls for help.
    var isEmergency = false

    init(
        serial: UInt64, callID: [UInt8], callerTag: [UInt8], caller: Party, callee: Party, origin: Side,
        destination: Side, trunk: String, now: Instant, deadline: Instant
    ) {
        self.serial = serial
        self.callID = callID
        self.callerTag = callerTag
        self.caller = caller
        self.callee = callee
        self.origin = origin
        self.destination = destination
        beganInside = origin == .inside
        self.trunk = trunk
        startedAt = now
        self.deadline = deadline
    }

    /// The number of the early dialog with that To tag; a new one for a tag not seen before.
    func fork(_ tag: ArraySlice<UInt8>) -> Int {
        if let index = calleeTags.firstIndex(where: { $0.elementsEqual(tag) }) { return index }
        if calleeTags.count < Self.maximumForks { calleeTags.append(Array(tag)) }
        return calleeTags.count - 1
    }

    /// The next offer gets a relay session of its own.
    func setAside() {
        if let session { otherSessions.append(session) }
        session = nil
    }

    /// That session counts again.
    func resume(_ known: UInt64) {
        guard let index = otherSessions.firstIndex(of: known) else { return }
        otherSessions.remove(at: index)
        setAside()
        session = known
    }

    /// The sessions that nobody will answer any more.
    func takeOthers() -> [UInt64] {
        defer { otherSessions = [] }
        return otherSessions
    }

    /// Whether a request with these tags is from the caller (true), from the callee (false), or not of this call.
    func isFromCaller(from: ArraySlice<UInt8>, to: ArraySlice<UInt8>) -> Bool? {
        if callerTag.elementsEqual(from), knows(callee: to) { return true }
        if callerTag.elementsEqual(to), knows(callee: from) { return false }
        return nil
    }

    private func knows(callee tag: ArraySlice<UInt8>) -> Bool {
        if let confirmedFork { return calleeTags[confirmedFork].elementsEqual(tag) }
        return calleeTags.contains { $0.elementsEqual(tag) }
    }

    /// The party on that side; both are there only where the call crosses.
    subscript(side: Side) -> Party {
        get { side == origin ? caller : callee }
        set { if side == origin { caller = newValue } else { callee = newValue } }
    }

    var summary: CallSummary {
        var summary = CallSummary(
            callID: String(decoding: callID, as: UTF8.self), from: String(decoding: caller.identity, as: UTF8.self),
            to: String(decoding: callee.identity, as: UTF8.self), trunk: trunk, origin: origin,
            state: state == .early ? .early : state == .confirmed ? .answered : .ended, startedAt: startedAt,
            answeredAt: answeredAt, session: session, verdict: verdict)
        summary.ender = ending?.by
        summary.endedAt = ending?.at
        summary.status = ending?.status
        summary.rangAt = rangAt
        summary.outsideCallID = outsideCallID.map { String(decoding: $0, as: UTF8.self) }
        summary.insidePeer = self[.inside].flow.peer
        summary.outsidePeer = self[.outside].flow.peer
        summary.hasCredentials = hasCredentials
        return summary
    }
}
