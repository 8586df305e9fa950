import Foundation

/// The result of `sallyport-bench compare`.
struct CompareReport: Codable {
    var calls: Int
    var relays: [Relay]

    struct Relay: Codable {
        var name: String
        var rates: [Rate]
        /// What it costs to receive and drop, at the first rate, where media is encrypted.
        var drops: [Drop]
        /// Packets a second without loss; at least so many when the generator could not send more.
        var most: Double?
        var mostIsGeneratorsLimit: Bool?
        var bytesPerCall: Double
    }

    /// The rounds of packets that are not to be forwarded.
    struct Drop: Codable {
        var damage: SecureAudio.Damage
        var rate: Rate
        /// Packets that came out at the other end all the same.
        var forwarded: UInt64
    }

    /// The rounds at one rate.
    struct Rate: Codable {
        var packetsPerSecond: Double
        /// CPU seconds per million packets in each round, which are microseconds a packet.
        var cost: [Double]
        var sent: UInt64
        var lost: UInt64
        /// Packets that came and should not have: another call's, doubled, from elsewhere, not authentic.
        var wrong: UInt64
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
        let isSecure = contestants.contains { $0.streams.contains { $0.security != nil } }
        let damages = isSecure ? SecureAudio.Damage.allCases : []
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
            for damage in damages {
                for contestant in contestants {
                    let result = try contest.measure(contestant, rate: rates[0], for: seconds, damage: damage)
                    measurements["\(contestant.name) \(damage)", default: []].append(result)
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
                drops: damages.map { Drop($0, rates[0], measurements["\(contestant.name) \($0)"] ?? []) },
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
        wrong = measurements.reduce(0) { $0 + $1.wrong }
        isGeneratorsLimit = measurements.contains(where: \.isGeneratorsLimit)
    }
}

extension CompareReport.Drop {
    init(_ damage: SecureAudio.Damage, _ rate: Double, _ measurements: [RelayContest.Measurement]) {
        self.damage = damage
        self.rate = CompareReport.Rate(rate, measurements)
        // The sender's count is not what came; what was lost is what did not come.
        forwarded = self.rate.sent - min(self.rate.sent, self.rate.lost) + self.rate.wrong
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
        return ([Self.aligned(rows)] + drops + delays + [note]).joined(separator: "\n")
    }

    private var drops: [String] {
        relays.flatMap { relay in
            relay.drops.map { "\(relay.name), packets with a wrong \($0.damage): \($0.rate.text($0.forwarded))" }
        }
    }

    private var delays: [String] {
        relays.flatMap { relay in
            relay.rates.map { rate in
                "\(relay.name) at \(Int(rate.packetsPerSecond)) packets/s: \(Int(1e6 / max(rate.medianCost, 0.001))) a core, "
                    + "one way: \(rate.oneWay.text)"
            }
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
    private var range: String {
        String(format: "%.1f µs (%.1f–%.1f)", medianCost, cost.min() ?? 0, cost.max() ?? 0)
    }

    /// Of packets that are to be dropped.
    fileprivate func text(_ forwarded: UInt64) -> String {
        range + (forwarded > 0 ? ", \(forwarded) forwarded" : ", all dropped")
    }

    fileprivate var text: String {
        let limit = isGeneratorsLimit ? " generator's limit" : ""
        return range + (wrong > 0 ? ", \(wrong) wrong" : "")
            + (lost > 0 ? String(format: ", lost %.3f %%", Double(lost) * 100 / Double(max(1, sent))) : "")
            + limit
    }
}
