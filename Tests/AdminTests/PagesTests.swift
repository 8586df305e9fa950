import Admin
import Foundation
import NetworkTypes
import Reactor
import Testing

/// A process with one call, one registration and two trunks, some of whose names are hostile.
private final class SampleSource: AdminSource {
    func status(_ done: @escaping (StatusSnapshot) -> Void) { done(Self.status) }
    func calls(_ done: @escaping ([CallSnapshot]) -> Void) { done([Self.call]) }
    func failedCalls(_ done: @escaping ([CallSnapshot]) -> Void) {
        done([
            CallSnapshot(
                callID: "f", direction: .outbound, from: "a", to: "b", trunk: "myitsp", state: .ending, ageSeconds: 5,
                verdict: "503 Trunk myitsp Has 30 Calls")
        ])
    }
    func registrations(_ done: @escaping ([RegistrationSnapshot]) -> Void) {
        done([
            .init(aor: "sip:1000@my.itsp.com", trunk: "myitsp", contact: "sip:s@192.168.0.2:5060", expiresInSeconds: 61)
        ])
    }
    func trunks(_ done: @escaping ([TrunkSnapshot]) -> Void) {
        done([
            .init(
                name: "myitsp", domain: "my.itsp.com", isLearned: false, addresses: ["198.51.100.1"], registrations: 1,
                calls: 1, targets: [.init(target: "udp:198.51.100.1:5060", state: .up)]),
            .init(name: "other.example", domain: "other.example", isLearned: true),
        ])
    }

    static var status: StatusSnapshot {
        var status = StatusSnapshot(version: "0.1.0")
        status.uptimeSeconds = 93_784.5
        status.listeners = [.init(side: "inside", transport: "udp", address: "192.168.0.1:5060")]
        status.calls.now = 1
        status.calls.total = 12
        status.calls.failed = ["timeout": 2, "no media": 0]
        status.messages.dropped = ["malformed": 7]
        status.memoryBytes = 123_456_789
        return status
    }

    static var call: CallSnapshot {
        var leg = CallSnapshot.Leg(side: "outside", local: "203.0.113.1:10000", remote: "198.51.100.1:4000")
        leg.packets = 990
        leg.lost = 10
        leg.jitterMilliseconds = 2.25
        leg.dropped = ["source": 3]
        return CallSnapshot(
            callID: "evil\r\n2026 call\u{1b}[2J", direction: .outbound, from: "sip:1000@a", to: "sip:2@b",
            trunk: "myitsp",
            state: .confirmed, ageSeconds: 3725, legs: [leg, .init(side: "inside", local: "192.168.0.1:10002")])
    }
}

@Suite("Pages and metrics")
struct PagesTests {
    private func server() throws -> RunningServer {
        try RunningServer { server, _ in
            let source = SampleSource()
            server.servePages(of: source)
            return source
        }
    }

    @Test(
        "Every page is served as text",
        arguments: ["/healthz", "/metrics", "/status", "/calls", "/registrations", "/trunks"])
    func text(path: String) throws { #expect(try server().text(path).hasSuffix("\n")) }

    @Test("The status page names what there is, in columns")
    func statusPage() throws {
        let lines = try server().text("/status").split(separator: "\n")
        #expect(lines.first == "sallyport           0.1.0")
        #expect(lines.contains("up                  1d 2h"))
        #expect(lines.contains("calls failed        2 timeout"))
        #expect(lines.contains("memory              123 MB"))
        #expect(lines.contains("listening           inside udp 192.168.0.1:5060"))
    }

    @Test("What a peer wrote starts no line and moves no cursor on a page")
    func callsPage() throws {
        let lines = try server().text("/calls").split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines[1].hasPrefix("evil\\u{d}\\u{a}2026 call\\u{1b}[2J  outbound   sip:1000@a"))
        #expect(lines[1].hasSuffix("198.51.100.1:4000 990 packets loss 1.0% jitter 2.2 ms dropped 3 source"))
        #expect(lines[2].hasSuffix("inside 192.168.0.1:10002 <- nobody yet 0 packets loss 0.0% jitter 0.0 ms"))
    }

    @Test("Calls that came to nothing are shown with the reason")
    func failedCallsPage() throws {
        let lines = try server().text("/calls?failed=yes").split(separator: "\n")
        #expect(lines.count == 2 && lines[0].hasSuffix("WHY"))
        #expect(lines[1].hasSuffix("5s  503 Trunk myitsp Has 30 Calls"))
    }

    @Test("What was refused, who is banned and how busy it is stands on the status page and in the metrics")
    func protection() throws {
        var status = SampleSource.status
        status.refused = ["max_calls": 3, "503 Overloaded": 1]
        (status.pressure, status.banned) = (0.25, 2)
        status.bans = [.init(source: "198.51.100.66", account: "1000@pbx", secondsLeft: 290)]
        let lines = StatusPage.text(status).split(separator: "\n").map(String.init)
        for line in [
            "requests refused    3 max_calls, 1 503 Overloaded", "bans                1 now, 2 in all",
            "banned              198.51.100.66 as 1000@pbx for 4m 50s",
            "overload            25 % of new requests are refused",
        ] { #expect(lines.contains(line)) }
        let metrics = MetricsText(status).text
        for line in [
            "sallyport_requests_refused_total{reason=\"max_calls\"} 3", "sallyport_overload_ratio 0.25",
            "sallyport_bans 1", "sallyport_bans_total 2",
        ] { #expect(metrics.contains(line + "\n")) }
    }

    @Test("A trunk is shown with its targets and their state")
    func trunksPage() throws {
        let lines = try server().text("/trunks").split(separator: "\n")
        #expect(lines[1].hasSuffix("198.51.100.1  udp:198.51.100.1:5060 up"))
        #expect(lines[2].hasSuffix("-             -"))
    }

    @Test("JSON carries the same values")
    func json() throws {
        let server = try server()
        let calls = try JSONDecoder().decode(
            [CallSnapshot].self, from: Data(try server.text("/calls?format=json").utf8))
        #expect(calls == [SampleSource.call])
        let status = try JSONDecoder().decode(
            StatusSnapshot.self, from: Data(try server.text("/status?format=json").utf8))
        #expect(status == SampleSource.status)
        #expect(throws: AdminClientError.refused(status: 400, body: "format is text or json\n")) {
            try server.text("/status?format=xml")
        }
    }

    @Test(
        "Durations are short", arguments: [(0.4, "0s"), (59, "59s"), (61, "1m 1s"), (3600, "1h 0m"), (90_000, "1d 1h")])
    func durations(seconds: Double, text: String) {
        let page = StatusPage.text([RegistrationSnapshot(aor: "a", trunk: "t", contact: "c", expiresInSeconds: seconds)]
        )
        #expect(page.hasSuffix(" \(text)\n"))
    }

    @Test("The process knows its own use")
    func usage() {
        let usage = ProcessUsage.now()
        #expect(usage.memory > 1_000_000 && usage.processorSeconds > 0 && usage.openDescriptors > 2)
    }
}
