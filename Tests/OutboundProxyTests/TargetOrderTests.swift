import NetworkTypes
import Testing

@testable import OutboundProxy

/// RFC 2782's weights, drawn by a seed.
@Suite struct TargetOrderTests {
    private static func located(_ parts: [(rank: Int, weight: UInt16)]) -> [LocatedTarget] {
        parts.enumerated().map { index, part in
            LocatedTarget(
                Target(.udp, SocketAddress(IPAddress(v4: UInt32(index)), 5060)), rank: part.rank, weight: part.weight)
        }
    }

    private func order(_ located: [LocatedTarget], _ seed: UInt64) -> [Int] {
        TargetOrder.ordered(located, seed: seed).map { Int($0.address.ip.low) }
    }

    @Test func `ranks come in order, and each target once`() {
        let located = Self.located([(0, 10), (0, 10), (1, 0), (2, 5), (2, 5), (2, 0)])
        for seed in 0..<500 as Range<UInt64> {
            let order = order(located, seed)
            #expect(Set(order[..<2]) == [0, 1] && order[2] == 2 && Set(order[3...]) == [3, 4, 5])
            #expect(order == self.order(located, seed))
        }
    }

    @Test func `name servers rotate their records: the order in which they come does not count`() {
        let located = Self.located([(0, 10), (0, 0), (0, 20), (0, 0), (1, 0), (1, 0), (1, 0)])
        let rotated = [located[2], located[3], located[0], located[1], located[6], located[4], located[5]]
        for seed in 0..<200 as Range<UInt64> { #expect(order(located, seed) == order(rotated, seed)) }
    }

    @Test(arguments: [[60, 20, 20], [1, 3], [0, 100], [65535, 65535], [0, 0, 0, 0]] as [[UInt16]])
    func `each comes first as often as its weight says, without weights all do alike`(weights: [UInt16]) {
        let located = Self.located(weights.map { (0, $0) })
        let weights = weights.contains { $0 > 0 } ? weights : weights.map { _ in 1 }
        let total = weights.reduce(0.0) { $0 + Double($1) }
        var firsts = Array(repeating: 0, count: weights.count)
        for seed in 0..<20_000 as Range<UInt64> { firsts[order(located, seed &* 0x9e37)[0]] += 1 }
        for (count, weight) in zip(firsts, weights) {
            #expect(abs(Double(count) / 20_000 - Double(weight) / total) < 0.015)
        }
    }
}
