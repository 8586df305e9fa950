import MediaRelay
import NetworkTypes
import OutboundProxy
import Reactor

/// What other loops say to a signalling shard.
enum ShardMessage: Sendable {
    /// A message of one of its calls that another shard received.
    case received([UInt8], Flow)
    /// A message for a connection that is its own, or its to find.
    case send(StreamSend)
    /// What its core wanted sent on the flow could not be.
    case transportFailed(Flow)
    /// The connection that its core wanted is open.
    case flowOpened(Flow)
    /// A connection to a peer whose home it is has come or gone elsewhere.
    case connection(ConnectionNotice)
    /// What another shard, or the resolver of the configured trunks, learned.
    case directory(DirectoryUpdate)
    /// What the name of `outside.advertise` stands for now.
    case advertise([IPAddress])
    /// What a media worker reports.
    case relay(RelayEvent)
    /// Somebody wants to know how things are.
    case snapshot(Mailbox<ShardSnapshot>)
    /// The process ends: all calls are to be written down, and then this is called.
    case end(@Sendable () -> Void)
}

/// How a shard is at one moment, for status pages and metrics.
struct ShardSnapshot: Sendable {
    let shard: Int
    let time: Instant
    let counters: ProxyCounters
    let calls: [CallSummary]
    let bindings: [Binding]
    let phones: [PhoneBinding]
    let trunks: [TrunkSummary]
    let transactions: Int
    let sessions: Int
    let unanchoredSessions: UInt64
    let pairsUsed: Int
    let pairs: Int
    let connections: Int
    let connectionCounters: ConnectionCounters
    /// How often no connection could be taken for want of descriptors.
    let acceptPauses: UInt64
    let socketDrops: UInt64
    let failedCalls: [CallSummary]
    /// Requests refused by us, and calls that came to nothing, by reason.
    let refusals: ReasonCounts
    let failures: ReasonCounts
    let bans: [Bans.Ban]
    /// The share of new requests that is refused at the moment.
    let pressure: Double
    /// The media of calls that have ended, by configured trunk.
    let mediaTotals: [String: MediaTotals]
}
