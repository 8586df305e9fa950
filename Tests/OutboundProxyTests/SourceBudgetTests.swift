import NetworkTypes
import Testing

@testable import OutboundProxy

@Suite struct SourceBudgetTests {
    private static let now = Instant(nanoseconds: 1_000_000_000)

    /// How many of these sources are let through, one after the other.
    private func taken(
        _ sources: some Sequence<IPAddress>, from budget: inout SourceBudget, at now: Instant = now
    ) -> Int {
        sources.reduce(into: 0) { count, source in if budget.take(source, at: now) { count += 1 } }
    }

    private func budget(rate: Int, burst: Int) -> SourceBudget {
        SourceBudget(rate: rate, burst: burst, hash: KeyedHash(key0: 1, key1: 2))
    }

    @Test func `a burst, then the rate`() {
        var budget = budget(rate: 10, burst: 5)
        let twenty = repeatElement(IPAddress(v4: 0xC633_6442), count: 20)
        let counts = [Duration.zero, .milliseconds(200), .seconds(100)].map { time in
            taken(twenty, from: &budget, at: Self.now + time)
        }
        #expect(counts == [5, 2, 5])
    }

    @Test func `an IPv6 source is its /64 (security 31)`() {
        var budget = budget(rate: 1, burst: 1)
        let sources = [(1, 1), (1, 2), (2, 2)].map { IPAddress(v6High: 0x2001_0db8_0000_0000 + $0.0, low: $0.1) }
        let counts = sources.map { taken([$0], from: &budget) }
        #expect(counts == [1, 0, 1])
    }

    @Test func `a hundred thousand sources take no more than the table has slots (security 29, 31)`() {
        var budget = budget(rate: 1, burst: 1)
        let sources = (0..<100_000 as Range<UInt32>).lazy.map { IPAddress(v4: $0 &* 2_654_435_761) }
        let count = taken(sources, from: &budget)
        #expect(count == 4096)
    }
}
