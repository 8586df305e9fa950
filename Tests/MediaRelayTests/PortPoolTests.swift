import Testing

@testable import MediaRelay

@Suite("Ports come in pairs and rest as long as they can")
struct PortPoolTests {
    @Test(
        "a range has its whole pairs",
        arguments: [
            (UInt16(10_000)...20_000, 5_000), (10_000...10_001, 1), (10_001...10_002, 0), (10_001...10_003, 1),
            (10_000...10_000, 0), (65_534...65_535, 1), (65_535...65_535, 0), (0...65_535, 32_767), (1...1, 0),
        ])
    func pairs(_ range: ClosedRange<UInt16>, _ count: Int) {
        var pool = PortPool(range)
        #expect(pool.pairCount == count)
        var taken: Set<UInt16> = []
        while let port = pool.take(isEmergency: true) {
            #expect(port % 2 == 0 && range.contains(port) && range.contains(port | 1))
            taken.insert(port)
        }
        #expect(taken.count == count)
        #expect(pool.freeCount == 0)
        for port in taken { pool.release(port) }
        #expect(pool.freeCount == count)
    }

    @Test("the pair that has been free for longest is taken next")
    func order() {
        var pool = PortPool(100...105)
        #expect([pool.take(), pool.take(), pool.take(), pool.take()] == [100, 102, 104, nil])
        pool.release(104)
        pool.release(100)
        #expect(pool.take() == 104)
        pool.release(102)
        pool.release(104)
        #expect([pool.take(), pool.take(), pool.take(), pool.take()] == [100, 102, 104, nil])
    }

    @Test("a pair that isn't taken can't be put back")
    func strays() {
        var pool = PortPool(100...103)
        pool.release(100)
        pool.release(98)
        pool.release(104)
        #expect(pool.freeCount == 2)
        let port = pool.take()
        #expect(port == 100)
        #expect(pool.isLive(100) && pool.isLive(101) && !pool.isLive(102) && !pool.isLive(99) && !pool.isLive(104))
        pool.release(101)
        pool.release(100)
        #expect(pool.freeCount == 2)
    }

    @Test("shards share the ports without overlap", arguments: [1, 2, 3, 7, 30])
    func shards(_ count: Int) {
        let settings = RelaySettings(inside: .init(), outside: .init(), ports: 10_001...10_044)
        var ports: [UInt16] = []
        for index in 0..<count {
            let shard = settings.shard(index, of: count)
            #expect(shard.allPorts == 10_001...10_044)
            var pool = PortPool(shard.ports)
            while let port = pool.take() { ports.append(port) }
        }
        #expect(ports == stride(from: 10_002, through: 10_042, by: 2).map { UInt16($0) })
    }
}
