import DNS
import NetworkTypes
import TestSupport
import Testing

/// The example of RFC 3263 §4.1, with addresses.
private let example = [
    "example.com 300 NAPTR 50 50 s SIPS+D2T - _sips._tcp.example.com",
    "example.com 300 NAPTR 90 50 s SIP+D2T - _sip._tcp.example.com",
    "example.com 300 NAPTR 100 50 s SIP+D2U - _sip._udp.example.com",
    "_sips._tcp.example.com 300 SRV 0 1 5061 server1.example.com",
    "_sip._tcp.example.com 300 SRV 0 1 5060 server1.example.com",
    "_sip._tcp.example.com 300 SRV 0 2 5060 server2.example.com",
    "_sip._udp.example.com 300 SRV 0 1 5060 server1.example.com",
    "server1.example.com 300 A 192.0.2.1",
    "server2.example.com 300 A 192.0.2.2",
    "example.com 300 A 192.0.2.80",
]

@Suite("Locating SIP servers (RFC 3263)")
struct LocatorTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let zone: [String]
        let query: LocationQuery
        let targets: [String]

        init(_ text: String, _ zone: [String], _ query: LocationQuery, _ targets: [String]) {
            (testDescription, self.zone, self.query, self.targets) = (text, zone, query, targets)
        }
    }

    @Test(
        "the records decide where a request goes",
        arguments: [
            Case(
                "NAPTR order decides the transport; one that we can't speak is left out", example,
                LocationQuery("example.com", can: [.tcp, .udp]),
                ["0/1 tcp:192.0.2.1:5060", "0/2 tcp:192.0.2.2:5060", "1/1 udp:192.0.2.1:5060"]),
            Case(
                "with TLS it comes first, since the order says so", example, LocationQuery("example.com"),
                [
                    "0/1 tls:192.0.2.1:5061", "1/1 tcp:192.0.2.1:5060", "1/2 tcp:192.0.2.2:5060",
                    "2/1 udp:192.0.2.1:5060",
                ]),
            Case(
                "sips leaves only SIPS services", example, LocationQuery("example.com", secure: true),
                ["0/1 tls:192.0.2.1:5061"]),
            Case(
                "sips without TLS of ours goes nowhere", example,
                LocationQuery("example.com", secure: true, can: [.udp, .tcp]), ["unknown"]),
            Case(
                "a demanded transport needs no NAPTR", example, LocationQuery("example.com", .udp),
                ["0/1 udp:192.0.2.1:5060"]),
            Case(
                "a demanded transport that we don't have goes nowhere", example,
                LocationQuery("example.com", .tls, can: [.udp]), ["unknown"]),
            Case(
                "a port means neither NAPTR nor SRV, and UDP", example, LocationQuery("example.com", port: 5070),
                ["0/0 udp:192.0.2.80:5070"]),
            Case(
                "a port and sips mean TLS", example, LocationQuery("example.com", port: 5070, secure: true),
                ["0/0 tls:192.0.2.80:5070"]),
            Case(
                "a port and a transport are taken as they are", example,
                LocationQuery("example.com", port: 5070, .tcp), ["0/0 tcp:192.0.2.80:5070"]),
            Case(
                "NAPTR order goes before preference, and both before what we like better",
                [
                    "o 300 NAPTR 20 10 s SIPS+D2T - _sips._tcp.o", "o 300 NAPTR 10 20 s SIP+D2T - _sip._tcp.o",
                    "o 300 NAPTR 10 10 s SIP+D2U - _sip._udp.o", "_sips._tcp.o 300 SRV 0 0 1 h",
                    "_sip._tcp.o 300 SRV 0 0 2 h", "_sip._udp.o 300 SRV 0 0 3 h", "h 300 A 192.0.2.1",
                ], LocationQuery("o"), ["0/0 udp:192.0.2.1:3", "1/0 tcp:192.0.2.1:2", "2/0 tls:192.0.2.1:1"]),
            Case(
                "a NAPTR replacement may be in another domain, with SRV or with addresses",
                [
                    "o 300 NAPTR 10 10 S sip+d2u - _x._udp.elsewhere", "o 300 NAPTR 20 10 a SIP+D2T - host.elsewhere",
                    "_x._udp.elsewhere 300 SRV 0 0 5090 host.elsewhere", "host.elsewhere 300 A 192.0.2.7",
                ], LocationQuery("o"), ["0/0 udp:192.0.2.7:5090", "1/0 tcp:192.0.2.7:5060"]),
            Case(
                "NAPTR records for anything else are not there",
                [
                    "o 300 NAPTR 1 1 u E2U+sip !.*!sip:x@y! .", "o 300 NAPTR 2 1 s SIP+D2S - _sip._sctp.o",
                    "o 300 NAPTR 3 1 s SIPS+D2U - _sips._udp.o", "o 300 NAPTR 4 1 s SIP+D2U !a!b! _sip._udp.x",
                    "_sip._udp.o 300 SRV 0 0 5060 h", "h 300 A 192.0.2.1",
                ], LocationQuery("o"), ["0/0 udp:192.0.2.1:5060"]),
            Case(
                "without NAPTR: TLS before TCP before UDP, whatever order we name",
                [
                    "_sip._udp.o 300 SRV 0 0 3 h", "_sip._tcp.o 300 SRV 5 0 2 h", "_sips._tcp.o 300 SRV 9 0 1 h",
                    "h 300 A 192.0.2.1",
                ], LocationQuery("o", can: [.udp, .tls, .tcp]),
                ["0/0 tls:192.0.2.1:1", "1/0 tcp:192.0.2.1:2", "2/0 udp:192.0.2.1:3"]),
            Case(
                "without NAPTR and TLS of ours: only what we speak",
                ["_sip._udp.o 300 SRV 0 0 3 h", "_sips._tcp.o 300 SRV 0 0 1 h", "h 300 A 192.0.2.1"],
                LocationQuery("o", can: [.udp]), ["0/0 udp:192.0.2.1:3"]),
            Case(
                "priority, then weight (RFC 2782)",
                [
                    "_sip._udp.o 300 SRV 20 0 5060 c", "_sip._udp.o 300 SRV 10 60 5060 a",
                    "_sip._udp.o 300 SRV 10 0 5060 b",
                    "a 300 A 192.0.2.1", "b 300 A 192.0.2.2", "c 300 A 192.0.2.3",
                ], LocationQuery("o"),
                ["0/60 udp:192.0.2.1:5060", "0/0 udp:192.0.2.2:5060", "1/0 udp:192.0.2.3:5060"]),
            Case(
                "a target '.' means that there is no such service, and its host isn't tried",
                ["_sip._udp.o 300 SRV 0 0 0 .", "o 300 A 192.0.2.1"], LocationQuery("o"), ["unknown"]),
            Case(
                "one service that is not there doesn't hide another",
                ["_sips._tcp.o 300 SRV 0 0 0 .", "_sip._udp.o 300 SRV 0 0 5060 h", "h 300 A 192.0.2.1"],
                LocationQuery("o"), ["0/0 udp:192.0.2.1:5060"]),
            Case(
                "neither NAPTR nor SRV: the host itself by UDP, IPv6 first",
                ["o 300 A 192.0.2.1", "o 300 AAAA 2001:db8::1"], LocationQuery("o"),
                ["0/0 udp:[2001:db8::1]:5060", "1/0 udp:192.0.2.1:5060"]),
            Case(
                "neither NAPTR nor SRV and sips: the host itself by TLS", ["o 300 A 192.0.2.1"],
                LocationQuery("o", secure: true), ["0/0 tls:192.0.2.1:5061"]),
            Case(
                "neither NAPTR nor SRV and no UDP of ours: by the best that there is", ["o 300 A 192.0.2.1"],
                LocationQuery("o", can: [.tls, .tcp]), ["0/0 tls:192.0.2.1:5061"]),
            Case(
                "only families that we have an address of",
                [
                    "_sip._udp.o 300 SRV 0 0 5060 a", "_sip._udp.o 300 SRV 1 0 5060 b", "a 300 AAAA 2001:db8::1",
                    "b 300 A 192.0.2.2", "b 300 AAAA 2001:db8::2",
                ], LocationQuery("o", families: [.v4]), ["0/0 udp:192.0.2.2:5060"]),
            Case(
                "the second family of a record has its place after the first of all records of the priority",
                [
                    "_sip._udp.o 300 SRV 0 5 5060 a", "_sip._udp.o 300 SRV 0 5 5060 b",
                    "_sip._udp.o 300 SRV 1 0 5060 c",
                    "a 300 AAAA 2001:db8::1", "a 300 A 192.0.2.1", "b 300 A 192.0.2.2", "c 300 A 192.0.2.3",
                ], LocationQuery("o"),
                [
                    "0/5 udp:[2001:db8::1]:5060", "0/5 udp:192.0.2.2:5060", "1/5 udp:192.0.2.1:5060",
                    "2/0 udp:192.0.2.3:5060",
                ]),
            Case(
                "addresses of one record share its weight",
                [
                    "_sip._udp.o 300 SRV 0 1 5060 a", "_sip._udp.o 300 SRV 0 2 5060 b", "a 300 A 192.0.2.1",
                    "a 300 A 192.0.2.2", "b 300 A 192.0.2.3",
                ], LocationQuery("o"),
                ["0/16 udp:192.0.2.1:5060", "0/16 udp:192.0.2.2:5060", "0/64 udp:192.0.2.3:5060"]),
            Case(
                "a target that two records name is tried once",
                [
                    "_sip._udp.o 300 SRV 0 1 5060 a", "_sip._udp.o 300 SRV 1 1 5060 b", "a 300 A 192.0.2.1",
                    "b 300 A 192.0.2.1", "b 300 A 192.0.2.2",
                ], LocationQuery("o"), ["0/1 udp:192.0.2.1:5060", "1/16 udp:192.0.2.2:5060"]),
            Case(
                "aliases are followed, of hosts and of services",
                [
                    "_sip._udp.o 300 CNAME s", "s 300 SRV 0 1 5060 a", "a 300 CNAME b", "b 300 CNAME c",
                    "c 300 A 192.0.2.1",
                ], LocationQuery("o"), ["0/1 udp:192.0.2.1:5060"]),
            Case(
                "records that lead round in a circle lead nowhere (security 36)",
                ["o 300 CNAME p", "p 300 CNAME o", "_sip._udp.o 300 SRV 0 0 5060 o"], LocationQuery("o"), ["unknown"]),
            Case("a name that isn't there is unknown", [], LocationQuery("nowhere.example"), ["unknown"]),
            Case("an address is its own place", [], LocationQuery("192.0.2.9"), ["0/0 udp:192.0.2.9:5060"]),
            Case(
                "an address with everything said", [], LocationQuery("2001:db8::9", port: 5099, .tcp),
                ["0/0 tcp:[2001:db8::9]:5099"]),
            Case("an address of a family that we lack", [], LocationQuery("192.0.2.9", families: [.v6]), ["unknown"]),
            Case(
                "localhost needs no server", [], LocationQuery("localhost", families: [.v4]), ["0/0 udp:127.0.0.1:5060"]
            ),
            Case(
                "invalid is nothing (RFC 6761)", ["anonymous.invalid 300 A 192.0.2.1"],
                LocationQuery("anonymous.invalid"), ["unknown"]),
        ])
    func table(_ test: Case) {
        var dns = LookupHarness(test.zone)
        #expect(dns.targets(test.query) == test.targets)
    }

    @Test(
        "names that no server should see are unknown without being asked",
        arguments: [
            "", ".", "2130706433", "0x7f.1", "127.1", "1.2.3.4.5", "host.3com", "a..b", "local\0host", "a b",
            String(repeating: "a.", count: 200) + "example", String(repeating: "a", count: 64) + ".example",
        ])
    func refused(_ name: String) {
        var dns = LookupHarness()
        #expect(dns.targets(LocationQuery(name)) == ["unknown"])
        #expect(dns.run(.sources(of: name)).result == .addresses(.unknownName(timeToLive: .seconds(3600))))
        #expect(dns.takeAsked().isEmpty)
    }

    @Test("NAPTR, SRV and both families are asked for at once, and additional records save a round trip")
    func parallel() {
        var dns = LookupHarness(["_sip._udp.o 300 SRV 0 1 5060 h", "h 300 A 192.0.2.1", "h 300 AAAA 2001:db8::1"])
        let first = dns.run(.location(LocationQuery("o")))
        #expect(first.time == .milliseconds(20))
        #expect(
            Set(dns.takeAsked()) == [
                "NAPTR o", "SRV _sips._tcp.o", "SRV _sip._tcp.o", "SRV _sip._udp.o", "A o", "AAAA o",
            ])
        dns = LookupHarness(["_sip._udp.o 300 SRV 0 1 5060 h", "h 300 A 192.0.2.1", "h 300 AAAA 2001:db8::1"])
        dns.zone.addsTargets = false
        #expect(dns.run(.location(LocationQuery("o"))).time == .milliseconds(40))
        #expect(Set(dns.takeAsked().suffix(2)) == ["AAAA h", "A h"])
    }

    @Test("a family that we lack is not asked for")
    func families() {
        var dns = LookupHarness(["o 300 A 192.0.2.1"])
        _ = dns.targets(LocationQuery("o", port: 5060, families: [.v4]))
        #expect(dns.takeAsked() == ["A o"])
    }

    @Test("the hosts file decides alone")
    func hosts() {
        var dns = LookupHarness(["o 300 NAPTR 1 1 s SIP+D2U - _sip._udp.o", "_sip._udp.o 300 SRV 0 0 9 h"])
        let file = "# comment\n192.0.2.1\to O.Example # more\nnonsense x\n::1 o\n\n192.0.2.300 o\n"
        dns.lookups.replaceHosts(HostsTable(Array(file.utf8)))
        #expect(dns.targets(LocationQuery("o")) == ["0/0 udp:[::1]:5060", "1/0 udp:192.0.2.1:5060"])
        #expect(dns.targets(LocationQuery("o.example", .tls)) == ["0/0 tls:192.0.2.1:5061"])
        #expect(dns.takeAsked().isEmpty)
        dns.lookups.replaceHosts(HostsTable(Array("192.0.2.2 o".utf8)))
        #expect(dns.targets(LocationQuery("o")) == ["0/0 udp:192.0.2.2:5060"])
    }

    @Test("a name of one label is looked for in the domains of resolv.conf, then as it is")
    func search() {
        let file = "nameserver 192.0.2.53\nsearch ignored\nsearch lan  Office.example\n"
        var dns = LookupHarness(["pbx.office.example 300 A 192.0.2.1", "pbx 300 A 192.0.2.2", "only 300 A 192.0.2.3"])
        dns.lookups.serversChanged(search: SearchList(Array(file.utf8)))
        #expect(dns.targets(LocationQuery("pbx", port: 5060)) == ["0/0 udp:192.0.2.1:5060"])
        #expect(dns.targets(LocationQuery("only", port: 5060)) == ["0/0 udp:192.0.2.3:5060"])
        #expect(dns.targets(LocationQuery("none", port: 5060)) == ["unknown"])
        dns.zone.records += [ZoneRecord("_sip._udp.o.x 300 SRV 0 0 1 pbx")]
        #expect(dns.targets(LocationQuery("o.x")) == ["0/0 udp:192.0.2.2:1"], "a target is a whole name")
        #expect(!dns.takeAsked().contains { $0.hasSuffix("ignored") })
        #expect(dns.targets(LocationQuery("phone.lan", port: 5060)) == ["unknown"])
        #expect(Set(dns.takeAsked()) == ["A phone.lan", "AAAA phone.lan"])
    }

    @Test("what the hosts file says of an SRV target holds")
    func hostsOfTarget() {
        var dns = LookupHarness(["_sip._udp.o 300 SRV 0 0 9 h", "h 300 A 192.0.2.1"])
        dns.lookups.replaceHosts(HostsTable(Array("192.0.2.2 h".utf8)))
        #expect(dns.targets(LocationQuery("o")) == ["0/0 udp:192.0.2.2:9"])
    }

    @Test("a domain with thousands of records costs a bounded number of questions and places (security 36)")
    func hostile() {
        var lines: [String] = []
        for index in 0..<40 {
            lines.append("o 300 NAPTR \(index) 0 s SIP+D2U - _sip\(index)._udp.o")
            for target in 0..<40 { lines.append("_sip\(index)._udp.o 300 SRV \(target) 0 5060 h\(index)x\(target).o") }
        }
        var dns = LookupHarness(lines)
        dns.roundTrip = .milliseconds(1)
        #expect(dns.targets(LocationQuery("o")) == ["unknown"])
        #expect(dns.takeAsked().count <= 140)
        guard case .addresses(.unknownName) = dns.run(.sources(of: "o")).result else {
            Issue.record("the hosts have no addresses")
            return
        }
        #expect(dns.takeAsked().count <= 140)
    }

    @Test("all addresses that a trunk may call from are those of all its records")
    func sources() {
        var dns = LookupHarness([
            "o 300 NAPTR 1 1 s SIP+D2U - _sip._udp.e", "o 300 NAPTR 1 1 a SIP+D2T - t", "_sip._udp.e 300 SRV 0 0 1 a",
            "_sips._tcp.o 100 SRV 0 0 1 b", "a 300 A 192.0.2.1", "b 300 A 192.0.2.2", "b 300 AAAA 2001:db8::2",
            "t 300 A 192.0.2.3", "o 300 A 192.0.2.4", "o 300 A 192.0.2.1",
        ])
        guard case .addresses(.addresses(let found, let timeToLive)) = dns.run(.sources(of: "o")).result else {
            Issue.record("no addresses")
            return
        }
        let all = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "2001:db8::2"]
        #expect(found.map(\.description).sorted() == all)
        #expect(timeToLive == .seconds(60) - .milliseconds(40))
    }
}
