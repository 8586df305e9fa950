import MediaRelay

/// What the media of calls that have ended was like, all in all: of the legs towards one trunk.
struct MediaTotals: Sendable {
    /// Upper bounds of the scores that are counted together.
    static let bounds: [Double] = [1.5, 2, 2.5, 3, 3.5, 4, 4.5]

    private(set) var legs: UInt64 = 0
    private(set) var scores = 0.0
    /// Legs with a score up to each of ``bounds``.
    private(set) var histogram = [UInt64](repeating: 0, count: MediaTotals.bounds.count)
    private(set) var jitter = 0.0
    private(set) var packets: UInt64 = 0
    private(set) var lost: UInt64 = 0

    /// Counts a leg that packets came from.
    mutating func add(_ report: LegReport) {
        packets &+= report.counters.packets
        lost &+= report.counters.lost
        guard let score = report.quality.score else { return }
        legs += 1
        scores += score
        jitter += report.quality.jitter
        for (index, bound) in Self.bounds.enumerated() where score <= bound { histogram[index] += 1 }
    }

    static func + (a: MediaTotals, b: MediaTotals) -> MediaTotals {
        var sum = a
        sum.legs += b.legs
        sum.scores += b.scores
        sum.jitter += b.jitter
        sum.packets &+= b.packets
        sum.lost &+= b.lost
        for index in sum.histogram.indices { sum.histogram[index] += b.histogram[index] }
        return sum
    }
}
