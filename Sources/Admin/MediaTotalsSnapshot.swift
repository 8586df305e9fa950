/// What the media of calls that have ended was like, all in all.
public struct MediaTotalsSnapshot: Codable, Hashable, Sendable {
    /// Legs that media came from.
    public var legs: UInt64 = 0
    /// The sums of their scores (G.107) and of their jitter in milliseconds.
    public var scoreSum = 0.0
    public var jitterSum = 0.0
    public var packets: UInt64 = 0
    public var lost: UInt64 = 0
    /// How many had a score of at most so much.
    public var scores: [Bucket] = []

    public struct Bucket: Codable, Hashable, Sendable {
        public var bound: Double
        public var count: UInt64

        public init(bound: Double, count: UInt64) {
            self.bound = bound
            self.count = count
        }
    }

    public init() {}
}
