import Admin
import Testing

@Suite("Metrics text")
struct MetricsTextTests {
    /// Reads the exposition format; nil for a line that is not of it.
    private func samples(of text: String) -> [(name: String, labels: String, value: Double)]? {
        var samples: [(name: String, labels: String, value: Double)] = []
        var types: [String: String] = [:]
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            if line.starts(with: "# ") {
                guard let match = line.wholeMatch(of: /# (HELP|TYPE) ([a-z_]+) (.+)/) else { return nil }
                if match.1 == "TYPE" {
                    guard ["counter", "gauge", "histogram"].contains(match.3), types[String(match.2)] == nil else {
                        return nil
                    }
                    types[String(match.2)] = String(match.3)
                }
                continue
            }
            let pattern = /([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+\})? ([-+0-9.eE]+|NaN|[-+]Inf)/
            guard let match = line.wholeMatch(of: pattern) else { return nil }
            let family = match.1.replacing(/_(bucket|sum|count)$/, with: "")
            guard types[String(match.1)] != nil || types[String(family)] == "histogram" else { return nil }
            samples.append((String(match.1), String(match.2 ?? ""), Double(match.3) ?? .nan))
        }
        return text.hasSuffix("\n") ? samples : nil
    }

    @Test("The metrics of a process are valid, typed and named with our prefix")
    func valid() throws {
        var status = StatusSnapshot(version: "0.1 \"beta\"\n\\")
        status.calls.total = .max
        status.calls.failed = ["timeout": 3, "no route": 4]
        status.processorSeconds = 1.5
        let trunks = [
            TrunkSnapshot(
                name: "a", domain: "a.example", isLearned: false, calls: 2,
                targets: [
                    .init(target: "udp:192.0.2.1:5060", state: .up), .init(target: "tcp:192.0.2.2:5060", state: .down),
                    .init(target: "udp:192.0.2.3:5060", state: .unknown),
                ]),
            TrunkSnapshot(name: "b.example", domain: "b.example", isLearned: true),
        ]
        let text = MetricsText(status, trunks: trunks).text
        let read = try #require(samples(of: text))
        #expect(read.allSatisfy { $0.name.hasPrefix("sallyport_") })
        #expect(text.contains("sallyport_info{version=\"0.1 \\\"beta\\\"\\n\\\\\"} 1\n"))
        #expect(text.contains("sallyport_calls_failed_total{cause=\"no route\"} 4\n"))
        #expect(text.contains("sallyport_cpu_seconds_total 1.5\n"))
        #expect(text.contains("sallyport_trunk_calls{trunk=\"a\"} 2\n") && !text.contains("b.example"))
        #expect(text.contains("sallyport_trunk_target_up{trunk=\"a\",target=\"udp:192.0.2.1:5060\"} 1\n"))
        #expect(text.contains("sallyport_trunk_target_up{trunk=\"a\",target=\"tcp:192.0.2.2:5060\"} 0\n"))
        #expect(!text.contains("192.0.2.3"))
        #expect(text.contains("sallyport_trunks_learned 1\n"))
        #expect(read.contains { $0.name == "sallyport_calls_total" && $0.value > 1e19 })
    }

    @Test("security 31: what peers invent does not make the metrics grow")
    func bounded() throws {
        var status = StatusSnapshot(version: "0")
        for number in 0..<100_000 { status.messages.dropped["method \(number)"] = 1 }
        status.messages.dropped["malformed"] = 50
        let trunks = (0..<10_000).map { TrunkSnapshot(name: "t\($0)", domain: "d", isLearned: $0.isMultiple(of: 2)) }
        let text = MetricsText(status, trunks: trunks).text
        #expect(text.utf8.count < 30_000)
        let read = try #require(samples(of: text))
        #expect(read.filter { $0.name == "sallyport_messages_dropped_total" }.count == MetricsText.mostSamples)
        #expect(text.contains("{cause=\"malformed\"} 50\n") && text.contains("{cause=\"other\"} 99938\n"))
    }

    @Test("security 31: a label value is cut and cannot end its line")
    func hostileLabel() throws {
        var metrics = MetricsText()
        let value = "x\"} 1\nsallyport_fake 2\r" + String(repeating: "y", count: 1000)
        metrics.add("thing", .gauge, "Help with a\nline end.", [.init(1, labels: [("name", value)])])
        #expect(metrics.text.utf8.count < 400)
        #expect(try #require(samples(of: metrics.text)).count == 1)
    }
}
