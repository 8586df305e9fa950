import NetworkTypes
import RTP
import Testing

@Suite("E-model (G.107)")
struct EModelTests {
    @Test(
        "Ratings that G.107 and G.113 give for delay and loss",
        arguments: [
            // The default: no delay, no loss, G.711.
            (Codec.pcmu, 0.0, 0.0, 93.2, 0.1), (.pcma, 0, 100, 90.9, 1), (.pcma, 0, 150, 89.5, 1),
            (.pcma, 0, 400, 64, 3),
            // Ie of the codec.
            (.g729, 0, 0, 82.2, 0.1), (.g7231, 0, 0, 78.2, 0.1), (.gsm, 0, 0, 73.2, 0.1),
            // Ie,eff at 1, 5 and 100 % of random loss: 95 P / (P + Bpl).
            (.pcma, 0.01, 0, 89.6, 0.1), (.pcma, 0.05, 0, 77.4, 0.1), (.g729, 0.02, 0, 74.2, 0.1),
            (.pcma, 1, 0, 17.2, 0.5),
        ] as [(Codec, Double, Double, Double, Double)])
    func ratings(_ codec: Codec, _ loss: Double, _ delay: Double, _ expected: Double, _ margin: Double) {
        #expect(abs(EModel.rating(codec, loss: loss, delay: delay) - expected) <= margin)
    }

    @Test(
        "Scores of ratings (annex B)",
        arguments: [
            (93.2, 4.41), (90, 4.34), (80, 4.02), (70, 3.60), (60, 3.10), (50, 2.58), (0, 1), (-5, 1), (100, 4.5),
        ])
    func scores(_ rating: Double, _ expected: Double) {
        #expect(abs(EModel.score(rating: rating) - expected) < 0.01)
    }

    @Test("More loss or more delay is never better, and a score stays on its scale")
    func monotonous() {
        for codec in Codec.allCases {
            var before = 5.0
            for loss in stride(from: 0.0, through: 1.0, by: 0.01) {
                let score = EModel.score(codec, loss: loss, delay: 20)
                #expect(score <= before && score >= 1)
                before = score
            }
            before = 5
            for delay in stride(from: 0.0, through: 12_000, by: 50) {
                let score = EModel.score(codec, loss: 0, delay: delay)
                #expect(score <= before + 0.01 && score >= 1)
                before = score
            }
        }
        #expect(EModel.score(.pcmu, loss: 7, delay: -3) >= 1)
    }

    @Test("Jitter is told in milliseconds by the clock of the payload type; events don't change the codec")
    func jitter() {
        let tracker = SequenceTracker()
        tracker.describe([
            PayloadFormat(payloadType: 96, codec: .opus, clockRate: 48_000),
            PayloadFormat(payloadType: 101, codec: .telephoneEvent, clockRate: 48_000),
        ])
        #expect(tracker.codec == nil)
        for number in 0..<2_000 {
            let late: Int64 = number % 2 == 0 ? 0 : 4_000_000
            let header = RTPHeader(
                payloadType: 96, sequenceNumber: UInt16(number), timestamp: UInt32(number) * 960, ssrc: 7)
            tracker.receive(header, at: Instant(nanoseconds: Int64(number) * 20_000_000 + late))
        }
        #expect(abs(tracker.jitterMilliseconds - 4) < 0.1)
        #expect(tracker.milliseconds(of: 480) == 10)
        let event = RTPHeader(payloadType: 101, sequenceNumber: 2_000, timestamp: 1, ssrc: 7)
        tracker.receive(event, at: Instant(nanoseconds: 40_000_000_000))
        #expect(tracker.codec == .opus)
        let narrow = RTPHeader(payloadType: 8, sequenceNumber: 2_001, timestamp: 1, ssrc: 7)
        tracker.receive(narrow, at: Instant(nanoseconds: 40_020_000_000))
        #expect(tracker.codec == .pcma && abs(tracker.jitterMilliseconds - 4) < 0.3)
    }
}
