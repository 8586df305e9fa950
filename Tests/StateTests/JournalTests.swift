import Dispatch
import Foundation
import Reactor
import Testing

@testable import sallyport

@Suite("Journal")
struct JournalTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// The journal, and the records that were in it when it was opened.
    func open(isOwner: Bool = true) throws -> (journal: Journal, records: [[UInt8]]) {
        var records: [[UInt8]] = []
        let journal = try Journal(path: directory["j"], isOwner: isOwner) { records.append($0) }
        return (journal, records)
    }

    static let samples: [[UInt8]] = [
        [], [0], Array("\n\n".utf8), Array("register".utf8), .init(repeating: 0xff, count: 60),
    ]

    @Test("gives its records back in order after a restart")
    func restart() throws {
        do {
            let (journal, records) = try open()
            #expect(records == [])
            for sample in Self.samples { journal.append(sample) }
            journal.flush()
            #expect(journal.trouble.failure == nil)
        }
        let (journal, records) = try open()
        #expect(records == Self.samples)
        #expect(journal.damaged == 0)
        #expect(try directory.mode(of: "j") == 0o600)
    }

    @Test("survives a tail that is cut off anywhere, and goes on behind it")
    func tornTail() throws {
        let (journal, _) = try open()
        for sample in Self.samples { journal.append(sample) }
        journal.flush()
        let whole = try directory.bytes("j")
        for length in 0..<whole.count {
            try directory.write(Array(whole.prefix(length)), to: "j")
            let (torn, before) = try open()
            #expect(Self.samples.starts(with: before))
            #expect(torn.damaged <= 1)
            torn.append([42])
            torn.flush()
            let (_, after) = try open()
            #expect(after == before + [[42]])
        }
    }

    @Test("loses at most the two records beside a damaged octet, and never makes one up")
    func damage() throws {
        let (journal, _) = try open()
        for sample in Self.samples { journal.append(sample) }
        journal.flush()
        let whole = try directory.bytes("j")
        for index in JournalFormat.header.count..<whole.count {
            for flip: UInt8 in [1, 0x20, 0x80] {
                var bytes = whole
                bytes[index] ^= flip
                let read = try #require(JournalFormat.records(in: bytes))
                #expect(read.records.count >= Self.samples.count - 2)
                #expect(read.records.allSatisfy { Self.samples.contains($0) })
            }
        }
    }

    @Test("refuses a file that is no journal", arguments: ["key: value\n", "sallyport journal 2\n", "\0"])
    func foreign(text: String) throws {
        try directory.write(Array(text.utf8), to: "j")
        let error = #expect(throws: StateError.self) { try open() }
        #expect(error?.description == "\(directory["j"]): is not a journal of ours")
        #expect(try directory.bytes("j") == Array(text.utf8))
    }

    @Test("holds what the snapshot says after a compaction, and what was appended since")
    func compaction() throws {
        let (journal, _) = try open()
        for _ in 0..<1000 { journal.append([1, 2, 3]) }
        journal.flush()
        let size = try directory.bytes("j").count
        journal.compact { [[7], [8]] }
        journal.flush()
        journal.append([9])
        journal.flush()
        #expect(try open().records == [[7], [8], [9]])
        #expect(try directory.bytes("j").count < size / 50)
        #expect(try directory.names() == ["j"])
        #expect(try directory.mode(of: "j") == 0o600)
    }

    @Test("is not compacted by a process that does not own it")
    func foreignCompaction() throws {
        let (journal, _) = try open(isOwner: false)
        journal.append([1])
        journal.compact { [] }
        journal.flush()
        #expect(try open().records == [[1]])
        #expect(!journal.wantsCompaction)
    }

    @Test("loses nothing when many threads append while it is compacted")
    func concurrency() throws {
        let (journal, _) = try open()
        let live = Guarded<Set<[UInt8]>>([])
        DispatchQueue.concurrentPerform(iterations: 4) { thread in
            for number in 0..<500 {
                let record = Array("\(thread) \(number)".utf8)
                live.withLock { _ = $0.insert(record) }
                journal.append(record)
                if number.isMultiple(of: 50) { journal.compact { live.withLock { Array($0) } } }
            }
        }
        journal.flush()
        #expect(Set(try open().records) == live.withLock { $0 })
    }

    @Test("says what the disk refused, and keeps what could be written")
    func failure() throws {
        let (journal, _) = try open()
        try FileManager.default.moveItem(atPath: directory.path, toPath: directory.path + "-moved")
        defer { try? FileManager.default.removeItem(atPath: directory.path + "-moved") }
        journal.append([5])
        journal.compact { [[5]] }
        journal.flush()
        #expect(journal.trouble.failure?.reason.hasPrefix("open: ") == true)
        try FileManager.default.moveItem(atPath: directory.path + "-moved", toPath: directory.path)
        #expect(try open().records == [[5]])
    }
}
