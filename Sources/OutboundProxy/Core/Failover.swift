import NetworkTypes
import SIP

/// What is left to try for a request when where it went fails (RFC 3263 §4.3). Most requests have one target and none of
/// these.
final class Failover {
    let arrival: Arrival
    /// As what the request goes to the present hop.
    var forwarding: Forwarding
    /// The targets of the present hop that were not tried yet, in order.
    var targets: ArraySlice<Target> = []
    /// Where it goes when those have failed.
    var alternatives: ArraySlice<Forwarding.Alternative>
    /// No other target is tried from then on: nobody waits for the answer any longer.
    let deadline: Instant
    /// The body as it was anchored for the targets of a family, with keys or without: another one of those gets the same.
    var bodies: [AnchoredBody] = []
    /// The connection that a request too large for UDP waits for.
    var opening: Flow?
    /// Who it was redirected to: none of them a second time.
    var followed: [[UInt8]] = []
    /// The Max-Breadth that the request came with, or the usual one (RFC 5393 §5.3.3).
    let breadth: UInt8
    /// Whether it was tried to send the request by a stream because of its size.
    var hasTriedStream = false

    struct AnchoredBody {
        let leg: MediaLegKind
        let octets: [UInt8]?
        /// The relay session that it names.
        let session: UInt64?
    }

    /// What a body depends on.
    struct MediaLegKind: Hashable {
        let family: IPAddress.Family
        /// Whether it may have keys in it that nobody on the way can read.
        let isSecure: Bool
    }

    /// How long it takes a good target to say anything: T1, when the request is repeated (RFC 3261 §17.1.1.2).
    static let doubt = Duration.milliseconds(500)
    /// How long a target may be silent when there is another: about as long as RFC 4320 §4.1 lets a server think before
    /// it says 100.
    static let patience = Duration.seconds(4)
    /// How long it is given once it is known to be down.
    static let leastPatience = Duration.seconds(1)
    /// How long the connection for a request that is too large for UDP may take to open.
    static let connectionPatience = Duration.milliseconds(500)

    init(_ request: PendingRequest, timers: TransactionTimers) {
        arrival = request.arrival
        forwarding = request.forwarding
        alternatives = request.forwarding.alternatives[...]
        deadline = request.arrival.now + timers.transactionTimeout
        breadth = Breadth.incoming(request.arrival.message)
    }

    var hasNext: Bool { !targets.isEmpty || !alternatives.isEmpty }
}
