import Testing

@testable import sallyport_bench

@Suite("Latency histogram")
struct LatencyHistogramTests {
    @Test("has no percentile before anything was counted")
    func empty() { #expect(LatencyHistogram().percentile(0.5) == nil) }

    @Test("finds percentiles to within 3.2 %", arguments: [0.5, 0.9, 0.99, 0.999])
    func percentiles(fraction: Double) throws {
        var histogram = LatencyHistogram()
        for value in 1...100_000 { histogram.record(Int64(value) * 17) }
        let exact = 100_000 * 17 * fraction
        let found = Double(try #require(histogram.percentile(fraction)))
        #expect(found >= exact * 0.999 && found <= exact * 1.032)
    }

    @Test("is exact below 32 ns and keeps the largest time")
    func small() {
        var histogram = LatencyHistogram()
        for value in [3, 3, 3, 31] as [Int64] { histogram.record(value) }
        #expect(histogram.percentile(0.5) == 3)
        #expect(histogram.percentile(1) == 31)
        #expect(histogram.largest == 31)
    }

    @Test("takes the ends of the range", arguments: [0, -5, Int64.max])
    func ends(value: Int64) {
        var histogram = LatencyHistogram()
        histogram.record(value)
        #expect(histogram.percentile(0.99) == max(0, value))
    }

    @Test("merges like counting everything in one")
    func merge() {
        var (low, high) = (LatencyHistogram(), LatencyHistogram())
        for value in 0..<1000 { low.record(Int64(value)) }
        for value in 1000..<2000 { high.record(Int64(value)) }
        low.merge(high)
        #expect(low.count == 2000)
        #expect(low.largest == 1999)
        #expect((980...1040).contains(low.percentile(0.5) ?? 0))
    }
}
