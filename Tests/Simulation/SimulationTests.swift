import Foundation
import Testing

/// Calls over a network that loses, doubles, delays, reorders and parts, with hosts that die and return: in each run
/// every transaction ends as the RFCs say, and nothing is left over.
///
/// `SALLYPORT_SEEDS=10000` runs so many, `SALLYPORT_SEED=n` one, with its ladder.
@Suite struct SimulationTests {
    static let environment = ProcessInfo.processInfo.environment
    static let count = environment["SALLYPORT_SEEDS"].flatMap { UInt64($0) } ?? 200
    static let only = environment["SALLYPORT_SEED"].flatMap { UInt64($0) }

    /// The seeds in portions of a size that two cores can share.
    static let portions: [Range<UInt64>] =
        only.map { [$0..<($0 + 1)] }
        ?? stride(from: 0, to: count, by: 50).map { $0..<min($0 + 50, count) }

    @Test(arguments: portions)
    func `every transaction ends as the RFCs say, and nothing is left over`(seeds: Range<UInt64>) {
        for seed in seeds {
            let simulation = Simulation(seed: seed, isTraced: Self.only != nil)
            let violations = simulation.run()
            if let trace = simulation.world.trace { print(trace.lines.joined(separator: "\n")) }
            guard !violations.isEmpty else { continue }
            Issue.record(
                """
                seed \(seed) (\(simulation.world.weather)):
                \(violations.joined(separator: "\n"))
                Replay: SALLYPORT_SEED=\(seed) swift test --filter SimulationTests
                """)
        }
    }

    @Test func `a seed gives the same run again`() {
        for seed in UInt64(0)..<8 {
            let runs = (0..<2).map { _ in
                let simulation = Simulation(seed: seed)
                _ = simulation.run()
                return simulation.world.digest.value
            }
            #expect(runs[0] == runs[1])
        }
    }
}
