import Foundation
import Glibc
import Testing

@testable import sallyport

@Suite("Lines are written by nobody who may not wait")
struct LogWriterTests {
    /// A pipe that takes what fits, as a disk that is full does.
    private func pipe() -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        Glibc.pipe(&ends)
        for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
        return (ends[0], ends[1])
    }

    private func text(_ descriptor: Int32) -> String {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return String(decoding: all, as: UTF8.self) }
            all += buffer.prefix(count)
        }
    }

    @Test("What a full disk does not take is counted, and no line is glued to what was cut off")
    func fullDisk() throws {
        let ends = pipe()
        let writer = LogWriter(descriptor: ends.write) { "lost \($0)\n" }
        let record = String(repeating: "x", count: 999) + "\n"
        // Some 65 fit.
        for _ in 0..<100 { writer.write(Array(record.utf8)) }
        writer.flush()
        let first = text(ends.read)
        writer.write(Array("next\n".utf8))
        writer.flush()
        let lines = (first + text(ends.read)).split(separator: "\n").map(String.init)
        let whole = lines.count { $0.count == 999 }
        let told = lines.compactMap { $0.hasPrefix("lost ") ? Int($0.dropFirst(5)) : nil }
        #expect(whole > 0 && whole < 100 && whole + told.reduce(0, +) == 100)
        #expect(lines.contains("next"))
        #expect(lines.allSatisfy { $0 == "next" || $0.hasPrefix("lost ") || $0.allSatisfy { $0 == "x" } })
        for end in [ends.read, ends.write] { close(end) }
    }
}
