/// Times counted in buckets that grow with the time, so that every percentile is right to about 3 %.
///
/// A fixed array: recording allocates nothing and costs a few nanoseconds, for any number of packets.
struct LatencyHistogram {
    private static let precision = 5
    private static let perOctave = 1 << precision
    private var buckets = [UInt64](repeating: 0, count: 64 * perOctave)

    private(set) var count: UInt64 = 0
    private(set) var largest: Int64 = 0

    /// Counts a time in nanoseconds; clocks that step back count as 0.
    mutating func record(_ nanoseconds: Int64) {
        let value = max(0, nanoseconds)
        buckets[Self.index(UInt64(value))] += 1
        count += 1
        largest = max(largest, value)
    }

    mutating func merge(_ other: LatencyHistogram) {
        for index in buckets.indices { buckets[index] += other.buckets[index] }
        count += other.count
        largest = max(largest, other.largest)
    }

    /// The time in nanoseconds that the share `fraction` of all times does not exceed; nil when nothing was counted.
    func percentile(_ fraction: Double) -> Int64? {
        guard count > 0 else { return nil }
        let rank = max(1, (Double(count) * fraction).rounded(.up))
        var seen: UInt64 = 0
        for (index, bucket) in buckets.enumerated() {
            seen += bucket
            if Double(seen) >= rank { return min(Self.upperBound(index), largest) }
        }
        return largest
    }

    /// Values below `perOctave` have a bucket each; above, every doubling has `perOctave` buckets.
    private static func index(_ value: UInt64) -> Int {
        let shift = max(0, 63 - value.leadingZeroBitCount - precision)
        return value < UInt64(perOctave)
            ? Int(value) : (shift + 1) * perOctave + Int(value >> UInt64(shift)) - perOctave
    }

    private static func upperBound(_ index: Int) -> Int64 {
        guard index >= perOctave else { return Int64(index) }
        let shift = index / perOctave - 1
        let bound = (UInt64(index % perOctave + perOctave) + 1) << UInt64(shift) - 1
        return Int64(clamping: bound)
    }
}
