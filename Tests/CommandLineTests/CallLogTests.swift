import Foundation
import Glibc
import MediaRelay
import NetworkTypes
import OutboundProxy
import Synchronization
import TestSupport
import Testing

@testable import sallyport

@Suite("Call records, to the end of the process")
struct CallLogTests {
    private let path = FileManager.default.temporaryDirectory.appendingPathComponent("calls-\(UUID())").path

    private func lines() throws -> [Substring] {
        defer { unlink(path) }
        return try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    }

    private func call(_ number: UInt64) -> CallSummary {
        var call = CallSummary(
            callID: "call-\(number)", from: "", to: "", trunk: "", origin: .inside, state: .ended, startedAt: .zero,
            answeredAt: .zero, session: number, verdict: "")
        call.ender = .proxy
        return call
    }

    private final class Counter: Sendable {
        private let value = Atomic(0)
        var count: Int { value.load(ordering: .relaxed) }
        func add(_ count: Int = 1) { value.add(count, ordering: .relaxed) }
    }

    @Test("However many calls end with the process, none is written before its media has reported, and each once")
    func allAtOnce() throws {
        let log = try CallLog(path)
        var calls = EndedCalls(log: log, trunks: [])
        let told = Counter()
        let count: UInt64 = 21_000
        calls.expectAll()
        for number in 1...count { calls.add(call(number), isReported: true, at: .zero) }
        calls.whenWritten { told.add() }
        #expect(told.count == 0)
        for number in 1...count {
            calls.add([], of: number, at: .zero)
            if number == 5 { calls.add([], of: number, at: .zero) }
        }
        #expect(told.count == 1)
        calls.flush(at: .zero)
        #expect(log.close())
        let ids = try lines().map { $0.split(separator: "\"")[3] }
        #expect(ids.count == count && Set(ids).count == count && ids[0] == "call-1")
    }

    @Test("Where no call is up the end does not wait")
    func none() {
        var calls = EndedCalls(log: nil, trunks: [])
        let told = Counter()
        calls.whenWritten { told.add() }
        #expect(told.count == 1)
    }

    @Test("Records that wait for a slow disk are not lost, however many end at once")
    func slow() throws {
        #expect(mkfifo(path, 0o600) == 0)
        let reader = open(path, O_RDONLY | O_NONBLOCK)
        defer { close(reader) }
        let log = try CallLog(path)
        let record = [UInt8](repeating: UInt8(ascii: "x"), count: 999) + [10]
        for _ in 0..<20_000 { log.write(record) }
        let read = Counter()
        let thread = Thread {
            _ = fcntl(reader, F_SETFL, 0)
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while true {
                let count = Glibc.read(reader, &buffer, buffer.count)
                if count <= 0 { return }
                read.add(count)
            }
        }
        thread.start()
        #expect(log.close(within: .seconds(60)))
        #expect(eventually { read.count == 20_000_000 })
        unlink(path)
    }

    @Test("A full disk does not hold up the end, which says that records are lost")
    func full() throws {
        let log = try CallLog("/dev/full")
        log.write(Array("{}\n".utf8))
        #expect(!log.close())
    }

    @Test("A disk that hangs does not hold up the end for ever")
    func hanging() throws {
        #expect(mkfifo(path, 0o600) == 0)
        let reader = open(path, O_RDONLY | O_NONBLOCK)
        defer {
            close(reader)
            unlink(path)
        }
        signal(SIGPIPE, SIG_IGN)
        let log = try CallLog(path)
        log.write([UInt8](repeating: 10, count: 1 << 20))
        #expect(!log.close(within: .milliseconds(50)))
    }
}
