import NetworkTypes
import Testing

@Suite("High water")
struct HighWaterTests {
    @Test("a table is rebuilt once after a rush, when an eighth of it is left")
    func rush() {
        var highWater = HighWater()
        highWater.note(1600)
        highWater.note(300)
        let ebbs = [200, 199, 0].map { highWater.hasEbbed(to: $0) }
        #expect(ebbs == [false, true, false])
    }

    @Test("a few entries are no rush")
    func noRush() {
        var highWater = HighWater()
        highWater.note(1023)
        let hasEbbed = highWater.hasEbbed(to: 0)
        #expect(!hasEbbed)
    }

    @Test("a shrunk dictionary has its entries and little room besides")
    func dictionary() {
        var table = Dictionary(uniqueKeysWithValues: (0..<10_000).map { ($0, "\($0)") })
        for key in 10..<10_000 { table[key] = nil }
        #expect(table.capacity >= 10_000)
        table.shrink()
        #expect(table == Dictionary(uniqueKeysWithValues: (0..<10).map { ($0, "\($0)") }))
        #expect(table.capacity < 100)
    }
}
