public import NetworkTypes
import SIP

/// What the core wants done. The driver takes these after each call of the core, in order.
public enum ProxyOutput: Sendable {
    /// Send the octets on the flow.
    case send([UInt8], Flow)
    /// The same, but on no other connection than the one that the flow names (RFC 5626 §5.3.1).
    case sendOnly([UInt8], Flow)
    /// Find out where a name leads (RFC 3263), and tell ``ProxyCore/located(_:_:at:)``: at once, or within its patience.
    case locate(LocationQuery)
    /// Open a connection to the flow's peer, unless there is one, and tell ``ProxyCore/flowOpened(_:at:)``; or
    /// ``ProxyCore/transportFailed(_:at:)``. Nothing is sent on it yet.
    case open(Flow)
    /// A binding was seen or has gone; other shards must know it too.
    case directory(DirectoryUpdate)
    /// Something an admin wants to know.
    case event(ProxyEvent)
    /// A rush is over and the tables have shrunk: memory can be given back to the system.
    case shrunk
}

/// What happened to a call or to the traffic, in words for logs and status pages.
public enum ProxyEvent: Sendable {
    case callStarted(CallSummary)
    case callEnded(CallSummary)
    /// A target went down or is back.
    case target(Target, TargetState)
    /// A request went by UDP although it may be fragmented on its way (RFC 3261 §18.1.1). Told now and then; all are
    /// counted.
    case large(callID: String, method: String, octets: Int, target: Target)
    /// A request was refused or a call failed: why.
    case refused(RefusedRequest)
    /// A source has sent wrong credentials too often and is not listened to for a while.
    case banned(source: IPAddress, account: String, until: Instant)
}

/// One call, as status pages show it.
public struct CallSummary: Hashable, Sendable {
    public enum State: String, Hashable, Sendable { case early, answered, ended }

    public var callID: String
    public var from: String
    public var to: String
    public var trunk: String
    /// Which side called.
    public var origin: Side
    public var state: State
    public var startedAt: Instant
    public var answeredAt: Instant?
    /// The relay session, where media is anchored.
    public var session: UInt64?
    /// How it ended.
    public var verdict: String
    /// Who ended it.
    public enum Ender: String, Hashable, Sendable { case inside, outside, proxy }

    public var ender: Ender?
    /// The status of the response that refused it.
    public var status: Int?
    public var rangAt: Instant?
    public var endedAt: Instant?
    /// The Call-ID that the outside knows, where that is another one.
    public var outsideCallID: String?
    /// Where the SIP of both sides comes from, or went to.
    public var insidePeer: SocketAddress?
    public var outsidePeer: SocketAddress?
    /// Whether its caller had shown credentials: without, a 401 or 407 is no end but a question.
    public var hasCredentials = false

    public init(
        callID: String, from: String, to: String, trunk: String, origin: Side, state: State, startedAt: Instant,
        answeredAt: Instant? = nil, session: UInt64? = nil, verdict: String
    ) {
        self.callID = callID
        self.from = from
        self.to = to
        self.trunk = trunk
        self.origin = origin
        self.state = state
        self.startedAt = startedAt
        self.answeredAt = answeredAt
        self.session = session
        self.verdict = verdict
    }
}

/// A request that we refused.
public struct RefusedRequest: Sendable {
    /// Not taken apart until somebody wants to read it: in a flood nobody does.
    let message: Message
    public let source: SocketAddress
    public let side: Side
    public let trunk: String
    public let status: Int
    public let reason: String
    /// The reason in counters: one of few.
    public let label: String

    public var isCall: Bool { message.method == .invite && !message.isInDialog }
    public var callID: String { message.bytes.text(message.callID) }
    public var method: String { message.bytes.text(message.methodRange) }
    public var from: String { message.text(.from) ?? "" }
    public var to: String { message.text(.to) ?? "" }
}

/// How often things happened. Names of fields are names of metrics.
public struct ProxyCounters: Hashable, Sendable {
    public var messagesIn: UInt64 = 0
    public var messagesOut: UInt64 = 0
    public var requests: UInt64 = 0
    public var responses: UInt64 = 0
    public var retransmissionsIn: UInt64 = 0
    public var retransmissionsOut: UInt64 = 0
    public var calls: UInt64 = 0
    public var callsAnswered: UInt64 = 0
    public var callsFailed: UInt64 = 0
    public var callsEndedByUs: UInt64 = 0
    public var droppedNotSIP: UInt64 = 0
    public var droppedMalformed: UInt64 = 0
    public var droppedUnadmitted: UInt64 = 0
    public var droppedSpoofed: UInt64 = 0
    public var droppedStray: UInt64 = 0
    public var droppedOverBudget: UInt64 = 0
    public var refused: UInt64 = 0
    public var overloaded: UInt64 = 0
    /// New requests refused because the shard was too busy.
    public var shed: UInt64 = 0
    public var bans: UInt64 = 0
    public var droppedBanned: UInt64 = 0
    public var timeouts: UInt64 = 0
    public var transportErrors: UInt64 = 0
    public var largeMessages: UInt64 = 0
    /// STUN requests answered.
    public var keepAlives: UInt64 = 0
    /// Datagrams sent to keep a phone's pinhole open.
    public var pinholes: UInt64 = 0

    public init() {}
}
