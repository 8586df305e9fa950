import MediaRelay
import NetworkTypes
import OutboundProxy
import Reactor

/// What other loops say to a signalling shard.
enum ShardMessage: Sendable {
    /// A datagram of one of its calls that another shard's socket received.
    case datagram([UInt8], Flow)
    /// What another shard, or the resolver of the configured trunks, learned.
    case directory(DirectoryUpdate)
    /// What the name of `outside.advertise` stands for now.
    case advertise([IPAddress])
    /// What a media worker reports.
    case relay(RelayEvent)
    /// Somebody wants to know how things are.
    case snapshot(Mailbox<ShardSnapshot>)
}

/// How a shard is at one moment, for status pages and metrics.
struct ShardSnapshot: Sendable {
    let shard: Int
    let time: Instant
    let counters: ProxyCounters
    let calls: [CallSummary]
    let bindings: [Binding]
    let trunks: [TrunkSummary]
    let transactions: Int
    let sessions: Int
    let pairsUsed: Int
    let pairs: Int
    let socketDrops: UInt64
    let failedCalls: [CallSummary]
}
