import DNS
import NetworkTypes
import TestSupport
import Testing

@Suite("Cache of DNS answers")
struct CacheTests {
    private static let zone = [
        "_sip._udp.o 300 SRV 0 0 5060 h", "h 60 A 192.0.2.1", "h 600 AAAA 2001:db8::1", "plain 30 A 192.0.2.2",
        "brief 0 A 192.0.2.3", "eternal 4000000000 A 192.0.2.4", "long 500000 A 192.0.2.5",
    ]

    /// The addresses of a host, and the time that they took.
    private func addresses(
        _ dns: inout LookupHarness, _ name: String, _ families: [IPAddress.Family] = [.v4]
    ) -> (list: String, time: Duration) {
        let (result, time) = dns.run(.addresses(of: name, families: families))
        switch result {
        case .addresses(.addresses(let list, _)): return (list.map(\.description).joined(separator: " "), time)
        case .addresses(.unknownName): return ("unknown", time)
        case .addresses(.unavailable): return ("unavailable", time)
        default: return ("no result", time)
        }
    }

    @Test("an answer is used until its time to live is over, and not longer")
    func timeToLive() {
        var dns = LookupHarness(Self.zone)
        #expect(addresses(&dns, "plain") == ("192.0.2.2", .milliseconds(20)))
        dns.zone.records = [ZoneRecord("plain 30 A 192.0.2.9")]
        dns.advance(.milliseconds(29_900))
        #expect(addresses(&dns, "plain") == ("192.0.2.2", .zero))
        dns.advance(.milliseconds(200))
        #expect(addresses(&dns, "plain") == ("192.0.2.9", .milliseconds(20)))
        #expect(dns.takeAsked() == ["A plain", "A plain"])
    }

    @Test(
        "a time to live is at least a second and at most a day; one that has its top bit set is none (RFC 2181 §8)",
        arguments: [("brief", 1), ("eternal", 1), ("long", 86_400)] as [(String, Int64)])
    func bounds(_ name: String, _ seconds: Int64) {
        var dns = LookupHarness(Self.zone)
        _ = addresses(&dns, name)
        dns.advance(.seconds(seconds) - .milliseconds(1))
        #expect(addresses(&dns, name).time == .zero)
        dns.advance(.milliseconds(2))
        #expect(addresses(&dns, name).time == .milliseconds(20))
    }

    @Test("a location lasts as long as the first of its records, absences among them")
    func location() {
        var dns = LookupHarness(Self.zone)
        dns.zone.negativeTimeToLive = 100
        let query = LocationQuery("o", families: [])
        let all = ["0/0 udp:[2001:db8::1]:5060", "1/0 udp:192.0.2.1:5060"]
        #expect(dns.targets(LocationQuery("o")) == all)
        _ = dns.takeAsked()
        dns.advance(.milliseconds(59_000))
        #expect(dns.lookups.known(LocationQuery("o"), at: dns.now) != nil)
        #expect(dns.lookups.known(query, at: dns.now) == nil)
        dns.advance(.milliseconds(2000))
        #expect(dns.lookups.known(LocationQuery("o"), at: dns.now) == nil)
        #expect(dns.targets(LocationQuery("o")) == all)
        #expect(dns.takeAsked() == ["A h"])
        dns.advance(.milliseconds(40_000))
        #expect(dns.targets(LocationQuery("o")) == all)
        #expect(Set(dns.takeAsked()) == ["NAPTR o", "SRV _sips._tcp.o", "SRV _sip._tcp.o", "A o", "AAAA o"])
    }

    @Test("an absence lasts as long as the zone says (RFC 2308), at most an hour, and a second where it says nothing")
    func absence() {
        for (seconds, lasts) in [(40, 40), (100_000, 3600), (nil, 1)] as [(UInt32?, Int64)] {
            var dns = LookupHarness(Self.zone)
            dns.zone.negativeTimeToLive = seconds
            #expect(addresses(&dns, "nowhere").list == "unknown")
            dns.advance(.seconds(lasts) - .milliseconds(10))
            #expect(addresses(&dns, "nowhere") == ("unknown", .zero))
            dns.zone.records.append(ZoneRecord("nowhere 30 A 192.0.2.6"))
            dns.advance(.milliseconds(20))
            #expect(addresses(&dns, "nowhere") == ("192.0.2.6", .milliseconds(20)))
        }
    }

    @Test("the same question of many requests is asked once, and answered to all")
    func shared() {
        var dns = LookupHarness(Self.zone)
        #expect(dns.begin(.addresses(of: "plain", families: [.v4])) == nil)
        #expect(dns.begin(.addresses(of: "plain", families: [.v4])) == nil)
        #expect(dns.begin(.addresses(of: "plain", families: [.v4, .v6])) == nil)
        #expect(dns.begin(.location(LocationQuery("plain", port: 5060, families: [.v4]))) == nil)
        dns.advance(.seconds(1))
        #expect(dns.takeAsked() == ["A plain", "AAAA plain"])
        #expect(dns.results.count == 3)
        #expect(dns.lookups.counts.waiting == 0)
    }

    // MARK: Silence

    @Test("servers that never answered: unavailable when the budget is over, at once for a moment, then asked again")
    func cold() {
        var dns = LookupHarness(Self.zone)
        dns.conduct = { _ in .ignore }
        #expect(dns.run(.location(LocationQuery("o"))).time == .seconds(2))
        #expect(dns.locate(LocationQuery("o")) == .unavailable)
        dns.advance(.milliseconds(900))
        // All has failed by now, and is not asked again for two seconds.
        _ = dns.takeAsked()
        let second = dns.run(.location(LocationQuery("o")))
        #expect(second.result == .location(.unavailable))
        #expect(second.time == .zero)
        #expect(dns.takeAsked().isEmpty)
        dns.conduct = { _ in .answer }
        dns.advance(.milliseconds(2000))
        #expect(dns.targets(LocationQuery("o")).count == 2)
    }

    @Test("old answers outlast silent servers for a day (RFC 8767): the first waits a moment, later ones do not")
    func stale() {
        var dns = LookupHarness(Self.zone)
        let query = LookupRequest.location(LocationQuery("o"))
        let fresh = dns.run(query).result
        dns.conduct = { _ in .ignore }
        dns.advance(.seconds(700))
        #expect(dns.run(query) == (fresh, .milliseconds(150)))
        #expect(dns.run(query) == (fresh, .zero))
        dns.advance(.seconds(3))
        #expect(dns.run(query) == (fresh, .zero))
        // Refreshed in the background every few seconds, and never waited for.
        _ = dns.takeAsked()
        for _ in 0..<600 {
            dns.advance(.milliseconds(100))
            #expect(dns.run(query) == (fresh, .zero))
        }
        let asked = dns.takeAsked()
        #expect(asked.filter { $0 == "SRV _sip._udp.o" }.count <= 10)
        #expect(asked.filter { $0 == "SRV _sip._udp.o" }.count >= 5)
        dns.advance(.seconds(86_400))
        #expect(dns.run(query).result == .location(.unavailable))
    }

    @Test("the same holds where servers answer that they can't")
    func failing() {
        var dns = LookupHarness(Self.zone)
        let query = LookupRequest.location(LocationQuery("o"))
        let fresh = dns.run(query).result
        dns.conduct = { _ in .fail }
        dns.advance(.seconds(700))
        #expect(dns.run(query) == (fresh, .milliseconds(40)))
        #expect(dns.run(query) == (fresh, .zero))
        _ = dns.takeAsked()
        dns.advance(.seconds(1))
        _ = dns.run(query)
        #expect(dns.takeAsked().isEmpty)
        dns.conduct = { _ in .answer }
        dns.zone.records[1] = ZoneRecord("h 60 A 192.0.2.77")
        dns.advance(.seconds(30))
        #expect(dns.targets(LocationQuery("o")).contains("1/0 udp:192.0.2.77:5060"))
    }

    @Test("old answers are given while the servers are silent, new ones as soon as they speak again")
    func recovery() {
        var dns = LookupHarness(Self.zone)
        _ = addresses(&dns, "plain")
        dns.conduct = { _ in .ignore }
        dns.advance(.seconds(40))
        #expect(addresses(&dns, "plain") == ("192.0.2.2", .milliseconds(150)))
        dns.advance(.seconds(10))
        dns.conduct = { _ in .answer }
        dns.zone.records = [ZoneRecord("plain 30 A 192.0.2.9")]
        #expect(addresses(&dns, "plain") == ("192.0.2.2", .zero))
        dns.advance(.milliseconds(20))
        #expect(addresses(&dns, "plain") == ("192.0.2.9", .zero))
    }

    @Test("NAPTR that is lost where all else is answered costs one budget, not one for each call")
    func lostHint() {
        var dns = LookupHarness(Self.zone)
        dns.conduct = { $0.type == .naptr ? .ignore : .answer }
        let first = dns.run(.location(LocationQuery("o")))
        #expect(first.time == .seconds(2))
        guard case .location(.targets(let targets)) = first.result else {
            Issue.record("SRV was not used")
            return
        }
        #expect(targets.count == 2)
        dns.advance(.milliseconds(300))
        #expect(dns.run(.location(LocationQuery("o"))).time == .zero)
        dns.advance(.milliseconds(700))
        for _ in 0..<20 {
            #expect(dns.run(.location(LocationQuery("o"))).time == .zero)
            dns.advance(.seconds(1))
        }
    }

    @Test("SRV that fails does not lead to the host, which would be another server")
    func failedServices() {
        var dns = LookupHarness(["o 300 A 192.0.2.80"])
        dns.conduct = { $0.type == .srv ? .fail : .answer }
        #expect(dns.targets(LocationQuery("o")) == ["unavailable"])
        dns = LookupHarness(["o 300 A 192.0.2.80", "_sip._udp.o 300 SRV 0 0 1 o"])
        dns.conduct = { $0.description == "SRV _sip._tcp.o" ? .fail : .answer }
        #expect(dns.targets(LocationQuery("o")) == ["0/0 udp:192.0.2.80:1"])
    }

    @Test("the head of a list goes out when its rest is late, and the whole when it has come")
    func partial() {
        var dns = LookupHarness([
            "_sip._udp.o 300 SRV 0 0 1 a", "_sip._udp.o 300 SRV 1 0 1 b", "a 300 A 192.0.2.1", "b 300 A 192.0.2.2",
        ])
        dns.zone.addsTargets = false
        dns.conduct = { $0.name.text == "b" ? .ignore : .answer }
        let query = LocationQuery("o", families: [.v4])
        let first = dns.run(.location(query))
        #expect(first.time == .milliseconds(40 + 150))
        #expect(dns.targets(query) == ["0/0 udp:192.0.2.1:1"])
        dns.advance(.seconds(4))
        dns.conduct = { _ in .answer }
        dns.advance(.seconds(1))
        #expect(dns.targets(query) == ["0/0 udp:192.0.2.1:1", "1/0 udp:192.0.2.2:1"])
    }

    @Test("half a list of a trunk's addresses is no list, while it is open; what is late is asked for again soon")
    func partialSources() {
        var dns = LookupHarness([
            "_sip._udp.o 300 SRV 0 0 1 a", "_sip._udp.o 300 SRV 1 0 1 b", "a 300 A 192.0.2.1", "b 300 A 192.0.2.2",
        ])
        dns.zone.addsTargets = false
        dns.conduct = { $0.name.text == "b" ? .ignore : .answer }
        let (result, time) = dns.run(.sources(of: "o"))
        #expect(time == .seconds(2))
        #expect(result == .addresses(.addresses([IPAddress(v4: 0xc000_0201)], timeToLive: .seconds(1))))
        #expect(addresses(&dns, "a", [.v4]).time == .zero)
    }

    @Test("while the first priority is late, the second is no answer")
    func lateFirst() {
        var dns = LookupHarness([
            "_sip._udp.o 300 SRV 0 0 1 a", "_sip._udp.o 300 SRV 1 0 1 b", "a 300 A 192.0.2.1", "b 300 A 192.0.2.2",
        ])
        dns.zone.addsTargets = false
        dns.conduct = { $0.name.text == "a" ? .ignore : .answer }
        let found = dns.run(.location(LocationQuery("o", families: [.v4])))
        #expect(found.time == .seconds(2))
        #expect(dns.targets(LocationQuery("o", families: [.v4])) == ["0/0 udp:192.0.2.2:1"])
    }

    @Test("other servers are asked at once for what failed")
    func otherServers() {
        var dns = LookupHarness(Self.zone)
        dns.conduct = { _ in .fail }
        #expect(addresses(&dns, "plain").list == "unavailable")
        dns.conduct = { _ in .answer }
        #expect(addresses(&dns, "plain").list == "unavailable")
        dns.lookups.serversChanged()
        #expect(addresses(&dns, "plain").list == "192.0.2.2")
    }

    // MARK: Bounds

    @Test("the cache is bounded, and what is in use stays (security 36)")
    func eviction() {
        var settings = LookupSettings()
        settings.mostQuestions = 64
        var dns = LookupHarness(Self.zone, settings)
        dns.roundTrip = .milliseconds(1)
        for index in 0..<1000 {
            _ = addresses(&dns, "plain")
            _ = addresses(&dns, "n\(index)")
            dns.advance(.milliseconds(10))
            #expect(dns.lookups.counts.questions <= 64)
        }
        #expect(dns.takeAsked().filter { $0 == "A plain" }.count == 1)
    }

    @Test("open questions and waiting requests are bounded; more are refused at once")
    func flood() {
        var settings = LookupSettings()
        settings.mostOpen = 10
        settings.mostWaiting = 20
        var dns = LookupHarness(Self.zone, settings)
        dns.conduct = { _ in .ignore }
        var refused = 0
        for index in 0..<100 where dns.begin(.addresses(of: "n\(index)", families: [.v4])) != nil { refused += 1 }
        #expect(refused == 90)
        #expect(dns.takeAsked().count == 10)
        dns.advance(.seconds(5))
        #expect(dns.results.count == 10)
        #expect(dns.lookups.counts.open == 0)
        dns.conduct = { _ in .answer }
        #expect(addresses(&dns, "plain").list == "192.0.2.2")
    }

    @Test("an answer nobody asked for, or a second one, changes nothing")
    func unasked() throws {
        var dns = LookupHarness(Self.zone)
        _ = addresses(&dns, "plain")
        let question = Question(try #require(DomainName("plain")), .a)
        let lie = Zone(["plain 30 A 192.0.2.66"]).response("plain", 1).wire
        dns.lookups.received(lie, for: question, at: dns.now)
        dns.lookups.failed(question, isSilence: true, at: dns.now)
        #expect(addresses(&dns, "plain") == ("192.0.2.2", .zero))
        #expect(dns.lookups.counts.open == 0)
    }

    @Test("an address that came along does not replace one that was asked for (RFC 2181 §5.4.1)")
    func additional() {
        var dns = LookupHarness(["h 300 A 192.0.2.1", "_sip._udp.o 300 SRV 0 0 1 h"])
        _ = addresses(&dns, "h")
        dns.zone.records[0] = ZoneRecord("h 300 A 192.0.2.66")
        #expect(dns.targets(LocationQuery("o", families: [.v4])) == ["0/0 udp:192.0.2.1:1"])
    }
}
