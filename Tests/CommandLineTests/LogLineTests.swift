import Config
import Foundation
import Logging
import Testing

@testable import sallyport

@Suite("Log lines")
struct LogLineTests {
    private let noon = Timestamp(secondsSince1970: 1_795_262_400, milliseconds: 123)

    private func line(_ message: String, _ values: [(key: String, value: String)] = []) -> LogLine {
        LogLine(time: noon, level: "info", message: message, values: values)
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test("Text has time, level, message and values, the call first")
    func textLine() {
        let values = [(key: "cause", value: "no media"), (key: "flow", value: "7"), (key: "call-id", value: "a1@h")]
        #expect(
            text(line("call ended", values).text)
                == "2026-11-21T12:00:00.123Z info call ended call-id=a1@h flow=7 cause=\"no media\"\n")
    }

    @Test(
        "Text values are quoted where they would not be one word",
        arguments: [
            ("", "\"\""), ("a=b", "\"a=b\""), ("say \"x\"", "\"say \\\"x\\\"\""), ("a\\b", "\"a\\\\b\""),
            ("ü", "\"ü\""),
            ("sip:1@[::1]:5060;lr", "sip:1@[::1]:5060;lr"),
        ])
    func quoting(value: String, shown: String) {
        #expect(text(line("m", [("k", value)]).text).hasSuffix(" m k=\(shown)\n"))
    }

    @Test("What a peer wrote can't begin a line, in either format")
    func injection() throws {
        let evil = "x\r\n2026-11-21T12:00:00.123Z error fake\u{2028}\u{1b}[31m\u{202e}\u{85}\0"
        let values = [(key: "call-id", value: evil), (key: "bad\nkey", value: "v")]
        for bytes in [line(evil, values).text, line(evil, values).json] {
            #expect(bytes.filter { $0 < 0x20 } == [0x0a] && bytes.last == 0x0a)
            for scalar in ["\u{2028}", "\u{202e}", "\u{85}"] {
                #expect(!text(bytes).unicodeScalars.contains(Unicode.Scalar(scalar)!))
            }
        }
        #expect(text(line(evil).text).contains("info x\\r\\n2026"))
    }

    @Test("A JSON line is a JSON object that gives the values back")
    func json() throws {
        let evil = "q\"b\\n\r\n\u{1}\u{2029} ü 𝄞"
        let values = [(key: "call-id", value: evil), (key: "level", value: "mine"), (key: "to", value: "sip:1@h")]
        let object = try JSONDecoder().decode([String: String].self, from: Data(line(evil, values).json))
        #expect(
            object == [
                "time": "2026-11-21T12:00:00.123Z", "level": "info", "message": evil, "call-id": evil, "level_": "mine",
                "to": "sip:1@h",
            ])
    }

    @Test(
        "Timestamps follow the calendar",
        arguments: [
            (0, "1970-01-01T00:00:00.123Z"), (951_782_399, "2000-02-28T23:59:59.123Z"),
            (951_782_400, "2000-02-29T00:00:00.123Z"), (1_709_251_199, "2024-02-29T23:59:59.123Z"),
            (4_107_542_400, "2100-03-01T00:00:00.123Z"), (1_735_689_599, "2024-12-31T23:59:59.123Z"),
        ] as [(Int64, String)])
    func timestamps(seconds: Int64, shown: String) {
        var bytes: [UInt8] = []
        Timestamp(secondsSince1970: seconds, milliseconds: 123).write(into: &bytes)
        #expect(text(bytes) == shown)
    }

    @Test("Timestamps agree with Foundation on every day of 400 years")
    func everyDay() {
        let formatter = ISO8601DateFormatter()
        for day in stride(from: 0, to: 146_097, by: 13) {
            var bytes: [UInt8] = []
            Timestamp(secondsSince1970: Int64(day) * 86400, milliseconds: 0).write(into: &bytes)
            let expected = formatter.string(from: Date(timeIntervalSince1970: Double(day) * 86400))
            #expect(text(bytes).prefix(19) == expected.prefix(19))
        }
    }

    @Test("The handler writes each event at once, with the logger's own values under the event's")
    func handler() throws {
        let pipe = Pipe()
        let writer = LogWriter(descriptor: pipe.fileHandleForWriting.fileDescriptor)
        var logger = Logger(label: "test") { _ in LineLogHandler(format: .text, writer: writer) }
        logger[metadataKey: "shard"] = "3"
        logger[metadataKey: "k"] = "outer"
        logger.info("one", metadata: ["k": "inner"])
        logger.debug("two", metadata: ["k": "\(unreachable())"])
        writer.flush()
        try pipe.fileHandleForWriting.close()
        let lines = text([UInt8](try pipe.fileHandleForReading.readToEnd() ?? Data())).split(separator: "\n")
        #expect(lines.count == 1)
        #expect(lines.first?.hasSuffix(" info one k=inner shard=3") == true)
    }

    @Test("A reader that has stalled holds nobody up, and is told what it missed")
    func stalled() throws {
        let pipe = Pipe()
        let writer = LogWriter(descriptor: pipe.fileHandleForWriting.fileDescriptor)
        let line = Array((String(repeating: "x", count: 1023) + "\n").utf8)
        // A pipe takes 64 kB, the writer keeps 1 MB: most of 4 MB is lost, and none of it blocks.
        for _ in 0..<4096 { writer.write(line) }
        let reader = pipe.fileHandleForReading
        var read = 0
        var tail: [UInt8] = []
        // Lines that were taken after the loss may stand behind the notice of it.
        while read < 3 << 20, !text(tail).contains(" lines: they were not read fast enough\n") {
            let part = [UInt8](reader.availableData)
            read += part.count
            tail = tail.suffix(100) + part
        }
        #expect(read < 3 << 20)
        writer.flush()
    }

    private func unreachable() -> String {
        Issue.record("the values of a level that is off were made")
        return ""
    }

    @Test("Every level and format of the configuration has its logger")
    func levels() {
        for level in LogConfiguration.Level.allCases {
            var configuration = LogConfiguration()
            configuration.level = level
            #expect(LogSetup.logger(for: configuration).logLevel.rawValue == level.rawValue)
        }
    }
}
