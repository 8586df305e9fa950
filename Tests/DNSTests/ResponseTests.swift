import DNS
import NetworkTypes
import TestSupport
import Testing

@Suite("DNS responses (RFC 1035)")
struct ResponseTests {
    private func answer(_ octets: [UInt8], _ name: String, _ type: RecordType) throws -> Answer? {
        try Response(octets).answer(to: Question(#require(DomainName(name)), type))
    }

    private func records(_ zone: [String], _ name: String, _ type: RecordType) throws -> Records? {
        try answer(Zone(zone).response(name, type.rawValue).wire, name, type)?.records
    }

    @Test("records of every kind are read")
    func kinds() throws {
        let zone = [
            "o 300 A 192.0.2.1", "o 20 A 192.0.2.2", "o 300 A 192.0.2.1", "o 300 AAAA 2001:db8::1",
            "o 300 SRV 1 2 3 Host.example", "o 300 NAPTR 1 2 S sips+D2t - X.y",
        ]
        let (one, two) = (try #require(IPAddress("192.0.2.1")), try #require(IPAddress("192.0.2.2")))
        #expect(try records(zone, "o", .a) == .addresses([one, two]))
        #expect(try answer(Zone(zone).response("o", 1).wire, "o", .a)?.timeToLive == 20)
        #expect(try records(zone, "o", .aaaa) == .addresses([try #require(IPAddress("2001:db8::1"))]))
        let host = try #require(DomainName("host.example"))
        #expect(
            try records(zone, "o", .srv) == .services([ServiceRecord(priority: 1, weight: 2, port: 3, target: host)]))
        let replacement = try #require(DomainName("x.y"))
        #expect(
            try records(zone, "o", .naptr)
                == .authorities([
                    NamingAuthorityRecord(
                        order: 1, preference: 2, flags: "s", service: "SIPS+D2T", replacement: replacement)
                ]))
    }

    @Test("compressed names are read, in owners and in data")
    func compression() throws {
        // _sip._udp.o SRV 0 0 5060 h.<o>, the owner and the domain as pointers; additional h.<o> A.
        let question: [UInt8] = [4] + Array("_sip".utf8) + [4] + Array("_udp".utf8) + [1, 0x6f, 0, 0, 33, 0, 1]
        var octets: [UInt8] = [0, 1, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 1] + question
        octets += [0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, 10, 0, 0, 0, 0, 0x13, 0xc4, 1, 0x68, 0xc0, 22]
        let host = UInt8(octets.count - 4)
        octets += [0xc0, host, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 192, 0, 2, 1]
        let found = try #require(try answer(octets, "_sip._udp.o", .srv))
        let target = try #require(DomainName("h.o"))
        #expect(found.records == .services([ServiceRecord(priority: 0, weight: 0, port: 5060, target: target)]))
        #expect(found.additional[Question(target, .a)]?.addresses == [IPAddress(v4: 0xc000_0201)])
        #expect(found.additional[Question(target, .a)]?.timeToLive == 30)
    }

    @Test("an alias leads to the records of its end, for the least time to live")
    func aliases() throws {
        let zone = ["a 50 CNAME b", "b 300 CNAME c", "c 300 A 192.0.2.1"]
        let found = try answer(Zone(zone).response("a", 1).wire, "a", .a)
        #expect(found == Answer(.addresses([IPAddress(v4: 0xc000_0201)]), timeToLive: 50))
    }

    @Test("an alias whose end is not in the answer is one to ask for; an absent end is an absence")
    func danglingAlias() throws {
        var response = Zone(["a 50 CNAME b"]).response("a", 1)
        #expect(try answer(response.wire, "a", .a) == Answer(.absent, timeToLive: 50))
        response.authorities = []
        response.flags = 0x8180
        #expect(try answer(response.wire, "a", .a) == Answer(.alias(#require(DomainName("b"))), timeToLive: 50))
    }

    @Test("aliases in a circle, or longer than is sensible, are an absence (security 36)")
    func circle() throws {
        var response = ZoneResponse("a", 1)
        response.answers = ["a 9 CNAME b", "b 9 CNAME a"].map(ZoneRecord.init)
        #expect(try answer(response.wire, "a", .a)?.records == .absent)
        response.answers = (0..<20).map { ZoneRecord("\($0 == 0 ? "a" : "n\($0)") 9 CNAME n\($0 + 1)") }
        #expect(try answer(response.wire, "a", .a)?.records == .absent)
    }

    @Test(
        "an absence lasts as long as the SOA says, the lesser of two (RFC 2308 §5)",
        arguments: [("z 100 SOA 30", 30), ("z 20 SOA 30", 20), (nil, 0)] as [(String?, UInt32)])
    func absence(_ authority: String?, _ seconds: UInt32) throws {
        for flags: UInt16 in [0x8180, 0x8183] {
            var response = ZoneResponse("o", 1)
            response.flags = flags
            response.authorities = [authority].compactMap { $0 }.map(ZoneRecord.init)
            #expect(try answer(response.wire, "o", .a) == Answer(.absent, timeToLive: seconds))
        }
    }

    @Test("another question's answer, a failure and a query are no answers")
    func others() throws {
        let response = Zone(["o 300 A 192.0.2.1"]).response("o", 1)
        #expect(try answer(response.wire, "p", .a) == nil)
        #expect(try answer(response.wire, "o", .aaaa) == nil)
        #expect(try answer(response.wire, "O", .a) != nil)
        var failure = response
        failure.flags = 0x8182
        #expect(try answer(failure.wire, "o", .a) == nil)
        var query = response
        query.flags = 0x0100
        #expect(throws: MalformedMessage.notAnAnswer) { try Response(query.wire) }
    }

    @Test("records of other names, types and classes are left out, and names that no host has")
    func unrelated() throws {
        var response = ZoneResponse("o", 1)
        response.answers = ["p 300 A 192.0.2.9", "o 300 TXT x", "o 300 A 192.0.2.1"].map(ZoneRecord.init)
        #expect(try answer(response.wire, "o", .a)?.records == .addresses([IPAddress(v4: 0xc000_0201)]))
        var service = ZoneResponse("o", 33)
        service.answers = [ZoneRecord("o 300 SRV 1 1 1 bad\u{7}host"), ZoneRecord("o 300 SRV 2 2 2 good")]
        #expect(
            try answer(service.wire, "o", .srv)?.records
                == .services([
                    ServiceRecord(priority: 2, weight: 2, port: 2, target: try #require(DomainName("good")))
                ]))
    }

    @Test("addresses of names that no SRV record names are not believed")
    func poison() throws {
        var response = ZoneResponse("_sip._udp.o", 33)
        response.answers = [ZoneRecord("_sip._udp.o 300 SRV 0 0 5060 h")]
        response.additional = [ZoneRecord("bank.example 300 A 192.0.2.66"), ZoneRecord("h 300 A 192.0.2.1")]
        let found = try #require(try answer(response.wire, "_sip._udp.o", .srv))
        #expect(found.additional.keys.map(\.description) == ["A h"])
    }

    /// A response to `A o` with one record, whose owner name is `owner`.
    private static func message(owner: [UInt8], data: [UInt8] = [192, 0, 2, 1], count: UInt8 = 1) -> [UInt8] {
        [0, 1, 0x81, 0x80, 0, 1, 0, count, 0, 0, 0, 0, 1, 0x6f, 0, 0, 1, 0, 1] + owner
            + [0, 1, 0, 1, 0, 0, 0, 60, 0, UInt8(data.count)] + data
    }

    @Test(
        "names and lengths that lie are malformed (security 36)",
        arguments: [
            (message(owner: [0xc0, 19]), .badPointer), (message(owner: [0xc0, 25]), .badPointer),
            (message(owner: [0xff, 0xff]), .badPointer), (message(owner: [1, 0x61, 0xc0, 19]), .badPointer),
            (message(owner: [0x40, 0]), .badLabel), (message(owner: [0x80, 0]), .badLabel),
            (message(owner: [63]), .truncated), (message(owner: [0], data: [1, 2, 3]), .truncated),
            (message(owner: [0], data: [1, 2, 3, 4, 5]), .badData), (message(owner: [0xc0, 12], count: 2), .truncated),
            (
                message(owner: (0..<5).flatMap { _ in [60] + [UInt8](repeating: 0x61, count: 60) } + [0]),
                .nameTooLong
            ), ([], .truncated), ([0, 1, 0x81, 0x80, 0, 0, 0, 0, 0, 0, 0, 0], .notAnAnswer),
        ] as [([UInt8], MalformedMessage)])
    func malformed(_ octets: [UInt8], _ error: MalformedMessage) {
        #expect(throws: error) { try Response(octets) }
    }

    @Test("every beginning of a response is malformed, and every changed octet harmless (security 36)")
    func damage() throws {
        let zone = Zone([
            "_sip._udp.o 300 SRV 0 0 5060 h", "_sip._udp.o 300 SRV 0 0 5061 i", "h 300 A 192.0.2.1", "i 1 AAAA ::1",
        ])
        let whole = zone.response("_sip._udp.o", 33).wire
        for length in whole.indices { #expect(throws: MalformedMessage.self) { try Response(Array(whole[..<length])) } }
        let question = Question(try #require(DomainName("_sip._udp.o")), .srv)
        for index in whole.indices {
            for value in UInt8.min...UInt8.max {
                var octets = whole
                octets[index] = value
                _ = try? Response(octets).answer(to: question)
            }
        }
    }

    @Test("random octets behind a good header are harmless (security 36)")
    func noise() throws {
        var generator = SystemRandomNumberGenerator()
        let question = Question(try #require(DomainName("o")), .a)
        for _ in 0..<20_000 {
            var octets = Self.message(owner: [0xc0, 12], count: 9)
            for _ in 0..<Int.random(in: 0..<80, using: &generator) {
                // Mostly pointers and small lengths, which lead further than even noise.
                octets.append([0xc0, 0, 1, 12, 19, 3, .random(in: 0...255, using: &generator)].randomElement() ?? 0)
            }
            _ = try? Response(octets).answer(to: question)
        }
    }

    @Test("a response of 64 KiB full of records, or of pointers, is read to its bound at once (security 36)")
    func large() throws {
        var response = ZoneResponse("o", 1)
        response.answers = (0..<4000).map { ZoneRecord("o 300 A 10.0.\($0 / 256).\($0 % 256)") }
        guard case .addresses(let found) = try answer(response.wire, "o", .a)?.records else {
            Issue.record("no addresses")
            return
        }
        #expect(found.count == 32)
        // A chain of pointers, each to the one before.
        var octets: [UInt8] = [0, 1, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0x6f, 0, 0, 1, 0, 1]
        octets[7] = 1
        octets += [0xc0, 12]
        while octets.count < 16_000 {
            let last = octets.count - 2
            octets += [0xc0 | UInt8(last >> 8), UInt8(last & 0xff)]
        }
        let start = ContinuousClock.now
        for _ in 0..<100 { _ = try? Response(octets) }
        #expect(ContinuousClock.now - start < .seconds(2))
    }
}
