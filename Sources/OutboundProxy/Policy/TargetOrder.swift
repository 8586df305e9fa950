import NetworkTypes

/// The order in which targets are tried: by rank, and within a rank as RFC 2782's weights have it.
///
/// The draw is made by a seed, not at random: all requests of a Call-ID draw the same, so that an ACK or a repeated
/// request meets the server that knows it (design §5).
enum TargetOrder {
    /// The targets of a location, which come by rising rank.
    static func ordered(_ located: [LocatedTarget], seed: UInt64) -> [Target] {
        var draw = Draw(state: seed)
        var out: [Target] = []
        out.reserveCapacity(located.count)
        var start = 0
        while start < located.count {
            let end = located[start...].firstIndex { $0.rank != located[start].rank } ?? located.count
            append(located[start..<end], to: &out, &draw)
            start = end
        }
        return out
    }

    /// Draws one after the other: who has more weight comes first more often; without weights all come first alike.
    private static func append(_ group: ArraySlice<LocatedTarget>, to out: inout [Target], _ draw: inout Draw) {
        guard group.count > 1 else { return out.append(contentsOf: group.map(\.target)) }
        let isWeighted = group.contains { $0.weight > 0 }
        // Those without weight stand first and are drawn by 0 alone (RFC 2782, "Weight"). Name servers rotate their
        // records: their order must not count.
        var left = group.map { (target: $0.target, weight: isWeighted ? UInt64($0.weight) : 1) }
            .sorted { one, other in
                let hasWeight = (one.weight > 0, other.weight > 0)
                return hasWeight.0 == hasWeight.1 ? one.target.key < other.target.key : hasWeight.1
            }
        var total = left.reduce(0) { $0 + $1.weight }
        while total > 0 {
            // Without any of those 0 would only favour the first.
            let least: UInt64 = left.first?.weight == 0 ? 0 : 1
            var number = least + draw.next() % (total + 1 - least)
            let index = left.firstIndex { candidate in
                if number <= candidate.weight { return true }
                number -= candidate.weight
                return false
            }
            let chosen = left.remove(at: index ?? left.count - 1)
            total -= chosen.weight
            out.append(chosen.target)
        }
        out.append(contentsOf: left.map(\.target))
    }

    /// SplitMix64: numbers from a seed.
    private struct Draw {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
            return z ^ z >> 31
        }
    }
}

extension Target {
    /// What targets are sorted by.
    fileprivate var key: (UInt64, UInt64, UInt16, UInt8) {
        (address.ip.high, address.ip.low, address.port, transport.rawValue)
    }
}
