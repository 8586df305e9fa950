import Foundation

/// The result of `sallyport-bench call`: what `--json` prints, and the source of the summary in words.
struct CallReport: Codable {
    var attempted: Int
    var answered: Int
    var outcomes: [String: Int]
    var failed: Int
    var failures: [Scoreboard.FailureReason]
    var seconds: Double
    var retransmissions: Int
    var strayMessages: Int

    var setUp: Times
    var packets: Packets
    var oneWay: Times
    /// Tones heard by callers and by answerers, of so many that listened; nil when no tones were played.
    var tones: Tones?
    var registered: Bool?
    var proxy: ProxyCost?
    var generator: Generator
    var passed: Bool

    struct Packets: Codable {
        var sent: UInt64
        var received: UInt64
        var lost: UInt64
        var duplicates: UInt64
        var reordered: UInt64
        var fromWrongAddress: UInt64
        var ofWrongCall: UInt64
        var reportsSent: UInt64
        var reportsReceived: UInt64
    }

    struct Tones: Codable {
        var callersListening: Int
        var callersHearing: Int
        var answerersListening: Int
        var answerersHearing: Int

        var allHeard: Bool { callersHearing == callersListening && answerersHearing == answerersListening }
    }

    struct ProxyCost: Codable {
        var cpuMillisecondsPerCall: Double
        var cpuSecondsPerMillionPackets: Double?
        var memoryBefore: UInt64
        var memoryAtMost: UInt64
        var memoryAfter: UInt64
        var bytesPerCall: Double?
        var descriptorsBefore: Int
        var descriptorsAtMost: Int
        var descriptorsAfter: Int
    }

    struct Generator: Codable {
        var worstDelayMilliseconds: Double
        var skippedSlices: Int64
        var droppedAtOwnSockets: UInt64
        var refusedByOwnKernel: UInt64
        /// The share of one core that the generator needed.
        var cpuShare: Double
    }
}

/// Percentiles of times, in milliseconds.
struct Times: Codable {
    var count: UInt64
    var p50: Double?
    var p99: Double?
    var p999: Double?
    var largest: Double?

    init(_ histogram: LatencyHistogram) {
        func milliseconds(_ fraction: Double) -> Double? { histogram.percentile(fraction).map { Double($0) / 1e6 } }
        count = histogram.count
        (p50, p99, p999) = (milliseconds(0.5), milliseconds(0.99), milliseconds(0.999))
        largest = count > 0 ? Double(histogram.largest) / 1e6 : nil
    }

    /// `p50 1.20 ms, p99 5.31 ms`, in microseconds below a millisecond.
    var text: String {
        guard let p50, let p99, let p999, let largest else { return "nothing measured" }
        return "p50 \(Self.text(p50)), p99 \(Self.text(p99)), p99.9 \(Self.text(p999)), most \(Self.text(largest))"
    }

    static func text(_ milliseconds: Double) -> String {
        milliseconds < 1
            ? String(format: "%.0f µs", milliseconds * 1000) : String(format: "%.2f ms", milliseconds)
    }
}

extension Encodable {
    /// The value as indented JSON.
    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}
