import NetworkTypes
import RTP
import Testing

@Suite("Loss, disorder and jitter (RFC 3550 appendix A)")
struct SequenceTrackerTests {
    private func header(_ number: Int, payloadType: UInt8 = 0, timestamp: Int? = nil, ssrc: UInt32 = 7) -> RTPHeader {
        RTPHeader(
            payloadType: payloadType, sequenceNumber: UInt16(truncatingIfNeeded: number),
            timestamp: UInt32(truncatingIfNeeded: timestamp ?? number * 160), ssrc: ssrc)
    }

    private func track(_ numbers: [Int]) -> SequenceTracker {
        let tracker = SequenceTracker()
        for (index, number) in numbers.enumerated() {
            tracker.receive(header(number), at: Instant(nanoseconds: Int64(index) * 20_000_000))
        }
        return tracker
    }

    /// Sequence numbers as they came, lost, out of order.
    private static let arrivals: [([Int], UInt64, UInt64)] = [
        ([1], 0, 0), ([1, 2, 3], 0, 0), ([1, 2, 4], 1, 0), ([1, 5], 3, 0), ([1, 3, 2, 4], 0, 1), ([1, 2, 2, 3], 0, 0),
        ([1, 4, 4], 1, 0), ([1, 3, 2, 2, 6], 1, 2), ([65_534, 65_535, 65_536, 65_537], 0, 0), ([65_534, 65_537], 2, 0),
        ([65_535, 65_537, 65_536], 0, 1), ([65_530, 65_540, 65_535], 8, 1),
        // A jump is a restart when the next number follows it, and nothing at all when it doesn't.
        ([1, 2, 30_000, 30_001, 30_002], 0, 0), ([1, 2, 30_000, 3, 4], 0, 0), ([1, 3, 30_000, 30_001, 30_003], 2, 0),
        ([1, 2_000, 2_001], 1_998, 0),
    ]

    @Test("Gaps are losses, late packets are disorder, jumps are restarts", arguments: arrivals)
    func orders(_ numbers: [Int], _ lost: UInt64, _ outOfOrder: UInt64) {
        let tracker = track(numbers)
        #expect(tracker.lost == lost)
        #expect(tracker.outOfOrder == outOfOrder)
    }

    @Test("Numbers wrap without loss over five rounds")
    func wraps() {
        let tracker = track(Array(0..<330_000))
        #expect(tracker.lost == 0)
        #expect(tracker.outOfOrder == 0)
    }

    @Test("One packet in ten missing over a wrap counts exactly")
    func tenth() {
        let tracker = track((0..<100_001).filter { $0 % 10 != 5 })
        #expect(tracker.lost == 10_000)
    }

    @Test("A new source keeps what the old one lost")
    func newSource() {
        let tracker = SequenceTracker()
        for (number, ssrc) in [(1, 7), (4, 7), (900, 8), (902, 8)] as [(Int, UInt32)] {
            tracker.receive(header(number, ssrc: ssrc), at: .zero)
        }
        #expect(tracker.lost == 3)
    }

    /// A stream with packets every 20 ms, each late by what `lateness` says.
    private func jitter(clock: Int, payloadType: UInt8, lateness: (Int) -> Int64, count: Int = 2_000) -> UInt32 {
        let tracker = SequenceTracker()
        for number in 0..<count {
            let arrival = Instant(nanoseconds: Int64(number) * 20_000_000 + lateness(number))
            let timestamp = number * clock / 50
            tracker.receive(header(number, payloadType: payloadType, timestamp: timestamp), at: arrival)
        }
        return tracker.jitter
    }

    @Test("A regular stream has no jitter, whatever its clock", arguments: [(0, 8_000), (96, 16_000), (111, 48_000)])
    func regular(_ payloadType: UInt8, _ clock: Int) {
        #expect(jitter(clock: clock, payloadType: payloadType, lateness: { _ in 0 }) <= 1)
    }

    @Test(
        "Packets 0 and 5 ms late by turns have a jitter of 5 ms",
        arguments: [(8 as UInt8, 8_000), (96, 8_000), (97, 16_000), (98, 32_000), (111, 48_000), (99, 90_000)])
    func alternating(_ payloadType: UInt8, _ clock: Int) {
        let measured = jitter(clock: clock, payloadType: payloadType) { $0 % 2 == 0 ? 0 : 5_000_000 }
        let expected = Double(clock) * 0.005
        #expect(abs(Double(measured) - expected) <= expected * 0.05 + 1)
    }

    @Test("A telephone event in between is no jitter")
    func event() {
        let tracker = SequenceTracker()
        var number = 0
        for packet in 0..<500 {
            let isEvent = (200..<210).contains(packet)
            let timestamp = isEvent ? 200 * 160 : packet * 160
            let arrival = Instant(nanoseconds: Int64(packet) * 20_000_000)
            tracker.receive(header(number, payloadType: isEvent ? 101 : 0, timestamp: timestamp), at: arrival)
            number += 1
        }
        #expect(tracker.jitter == 0)
        #expect(tracker.lost == 0)
    }

    @Test("No timestamp traps, and jitter stays finite")
    func wildTimestamps() {
        let tracker = SequenceTracker()
        var random = SystemRandomNumberGenerator()
        var now = Instant.zero
        for number in 0..<20_000 {
            let wild = Int(truncatingIfNeeded: UInt64.random(in: 0 ... .max, using: &random))
            tracker.receive(header(number, payloadType: UInt8(wild & 0x7f), timestamp: wild), at: now)
            now = now + .nanoseconds(Int64.random(in: 0...40_000_000_000, using: &random))
        }
        #expect(tracker.jitter < 10 * 90_000)
    }
}
