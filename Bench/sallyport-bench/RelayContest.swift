import NetworkTypes

/// Sends the same RTP through several relays in turn and measures what each needs for it.
final class RelayContest {
    /// A relay with its calls set up.
    final class Contestant {
        let name: String
        let pid: Int32
        let streams: [RTPStream]
        /// Memory before the calls and with all of them in use.
        let memoryBefore: UInt64
        var memoryAtMost: UInt64 = 0

        init(name: String, pid: Int32, streams: [RTPStream], memoryBefore: UInt64) {
            self.name = name
            self.pid = pid
            self.streams = streams
            self.memoryBefore = memoryBefore
        }
    }

    /// One relay at one rate for a while.
    struct Measurement {
        var rate: Double
        var sent: UInt64 = 0
        var lost: UInt64 = 0
        var cpuSecondsPerMillionPackets = 0.0
        var oneWay: Times
        /// Packets that came and should not have.
        var wrong: UInt64 = 0
        /// The generator could not send as fast as asked, or lost packets at its own sockets.
        var isGeneratorsLimit = false
    }

    private let loop: LoadLoop
    private let report: (String) -> Void
    private static let settling: Duration = .milliseconds(300)
    private static let draining: Duration = .milliseconds(500)

    init(loop: LoadLoop, report: @escaping (String) -> Void) {
        self.loop = loop
        self.report = report
    }

    /// Sends `rate` packets a second, over all streams of the contestant, for `duration`; packets that are to be dropped
    /// only over those that are encrypted.
    func measure(
        _ contestant: Contestant, rate: Double, for duration: Duration, damage: SecureAudio.Damage? = nil
    ) throws -> Measurement {
        let media = loop.media
        let senders = damage == nil ? contestant.streams : contestant.streams.filter { $0.security != nil }
        media.pace(frame: .nanoseconds(Int64(Double(senders.count) * 1e9 / rate)))
        media.damage = damage
        media.latency = LatencyHistogram()
        let dropsBefore = media.ownDrops()
        let now = Instant.now
        for stream in contestant.streams { stream.resetCounters() }
        for stream in senders { media.start(stream, frames: .max, at: now) }
        loop.run(for: Self.settling)
        let (begin, sentBefore, startedAt) = (ProcessUsage(of: contestant.pid), sent(contestant), Instant.now)
        loop.run(for: duration)
        let (end, sentAfter, endedAt) = (ProcessUsage(of: contestant.pid), sent(contestant), Instant.now)
        media.stopSending()
        loop.run(for: Self.draining)
        guard let begin, let end else { throw BenchFailure("\(contestant.name) died during the run") }
        contestant.memoryAtMost = max(contestant.memoryAtMost, end.memoryBytes)

        let packets = sentAfter - sentBefore
        let achieved = Double(packets) / (endedAt - startedAt).seconds
        let (total, lost) = (sent(contestant), contestant.streams.reduce(0) { $0 + $1.lost })
        let ownDrops = media.ownDrops() - dropsBefore
        let measurement = Measurement(
            rate: rate, sent: total, lost: lost,
            cpuSecondsPerMillionPackets: (end.cpuSeconds - begin.cpuSeconds) * 1e6 / Double(max(1, packets)),
            oneWay: Times(media.latency), wrong: contestant.streams.reduce(0) { $0 + $1.received.wrong },
            isGeneratorsLimit: achieved < 0.97 * rate || ownDrops > 0)
        describe(contestant, measurement, damage)
        return measurement
    }

    private func sent(_ contestant: Contestant) -> UInt64 { contestant.streams.reduce(0) { $0 + $1.sent } }

    private func describe(
        _ contestant: Contestant, _ measurement: Measurement, _ damage: SecureAudio.Damage?
    ) {
        let kind = damage.map { "packets with a wrong \($0)" } ?? "packets"
        let cost = String(describing: (measurement.cpuSecondsPerMillionPackets * 100).rounded() / 100)
        let arrived = measurement.sent - min(measurement.sent, measurement.lost)
        let outcome = damage == nil ? "\(measurement.lost) lost" : "\(arrived) forwarded"
        report(
            "\(contestant.name)  \(Int(measurement.rate)) \(kind)/s: \(cost) µs a packet, \(outcome)"
                + (measurement.isGeneratorsLimit ? " (the generator's limit)" : ""))
    }

    // MARK: The most without loss

    /// The most packets a second that a contestant relays without losing one.
    struct Most {
        var rate: Double
        /// The relay could do more than the generator can send.
        var isGeneratorsLimit: Bool
    }

    /// Steps up from `start` by a quarter until packets are lost, then looks between the last two rates.
    func most(_ contestant: Contestant, from start: Double, for duration: Duration) throws -> Most {
        var (good, bad) = (0.0, Double.infinity)
        var rate = start
        while bad > good * 1.06 {
            switch try trial(contestant, rate: rate, for: duration) {
            case .clean: good = rate
            case .lossy: bad = rate
            case .generatorsLimit: return Most(rate: good, isGeneratorsLimit: true)
            }
            if bad < 1000 { return Most(rate: 0, isGeneratorsLimit: false) }
            rate = bad.isFinite ? (good > 0 ? (good + bad) / 2 : bad / 2) : good * 1.25
        }
        return Most(rate: good, isGeneratorsLimit: false)
    }

    private enum Verdict { case clean, lossy, generatorsLimit }

    /// A rate has a second chance: on a shared machine a relay may lose its turn through no fault of its own.
    private func trial(_ contestant: Contestant, rate: Double, for duration: Duration) throws -> Verdict {
        var last = try measure(contestant, rate: rate, for: duration)
        if last.lost > 0 || last.isGeneratorsLimit { last = try measure(contestant, rate: rate, for: duration) }
        if last.isGeneratorsLimit { return .generatorsLimit }
        return last.lost == 0 ? .clean : .lossy
    }
}
