import Foundation
import Testing

@testable import OutboundProxy

/// The suite makes 3,000 calls; `SALLYPORT_INBOUND=100000` that many.
@Suite struct InboundStormTests {
    static let count = ProcessInfo.processInfo.environment["SALLYPORT_INBOUND"].flatMap { Int($0) } ?? 3_000

    @Test func `50 trunks, half of them stripping or reordering parameters: no call to a wrong trunk or PBX`() {
        var storm = InboundStorm(count: 50)
        #expect(storm.failures == [])
        let changing = storm.trunks.count { $0.habit != .keeps && $0.habit != .gateway }
        #expect(changing >= 25 && Set(storm.trunks.map(\.habit)).count == InboundStorm.Habit.allCases.count)
        for _ in 0..<Self.count where storm.failures.count < 5 { storm.call() }
        #expect(storm.failures == [])
    }
}
