public import RTP

/// How well one media leg does: what comes from its peer, and what the peer says of what it gets.
public struct LegQuality: Hashable, Sendable {
    /// The codec that the peer sends; nil before its first packet.
    public var codec: Codec?
    /// Interarrival jitter of what comes from the peer, in milliseconds.
    public var jitter = 0.0
    /// From us to the peer and back, in milliseconds: the last measurement, and the mean of all.
    public var roundTrip: Double?
    public var meanRoundTrip: Double?
    /// By the peer's own reports: packets lost between their sender and it, the share of its last report, and jitter in
    /// milliseconds.
    public var remoteLost: Int64?
    public var remoteLoss: Double?
    public var remoteJitter: Double?
    /// What a listener at our place would say of what the peer sends (ITU-T G.107), 1 to 4.5; nil before the first packet.
    public var score: Double?

    public init() {}

    public var codecName: String? { codec?.name }
}

extension LegQuality {
    /// Judges what came by the packets and losses counted. The delay is half a round trip and what a jitter buffer needs
    /// to swallow the jitter, a packet of 20 ms at least.
    mutating func judge(_ counters: RelayCounters) {
        let expected = Double(counters.packets) + Double(counters.lost)
        guard let codec, expected > 0 else { return }
        let delay = (meanRoundTrip ?? 0) / 2 + max(20, 2 * jitter)
        score = EModel.score(codec, loss: Double(counters.lost) / expected, delay: delay)
    }
}
