import NetworkTypes
import Testing

@testable import sallyport

@Suite("Refusals in the log")
struct RefusalLogTests {
    @Test("Of each reason a few have a line, the others are counted")
    func flood() {
        var log = RefusalLog()
        _ = log.summary(at: .zero)
        var lines = 0
        for _ in 0..<5000 { lines += log.admits("overloaded") ? 1 : 0 }
        #expect(lines == RefusalLog.mostLines)
        let other = log.admits("486 Busy Here")
        #expect(other)
        let early = log.summary(at: .zero + .seconds(9))
        #expect(early.isEmpty)
        let summary = log.summary(at: .zero + .seconds(10))
        #expect(summary.map(\.reason) == ["overloaded"] && summary.map(\.count) == [4990])
        let again = log.admits("overloaded")
        #expect(again)
        let quiet = log.summary(at: .zero + .seconds(20))
        #expect(quiet.isEmpty)
    }

    @Test("Invented reasons share what is left (security 31)")
    func reasons() {
        var log = RefusalLog()
        var lines = 0
        for number in 0..<100_000 { lines += log.admits("\(number)") ? 1 : 0 }
        #expect(lines <= 64 + RefusalLog.mostLines)
    }
}
