import DNS
import Foundation
import Glibc
import NetworkTypes
import Reactor
import Resolver
import TestSupport
import Testing

/// A loop with servers and a resolver that asks them.
private final class Bed {
    let loop: EventLoop
    let servers: [DNSServer]
    var resolver: Resolver?
    let folder: String

    init(
        _ zone: [String], servers count: Int = 1, timeout: Duration = .seconds(1),
        _ change: (inout ResolverSettings) -> Void = { _ in }
    ) throws {
        let loop = try EventLoop()
        self.loop = loop
        servers = try (0..<count).map { _ in try DNSServer(on: loop, zone) }
        folder = NSTemporaryDirectory() + "resolver-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var settings = ResolverSettings()
        settings.servers = servers.map(\.address)
        settings.resolvConfPath = folder + "/resolv.conf"
        settings.hostsPath = folder + "/hosts"
        settings.timeout = timeout
        change(&settings)
        resolver = Resolver(on: loop, settings: settings)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func write(_ text: String, to file: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/" + file))
    }

    /// The targets as text, and the time that they took.
    func locate(
        _ host: String, port: UInt16? = nil, can: [TransportProtocol] = [.udp]
    ) -> (targets: [String], time: Duration) {
        var found: Location?
        let start = ContinuousClock.now
        resolver?.locate(LocationQuery(host: host, port: port, transports: can, families: [.v4, .v6])) { found = $0 }
        wait { found != nil }
        let time = ContinuousClock.now - start
        switch found {
        case .targets(let targets): return (targets.map(\.target.description), time)
        case .unknownName: return (["unknown"], time)
        case .unavailable: return (["unavailable"], time)
        case nil: return (["no reply"], time)
        }
    }

    func addresses(_ name: String) -> AddressAnswer? {
        var found: AddressAnswer?
        resolver?.addresses(of: name) { found = $0 }
        wait { found != nil }
        return found
    }

    @discardableResult
    func wait(_ limit: Duration = .seconds(10), _ condition: @escaping () -> Bool = { false }) -> Bool {
        if condition() { return true }
        let guardian = Timer(on: loop) { [unowned loop] in loop.stop() }
        guardian.schedule(after: limit)
        let check = RepeatingTimer(on: loop, every: .milliseconds(1)) { [unowned loop] in
            if condition() { loop.stop() }
        }
        loop.run()
        withExtendedLifetime((guardian, check)) {}
        return condition()
    }
}

@Suite("Resolver on c-ares")
struct ResolverTests {
    private static let zone = [
        "itsp.example 300 NAPTR 1 1 s SIP+D2U - _sip._udp.itsp.example",
        "_sip._udp.itsp.example 300 SRV 1 0 5070 one.itsp.example",
        "_sip._udp.itsp.example 300 SRV 2 0 5080 two.itsp.example", "one.itsp.example 300 A 192.0.2.1",
        "two.itsp.example 300 AAAA 2001:db8::2", "host.example 300 A 192.0.2.3", "brief.example 1 A 192.0.2.4",
    ]
    private static let targets = ["udp:192.0.2.1:5070", "udp:[2001:db8::2]:5080"]

    @Test("a domain is located over the wire, and asked for once")
    func locate() throws {
        let bed = try Bed(Self.zone)
        #expect(bed.locate("itsp.example").targets == Self.targets)
        let queries = bed.servers[0].takeQueries()
        #expect(queries.allSatisfy { $0.hasEDNS && !$0.isTCP })
        #expect(Set(queries.compactMap(\.type)) == [.naptr, .srv, .a, .aaaa])
        var isThere = false
        bed.resolver?.locate(
            LocationQuery(host: "itsp.example", transports: [.udp], families: [.v4, .v6])
        ) { _ in isThere = true }
        #expect(isThere, "a cached location is there within the call")
        #expect(bed.servers[0].takeQueries().isEmpty)
        #expect(bed.locate("nowhere.example").targets == ["unknown"])
    }

    @Test("the same question of many is asked once")
    func shared() throws {
        let bed = try Bed(Self.zone)
        var replies = 0
        for _ in 0..<100 { bed.resolver?.addresses(of: "Host.example") { _ in replies += 1 } }
        #expect(replies == 0)
        #expect(bed.wait { replies == 100 })
        #expect(bed.servers[0].takeQueries().count == 2)
    }

    @Test("an answer too long for UDP is fetched by TCP")
    func truncation() throws {
        let bed = try Bed(Self.zone)
        bed.servers[0].conduct = { _ in .truncate }
        #expect(bed.locate("itsp.example").targets == Self.targets)
        #expect(bed.servers[0].takeQueries().contains { $0.isTCP })
    }

    @Test("answers with a wrong id or a wrong question are not believed (security 36)")
    func lies() throws {
        for conduct in [DNSServer.Conduct.wrongID, .wrongQuestion, .garbage] {
            let bed = try Bed(Self.zone, timeout: .milliseconds(100)) { $0.lookups.budget = .milliseconds(300) }
            bed.servers[0].conduct = { _ in conduct }
            #expect(bed.locate("host.example", port: 5060).targets == ["unavailable"])
        }
        let bed = try Bed(Self.zone, timeout: .milliseconds(100))
        bed.servers[0].conduct = { _ in .lieThenAnswer }
        #expect(bed.locate("host.example", port: 5060).targets == ["udp:192.0.2.3:5060"])
    }

    @Test("a silent server ends in no answer within the budget, and the loop turns all the while")
    func silence() throws {
        let bed = try Bed(Self.zone, timeout: .milliseconds(100))
        bed.servers[0].conduct = { _ in .silence }
        var ticks = 0
        let ticker = RepeatingTimer(on: bed.loop, every: .milliseconds(10)) { ticks += 1 }
        let found = bed.locate("itsp.example")
        #expect(found.targets == ["unavailable"])
        #expect(found.time < .seconds(3))
        #expect(ticks > 20)
        withExtendedLifetime(ticker) {}
    }

    @Test("with the first of two servers dead the second answers well within the budget")
    func secondServer() throws {
        let bed = try Bed(Self.zone, servers: 2, timeout: .milliseconds(100))
        bed.servers[0].conduct = { _ in .silence }
        let found = bed.locate("itsp.example")
        #expect(found.targets == Self.targets)
        #expect(found.time < .seconds(2))
    }

    @Test("a server that fails or refuses is passed over", arguments: [2, 4, 5] as [UInt16])
    func failing(_ code: UInt16) throws {
        let bed = try Bed(Self.zone, servers: 2)
        bed.servers[0].conduct = { _ in .code(code) }
        let found = bed.locate("itsp.example")
        #expect(found.targets == Self.targets)
        #expect(found.time < .seconds(2))
        let lone = try Bed(Self.zone)
        lone.servers[0].conduct = { _ in .code(code) }
        #expect(lone.locate("itsp.example").targets == ["unavailable"])
    }

    @Test("a server that does not know EDNS is asked without")
    func withoutEDNS() throws {
        let bed = try Bed(Self.zone)
        bed.servers[0].conduct = { $0.hasEDNS ? .code(1) : .answer }
        #expect(bed.locate("itsp.example").targets == Self.targets)
    }

    @Test("a server that never lets NAPTR pass does not hide SRV")
    func withoutNAPTR() throws {
        for conduct in [DNSServer.Conduct.code(2), .code(4), .silence] {
            let bed = try Bed(Self.zone, timeout: .milliseconds(100)) { $0.lookups.budget = .milliseconds(400) }
            bed.servers[0].conduct = { $0.type == .naptr ? conduct : .answer }
            #expect(bed.locate("itsp.example").targets == Self.targets)
        }
    }

    @Test("a slow server is waited for, within the budget")
    func slow() throws {
        let bed = try Bed(Self.zone, timeout: .milliseconds(100))
        bed.servers[0].conduct = { _ in .delay(.milliseconds(250)) }
        let found = bed.locate("itsp.example")
        #expect(found.targets == Self.targets)
        #expect(found.time < .seconds(3))
    }

    @Test("nobody behind the port is as good as silence, and known sooner")
    func nobody() throws {
        let bed = try Bed([], timeout: .milliseconds(100)) {
            $0.servers = [SocketAddress(IPAddress(v4: 0x7f00_0001), 9)]
        }
        let found = bed.locate("itsp.example")
        #expect(found.targets == ["unavailable"])
        #expect(found.time < .milliseconds(1900))
    }

    @Test("an answer that changes is followed when its time to live is over")
    func change() throws {
        let bed = try Bed(Self.zone)
        let first = try #require(IPAddress("192.0.2.4"))
        #expect(bed.addresses("brief.example")?.list == [first])
        bed.servers[0].zone.records.removeAll { $0.name == "brief.example" }
        bed.servers[0].zone.records.append(.init("brief.example 1 A 192.0.2.5"))
        #expect(bed.addresses("brief.example")?.list == [first])
        bed.wait(.milliseconds(1100))
        #expect(bed.addresses("brief.example")?.list == [try #require(IPAddress("192.0.2.5"))])
    }

    @Test("while the servers are silent, old answers are given: after a moment, then at once")
    func stale() throws {
        let bed = try Bed(Self.zone, timeout: .milliseconds(100))
        #expect(bed.locate("brief.example", port: 5060).targets == ["udp:192.0.2.4:5060"])
        bed.servers[0].conduct = { _ in .silence }
        bed.wait(.milliseconds(1100))
        let first = bed.locate("brief.example", port: 5060)
        #expect(first.targets == ["udp:192.0.2.4:5060"])
        #expect(first.time < .milliseconds(1500))
        var second: Location?
        let query = LocationQuery(host: "brief.example", port: 5060, transports: [.udp], families: [.v4, .v6])
        bed.resolver?.locate(query) { second = $0 }
        let address = SocketAddress(try #require(IPAddress("192.0.2.4")), 5060)
        #expect(second == .targets([LocatedTarget(Target(.udp, address))]), "within the call")
    }

    @Test("the servers of resolv.conf are asked, and others when it changes")
    func resolvConf() throws {
        let bed = try Bed(["itsp.example 1 A 192.0.2.1"]) { $0.fileCheckInterval = .zero }
        let first = bed.servers[0]
        let other = SocketAddress(IPAddress(v4: 0x7f00_0002), first.address.port)
        let second = try DNSServer(
            on: bed.loop, ["itsp.example 1 A 192.0.2.2", "new.example 1 A 192.0.2.3"], at: other)
        var settings = ResolverSettings()
        settings.resolvConfPath = bed.folder + "/resolv.conf"
        settings.hostsPath = bed.folder + "/hosts"
        settings.fileCheckInterval = .zero
        settings.port = first.address.port
        try bed.write("nameserver 127.0.0.1\n", to: "resolv.conf")
        bed.resolver = Resolver(on: bed.loop, settings: settings)
        #expect(bed.locate("itsp.example", port: 1).targets == ["udp:192.0.2.1:1"])
        #expect(bed.locate("new.example", port: 1).targets == ["unknown"])
        try bed.write("nameserver 127.0.0.2\n", to: "resolv.conf")
        #expect(bed.locate("other.example", port: 1).targets == ["unknown"])
        #expect(second.takeQueries().map(\.name) == ["other.example", "other.example"])
        // A question that the old servers sit on is put to the new ones.
        second.conduct = { _ in .silence }
        var found: AddressAnswer?
        bed.resolver?.addresses(of: "late.example") { found = $0 }
        try bed.write("nameserver 127.0.0.1\n#\n", to: "resolv.conf")
        first.zone.records.append(ZoneRecord("late.example 1 A 192.0.2.4"))
        #expect(bed.locate("once.more.example", port: 1).targets == ["unknown"])
        #expect(bed.wait { found != nil })
        #expect(found?.list == [try #require(IPAddress("192.0.2.4"))])
    }

    @Test("the hosts file answers first, and is read again when it changes")
    func hosts() throws {
        let bed = try Bed(Self.zone) { $0.fileCheckInterval = .zero }
        #expect(bed.locate("host.example").targets == ["udp:192.0.2.3:5060"])
        try bed.write("192.0.2.30 host.example\n", to: "hosts")
        #expect(bed.locate("host.example").targets == ["udp:192.0.2.30:5060"])
        #expect(bed.addresses("host.example")?.list == [try #require(IPAddress("192.0.2.30"))])
        try bed.write("192.0.2.31 host.example other\n", to: "hosts")
        #expect(bed.locate("host.example").targets == ["udp:192.0.2.31:5060"])
        try FileManager.default.removeItem(atPath: bed.folder + "/hosts")
        #expect(bed.locate("host.example").targets == ["udp:192.0.2.3:5060"])
    }

    @Test("the system's hosts file is understood")
    func system() throws {
        let bed = try Bed([]) { $0.hostsPath = "/etc/hosts" }
        #expect(bed.addresses("localhost")?.list.allSatisfy { $0.isLoopback } == true)
        #expect(bed.addresses("localhost")?.list.isEmpty == false)
    }

    @Test("a literal is its own address, where the family fits")
    func literals() throws {
        let bed = try Bed([])
        #expect(bed.addresses("[2001:db8::1]")?.list == [try #require(IPAddress("2001:db8::1"))])
        var answer: AddressAnswer?
        bed.resolver?.addresses(of: "192.0.2.1", families: [.v6]) { answer = $0 }
        #expect(answer?.list == [])
    }

    @Test("a name is followed: when its answer is over, and soon after a failure; no answer changes nothing")
    func follow() throws {
        let bed = try Bed(
            ["trunk.example 1 A 192.0.2.1", "_sip._tcp.trunk.example 1 SRV 0 0 1 trunk.example"],
            timeout: .milliseconds(100))
        let resolver = try #require(bed.resolver)
        var told: [[String]] = []
        bed.servers[0].conduct = { _ in .code(3) }
        let follower = NameFollower(on: bed.loop, every: .milliseconds(50) ... .seconds(300)) {
            resolver.sources(of: "trunk.example", reply: $0)
        } onChange: {
            told.append($0.map(\.description))
        }
        bed.wait(.milliseconds(100))
        #expect(told.isEmpty)
        bed.servers[0].conduct = { _ in .answer }
        bed.wait { told.count == 1 }
        bed.servers[0].zone.records.append(ZoneRecord("trunk.example 1 A 192.0.2.2"))
        bed.wait { told.count == 2 }
        #expect(told == [["192.0.2.1"], ["192.0.2.1", "192.0.2.2"]])
        bed.servers[0].conduct = { _ in .silence }
        bed.wait(.milliseconds(1500))
        #expect(told.count == 2)
        #expect(follower.addresses.count == 2)
    }

    @Test("a resolver may be released with questions open, and from within a reply")
    func release() throws {
        let bed = try Bed(Self.zone)
        bed.servers[0].conduct = { _ in .delay(.milliseconds(50)) }
        bed.resolver?.addresses(of: "host.example") { _ in Issue.record("answered after release") }
        bed.wait(.milliseconds(20))
        bed.resolver = nil
        bed.wait(.milliseconds(200))

        let other = try Bed(Self.zone)
        var replies = 0
        for name in ["host.example", "brief.example", "one.itsp.example"] {
            other.resolver?.addresses(of: name) { _ in
                replies += 1
                other.resolver = nil
            }
        }
        #expect(other.wait { replies > 0 })
        other.wait(.milliseconds(100))
    }

    @Test("a reply may ask again")
    func reentry() throws {
        let bed = try Bed(Self.zone)
        var found: [IPAddress] = []
        bed.resolver?.addresses(of: "host.example") { [unowned bed] _ in
            bed.resolver?.addresses(of: "host.example") { [unowned bed] answer in
                found += answer.list
                bed.resolver?.addresses(of: "brief.example") { found += $0.list }
            }
        }
        #expect(bed.wait { found.count == 2 })
    }

    @Test("a resolver has a socket only while it waits for an answer")
    func idle() throws {
        let bed = try Bed(Self.zone)
        let server = bed.servers[0].address
        /// Descriptors that are connected to the server: other tests run in this process, too.
        func connections() -> Int {
            (Int32(0)..<4096).count { descriptor in
                var peer = sockaddr_in()
                var length = socklen_t(MemoryLayout<sockaddr_in>.size)
                let isConnected = withUnsafeMutablePointer(to: &peer) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &length) == 0 }
                }
                return isConnected && peer.sin_family == AF_INET && UInt16(bigEndian: peer.sin_port) == server.port
            }
        }
        var isThere = false
        bed.resolver?.addresses(of: "host.example") { _ in isThere = true }
        #expect(connections() == 1)
        #expect(bed.wait { isThere })
        bed.wait(.milliseconds(50))
        #expect(connections() == 0)
    }
}
