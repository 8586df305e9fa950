/// One call at one moment.
public struct CallSnapshot: Codable, Hashable, Sendable {
    /// What was received from the peer of one media leg.
    public struct Leg: Codable, Hashable, Sendable {
        /// `inside` or `outside`.
        public var side: String
        /// Our address.
        public var local: String
        /// The peer's latched address; nil while none is.
        public var remote: String?
        public var packets: UInt64 = 0
        public var bytes: UInt64 = 0
        public var lost: UInt64 = 0
        public var outOfOrder: UInt64 = 0
        public var jitterMilliseconds: Double = 0
        /// `rtp`, `sdes` or `dtls`.
        public var security = "rtp"
        /// What the peer sends; nil before its first packet.
        public var codec: String?
        /// To the peer and back, by RTCP; nil without.
        public var roundTripMilliseconds: Double?
        /// What a listener would say of it, 1 to 4.5 (ITU-T G.107).
        public var score: Double?
        /// By the peer's own reports: the share lost since the one before, and jitter.
        public var remoteLoss: Double?
        public var remoteJitterMilliseconds: Double?
        /// Packets dropped, by cause; causes that never occurred are left out.
        public var dropped: [String: UInt64] = [:]

        public init(side: String, local: String, remote: String? = nil) {
            self.side = side
            self.local = local
            self.remote = remote
        }

        /// The share of packets that never came, 0 to 1.
        public var loss: Double {
            let expected = Double(packets) + Double(lost)
            return expected > 0 ? Double(lost) / expected : 0
        }
    }

    public enum Direction: String, Codable, Sendable {
        /// From outside.
        case inbound
        /// From inside.
        case outbound
    }

    public enum State: String, Codable, Sendable { case early, confirmed, ending }

    public var callID: String
    public var direction: Direction
    public var from: String
    public var to: String
    public var trunk: String?
    public var state: State
    /// How long ago it began.
    public var ageSeconds: Double
    public var legs: [Leg]
    /// How it ended.
    public var verdict: String?

    public init(
        callID: String, direction: Direction, from: String, to: String, trunk: String? = nil, state: State,
        ageSeconds: Double, legs: [Leg] = [], verdict: String? = nil
    ) {
        self.callID = callID
        self.direction = direction
        self.from = from
        self.to = to
        self.trunk = trunk
        self.state = state
        self.ageSeconds = ageSeconds
        self.legs = legs
        self.verdict = verdict
    }
}
