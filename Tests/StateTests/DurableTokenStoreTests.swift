import Dispatch
import OutboundProxy
import Reactor
import TLS
import Testing

@testable import sallyport

@Suite("Durable token store")
struct DurableTokenStoreTests {
    /// A calendar that the test turns.
    final class Calendar: Sendable {
        private let value = Guarded<UInt32>(20_000)
        var day: UInt32 { value.withLock { $0 } }
        func advance(days: UInt32) { value.withLock { $0 += days } }
    }

    let directory: TemporaryDirectory
    let calendar = Calendar()

    init() throws { directory = try TemporaryDirectory() }

    func open(limit: Int = 1 << 20) throws -> DurableTokenStore {
        try DurableTokenStore(path: directory["t"], isOwner: true, limit: limit) { [calendar] in calendar.day }
    }

    static func handle(_ number: Int) throws -> TokenHandle {
        var octets = [UInt8](repeating: 0, count: 16)
        (octets[0], octets[15]) = (UInt8(number >> 8), UInt8(number & 0xff))
        return try #require(TokenHandle(octets[...]))
    }

    @Test("keeps originals across a restart")
    func restart() throws {
        let store = try open()
        store.keep([1, 2, 3], under: try Self.handle(1))
        store.keep([], under: try Self.handle(2))
        #expect(store.original(under: try Self.handle(1)) == [1, 2, 3])
        store.flush()
        let later = try open()
        #expect(later.count == 2)
        #expect(later.original(under: try Self.handle(1)) == [1, 2, 3])
        #expect(later.original(under: try Self.handle(2)) == [])
        #expect(later.original(under: try Self.handle(3)) == nil)
    }

    @Test("writes an original once a day, however often it is used")
    func writesOnce() throws {
        let store = try open()
        let size = {
            store.flush()
            return try directory.bytes("t").count
        }
        store.keep([1], under: try Self.handle(1))
        let once = try size()
        for _ in 0..<1000 { store.keep([1], under: try Self.handle(1)) }
        #expect(try size() == once)
        calendar.advance(days: 1)
        store.keep([1], under: try Self.handle(1))
        #expect(try size() > once)
    }

    @Test("forgets at a start what was not used for 30 days, and rewrites the file")
    func expiry() throws {
        let store = try open()
        store.keep([1], under: try Self.handle(1))
        store.keep([2], under: try Self.handle(2))
        calendar.advance(days: 10)
        store.keep([2], under: try Self.handle(2))
        store.flush()
        calendar.advance(days: 20)
        let kept = try open()
        #expect(kept.count == 2)
        kept.flush()
        calendar.advance(days: 1)
        let later = try open()
        #expect(later.count == 1)
        #expect(later.original(under: try Self.handle(2)) == [2])
        later.flush()
        let text = String(decoding: try directory.bytes("t"), as: UTF8.self)
        #expect(text.split(separator: "\n").count == 2, "the header and one record")
    }

    @Test("lets the longest unused go when space runs out, now and at the next start")
    func eviction() throws {
        let store = try open(limit: 1000)
        for number in 0..<10 {
            store.keep([UInt8](repeating: 1, count: 100), under: try Self.handle(number))
            calendar.advance(days: 1)
        }
        #expect(store.count == 10)
        store.keep([UInt8](repeating: 1, count: 100), under: try Self.handle(10))
        #expect(store.count == 9)
        #expect(store.original(under: try Self.handle(1)) == nil)
        #expect(store.original(under: try Self.handle(2)) != nil)
        #expect(store.original(under: try Self.handle(10)) != nil)
        store.flush()
        #expect(try open(limit: 500).count == 4)
    }

    @Test("compacts a file that has grown, and loses nothing")
    func growth() throws {
        let store = try open()
        let original = [UInt8](repeating: 1, count: 4000)
        for _ in 0..<150 {
            for number in 0..<4 { store.keep(original, under: try Self.handle(number)) }
            store.flush()
            calendar.advance(days: 1)
        }
        #expect(try directory.bytes("t").count < 2 << 20, "150 days of 4 originals are 3.2 MB")
        #expect(try open().count == 4)
    }

    @Test("serves many threads")
    func concurrency() throws {
        let store = try open()
        let handles = try (0..<400).map { try Self.handle($0) }
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            for (number, handle) in handles.enumerated() {
                store.keep([UInt8(number & 0xff)], under: handle)
                _ = store.original(under: handle)
            }
        }
        store.flush()
        #expect(try open().count == 400)
    }
}
