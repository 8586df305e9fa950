import Foundation

/// The result of `sallyport-bench compare`.
struct CompareReport: Codable {
    var calls: Int
    var relays: [Relay]

    struct Relay: Codable {
        var name: String
        var rates: [Rate]
        /// Packets a second without loss; at least so many when the generator could not send more.
        var most: Double?
        var mostIsGeneratorsLimit: Bool?
        var bytesPerCall: Double
    }

    /// The rounds at one rate.
    struct Rate: Codable {
        var packetsPerSecond: Double
        /// CPU seconds per million packets in each round, which are microseconds a packet.
        var cost: [Double]
        var sent: UInt64
        var lost: UInt64
        /// The one-way times of the last round.
        var oneWay: Times
        var isGeneratorsLimit: Bool

        var medianCost: Double {
            let sorted = cost.sorted()
            guard !sorted.isEmpty else { return 0 }
            return (sorted[sorted.count / 2] + sorted[(sorted.count - 1) / 2]) / 2
        }
    }

    /// Measures: every round takes each relay at each rate in turn, so that a noisy minute hits all of them.
    init(
        _ contest: RelayContest, _ contestants: [RelayContest.Contestant], rates: [Double], seconds: Duration,
        rounds: Int, mostFrom: Double
    ) throws {
        calls = (contestants.first?.streams.count ?? 0) / 2
        for contestant in contestants { _ = try contest.measure(contestant, rate: 5000, for: .seconds(1)) }
        var measurements: [String: [RelayContest.Measurement]] = [:]
        for _ in 0..<rounds {
            for rate in rates {
                for contestant in contestants {
                    let result = try contest.measure(contestant, rate: rate, for: seconds)
                    measurements["\(contestant.name) \(rate)", default: []].append(result)
                }
            }
        }
        relays = try contestants.map { contestant in
            let most =
                mostFrom > 0 ? try contest.most(contestant, from: mostFrom, for: min(seconds, .seconds(3))) : nil
            let used = contestant.memoryAtMost - min(contestant.memoryAtMost, contestant.memoryBefore)
            return Relay(
                name: contestant.name,
                rates: rates.map { Rate($0, measurements["\(contestant.name) \($0)"] ?? []) },
                most: most?.rate, mostIsGeneratorsLimit: most?.isGeneratorsLimit,
                bytesPerCall: Double(used) / Double(max(1, contestant.streams.count / 2)))
        }
    }
}

extension CompareReport.Rate {
    init(_ rate: Double, _ measurements: [RelayContest.Measurement]) {
        packetsPerSecond = rate
        cost = measurements.map(\.cpuSecondsPerMillionPackets)
        sent = measurements.reduce(0) { $0 + $1.sent }
        lost = measurements.reduce(0) { $0 + $1.lost }
        oneWay = measurements.last?.oneWay ?? Times(LatencyHistogram())
        isGeneratorsLimit = measurements.contains(where: \.isGeneratorsLimit)
    }
}

// MARK: In words

extension CompareReport {
    /// A table with a row per relay, and the ratio of the first to the second.
    var summary: String {
        var rows = [["\(calls) calls"] + (relays.first?.rates ?? []).map { "\(Int($0.packetsPerSecond)) packets/s" }]
        rows[0] += ["most without loss", "memory"]
        rows += relays.map(\.row)
        if relays.count == 2 { rows.append(Self.ratios(relays[0], relays[1])) }
        let note =
            "Cost is CPU time per packet: median of the rounds, and the least and the most. Ratios are Sallyport's."
        return ([Self.aligned(rows)] + delays + [note]).joined(separator: "\n")
    }

    private var delays: [String] {
        relays.flatMap { relay in
            relay.rates.map { "\(relay.name) at \(Int($0.packetsPerSecond)) packets/s, one way: \($0.oneWay.text)" }
        }
    }

    private static func ratios(_ a: Relay, _ b: Relay) -> [String] {
        let costs = zip(a.rates, b.rates).map { ratio($0.medianCost, $1.medianCost) }
        return ["ratio"] + costs + [ratio(a.most, b.most), ratio(a.bytesPerCall, b.bytesPerCall)]
    }

    private static func ratio(_ a: Double?, _ b: Double?) -> String {
        guard let a, let b, b > 0 else { return "-" }
        return String(format: "%.2f", a / b)
    }

    private static func aligned(_ rows: [[String]]) -> String {
        let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).map { $0.padding(toLength: $1 + 2, withPad: " ", startingAt: 0) }.joined()
        }.joined(separator: "\n")
    }
}

extension CompareReport.Relay {
    fileprivate var row: [String] {
        let limit = mostIsGeneratorsLimit == true ? "at least " : ""
        return [name] + rates.map(\.text) + [
            most.map { $0 > 0 ? "\(limit)\(Int($0))/s" : "not found" } ?? "-",
            String(format: "%.1f kB a call", bytesPerCall / 1000),
        ]
    }
}

extension CompareReport.Rate {
    fileprivate var text: String {
        let range = String(format: "%.1f µs (%.1f–%.1f)", medianCost, cost.min() ?? 0, cost.max() ?? 0)
        let limit = isGeneratorsLimit ? " generator's limit" : ""
        return range + (lost > 0 ? String(format: ", lost %.3f %%", Double(lost) * 100 / Double(max(1, sent))) : "")
            + limit
    }
}
