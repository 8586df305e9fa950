import Glibc
import NetworkTypes
import Testing

@testable import OutboundProxy

/// Registrations and trunks: what is found by which key, what ages out, and what it costs when there are many.
@Suite struct DirectoryTests {
    static let start = Instant(nanoseconds: 1_000_000_000)
    static let itsp = ip("203.0.113.10")

    static func ip(_ text: String) -> IPAddress { IPAddress(text) ?? .unspecified(.v4) }

    static func binding(
        _ user: String, _ domain: String = "itsp.example", token: String? = nil, registrar: IPAddress = itsp,
        contact: String = "sip:s@192.168.0.2:5060", pbx: String = "192.168.0.2:5060", seconds: Int64 = 3600
    ) -> Binding {
        Binding(
            token: Array((token ?? "r-\(user)").utf8), user: user, domain: domain, contact: Array(contact.utf8),
            pbx: ProxyHarness.address(pbx), registrar: Target(.udp, SocketAddress(registrar, 5060)),
            expires: seconds == 0 ? .zero : start + .seconds(seconds))
    }

    private func directory(_ bindings: [Binding], trunks: [TrunkSettings] = []) -> Directory {
        var directory = Directory(trunks: trunks)
        for binding in bindings { directory.apply(.bind(binding)) }
        return directory
    }

    private func users(_ bindings: [Binding]) -> [String] { bindings.map(\.user).sorted() }

    // MARK: Finding

    @Test func `bindings are found by AOR, by Contact user and by token`() {
        let all = [
            Self.binding("1000", contact: "sip:gw1@192.168.0.2"), Self.binding("2000", contact: "sip:gw2@192.168.0.2"),
            Self.binding("1000", "other.example", token: "r-other", contact: "sip:gw3@192.168.0.2"),
        ]
        let found = directory(all).registrations
        #expect(found.bindings(of: "1000", domain: "itsp.example", at: Self.start) == [all[0]])
        #expect(found.bindings(contactUser: "gw2", domain: "itsp.example", at: Self.start) == [all[1]])
        #expect(found.bindings(contactUser: "gw3", domain: "itsp.example", at: Self.start).isEmpty)
        #expect(users(found.bindings(domain: "itsp.example", at: Self.start)) == ["1000", "2000"])
        #expect(found.has(user: "1000", domain: "other.example") && !found.has(user: "2000", domain: "other.example"))
        #expect(found.isPBX(Self.ip("192.168.0.2"), at: Self.start) && !found.isPBX(Self.itsp, at: Self.start))
        #expect(found.count == 3 && found.all.count { _ in true } == 3)
    }

    @Test func `a token that AORs share: by who asks, then by whom it asks for`() {
        let other = Self.ip("203.0.113.20")
        let all = [
            Self.binding("1000", "a.example", token: "r"), Self.binding("1001", "a.example", token: "r"),
            Self.binding("2000", "b.example", token: "r", registrar: other),
            Self.binding("1001", "b.example", token: "r", registrar: other),
        ]
        let directory = directory(all)
        func found(_ source: IPAddress, _ users: [String]) -> String? {
            directory.binding(token: Array("r".utf8), from: source, users: { users }, at: Self.start)
                .map { "\($0.user)@\($0.domain)" }
        }
        #expect(found(Self.itsp, ["1001"]) == "1001@a.example")
        #expect(found(Self.itsp, ["5551234", "1000"]) == "1000@a.example")
        #expect(found(other, ["1001"]) == "1001@b.example")
        #expect(found(other, ["5551234"]) == "1001@b.example")
        #expect(found(Self.ip("198.51.100.1"), ["2000"]) != nil)
    }

    @Test func `two Contacts of one AOR are two bindings, the longest-lived first`() {
        let all = [
            Self.binding("1000", token: "r1", seconds: 60),
            Self.binding("1000", token: "r2", pbx: "192.168.0.3:5060", seconds: 90),
        ]
        var directory = directory(all)
        #expect(directory.registrations.bindings(of: "1000", domain: "itsp.example", at: Self.start) == all.reversed())
        #expect(directory.registrations.pbxs(domain: "itsp.example", at: Self.start).count == 2)
        directory.apply(.bind(Self.binding("1000", token: "r2", pbx: "192.168.0.3:5060", seconds: 0)))
        #expect(directory.registrations.bindings(of: "1000", domain: "itsp.example", at: Self.start) == [all[0]])
        #expect(directory.registrations.pbxs(domain: "itsp.example", at: Self.start) == [ProxyHarness.pbx])
    }

    // MARK: Ageing

    @Test func `a trunk's addresses live as long as a binding that was made there`() {
        let second = Self.ip("203.0.113.11")
        var directory = directory([Self.binding("1000", seconds: 60), Self.binding("2000", registrar: second)])
        func known(_ address: IPAddress, _ seconds: Int64) -> [Bool] {
            let now = Self.start + .seconds(seconds)
            return [directory.isTrunk(address, at: now), !directory.learnedDomains(at: address, now: now).isEmpty]
        }
        #expect(known(Self.itsp, 59) == [true, true] && known(Self.itsp, 60) == [false, false])
        #expect(known(second, 61) == [true, true])
        // The account moves to the other registrar, and goes.
        directory.apply(.bind(Self.binding("2000", registrar: Self.itsp)))
        #expect(known(second, 1) == [false, false] && known(Self.itsp, 61) == [true, true])
        directory.apply(.bind(Self.binding("2000", seconds: 0)))
        directory.sweep(at: Self.start + .seconds(1))
        #expect(known(Self.itsp, 59) == [true, true] && known(Self.itsp, 60) == [false, false])
        directory.sweep(at: Self.start + .seconds(61))
        #expect(directory.isEmpty && directory.summaries.isEmpty)
    }

    @Test func `what answered OPTIONS is believed until then, bindings or not`() {
        var directory = directory([])
        directory.apply(.learn(domain: "itsp.example", address: Self.itsp, until: Self.start + .seconds(600)))
        directory.apply(.bind(Self.binding("1000")))
        directory.apply(.bind(Self.binding("1000", seconds: 0)))
        #expect(directory.learnedDomains(at: Self.itsp, now: Self.start + .seconds(599)) == ["itsp.example"])
        #expect(!directory.isTrunk(Self.itsp, at: Self.start + .seconds(600)))
        directory.sweep(at: Self.start + .seconds(601))
        #expect(directory.isEmpty)
    }

    @Test func `what a domain resolves to counts while the domain is a trunk's`() {
        let named = Self.ip("192.0.2.44")
        var directory = directory([Self.binding("1000", seconds: 60)])
        directory.apply(.resolved(domain: "itsp.example", addresses: [Self.itsp, named]))
        directory.apply(.resolved(domain: "else.example", addresses: [Self.ip("192.0.2.45")]))
        #expect(directory.isTrunk(named, at: Self.start))
        #expect(directory.learnedDomains(at: named, now: Self.start) == ["itsp.example"])
        #expect(!directory.isTrunk(Self.ip("192.0.2.45"), at: Self.start))
        directory.apply(.resolved(domain: "itsp.example", addresses: [Self.itsp]))
        #expect(!directory.isTrunk(named, at: Self.start))
        directory.apply(.resolved(domain: "itsp.example", addresses: [named]))
        directory.sweep(at: Self.start + .seconds(61))
        #expect(
            !directory.isTrunk(named, at: Self.start + .seconds(61)) && directory.addresses(of: "itsp.example").isEmpty)
    }

    @Test func `a summary for each account, with its own registrations`() {
        let trunks = [
            TrunkSettings(name: "one", domain: "itsp.example", user: "1000"),
            TrunkSettings(name: "two", domain: "itsp.example", user: "2000"),
        ]
        let bindings = [
            Self.binding("1000"), Self.binding("2000"), Self.binding("2000", token: "r3"), Self.binding("3000"),
        ]
        let found = directory(bindings, trunks: trunks).summaries
        #expect(found.map(\.name) == ["itsp.example", "one", "two"] && found.map(\.bindings) == [1, 1, 2])
        #expect(found.map(\.isConfigured) == [false, true, true])
        #expect(found.dropFirst().allSatisfy { $0.addresses == [Self.itsp] })
    }

    // MARK: Many

    /// The processor time of a round of everything that is asked and told while calls and refreshes come, the best of a few.
    private func cost(of count: Int, domains: Int, contact: (Int) -> String) -> Duration {
        var directory = directory(
            (0..<count).map { Self.binding("\($0)", "d\($0 % domains).example", contact: contact($0)) })
        let rounds = stride(from: 0, to: count, by: count / 100)
        return (0..<5).map { _ in
            let start = processorTime
            for index in rounds {
                let (user, domain) = ("\(index)", "d\(index % domains).example")
                _ = directory.binding(token: Array("r-\(user)".utf8), from: Self.itsp, users: { [] }, at: Self.start)
                _ = directory.registrations.bindings(of: user, domain: domain, at: Self.start)
                _ = directory.registrations.bindings(contactUser: "s", domain: domain, at: Self.start)
                _ = directory.registrations.bindings(domain: domain, at: Self.start)
                _ = directory.registrations.pbxs(domain: domain, at: Self.start)
                _ = directory.isTrunk(Self.itsp, at: Self.start)
                for seconds in [1800, 0, 3600] as [Int64] {
                    directory.apply(.bind(Self.binding(user, domain, contact: contact(index), seconds: seconds)))
                }
            }
            return processorTime - start
        }.min() ?? .zero
    }

    private var processorTime: Duration {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    @Test("10,000 registrations cost each question and change what 500 do", arguments: [1, 3])
    func constantCost(domains: Int) {
        for contact in ["sip:s@192.168.0.2:5060", "sip:s@192.168.0.2:5060;line="] {
            let few = cost(of: 500, domains: domains) { contact + (contact.hasSuffix("=") ? "\($0)" : "") }
            let many = cost(of: 10_000, domains: domains) { contact + (contact.hasSuffix("=") ? "\($0)" : "") }
            #expect(many < few * 5, "\(many) for 10,000, \(few) for 500")
        }
    }
}
