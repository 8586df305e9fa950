import NetworkTypes
import Reactor
import Testing

@Suite("Name resolver")
struct NameResolverTests {
    private func resolve(_ name: String, _ family: IPAddress.Family? = nil) throws -> NameResolution? {
        let loop = try EventLoop()
        let resolver = try NameResolver(on: loop)
        var answer: NameResolution?
        resolver.resolve(name, family: family) { answer = $0 }
        #expect(answer == nil)
        #expect(loop.run(until: { answer != nil }, within: .seconds(30)))
        withExtendedLifetime(resolver) {}
        return answer
    }

    @Test("localhost is the loopback address")
    func localhost() throws {
        #expect(try resolve("localhost", .v4) == .addresses([IPAddress(v4: 0x7f00_0001)]))
        guard case .addresses(let all) = try resolve("localhost") else {
            Issue.record("localhost has no address")
            return
        }
        #expect(all.allSatisfy { $0.isLoopback })
        #expect(Set(all).count == all.count)
    }

    @Test("a literal is its own address, where the family fits")
    func literals() throws {
        let v6 = try #require(IPAddress("2001:db8::1"))
        #expect(try resolve("192.0.2.1") == .addresses([IPAddress(v4: 0xc000_0201)]))
        #expect(try resolve("[2001:db8::1]", .v6) == .addresses([v6]))
        #expect(try resolve("192.0.2.1", .v6) == .unknownName)
    }

    @Test(
        "names that no resolver should see are unknown",
        arguments: ["", ".", "2130706433", "0x7f.1", "127.1", "1.2.3.4.5", "host.3com", "a..", "local\0host"])
    func refused(_ name: String) throws {
        #expect(try resolve(name) == .unknownName)
    }

    @Test("a name that is too long is unknown")
    func tooLong() throws {
        #expect(try resolve(String(repeating: "a.", count: 200) + "example") == .unknownName)
    }

    @Test("questions beyond the limit fail at once, the same question twice counts once")
    func limit() throws {
        let loop = try EventLoop()
        let resolver = try NameResolver(on: loop, threads: 1, limit: 2)
        var answers: [String: [NameResolution]] = [:]
        for name in ["localhost", "localhost", "localhost.", "LOCALHOST"] {
            resolver.resolve(name, family: .v4) { answers[name, default: []].append($0) }
        }
        #expect(loop.run(until: { answers.values.reduce(0) { $0 + $1.count } == 4 }, within: .seconds(30)))
        #expect(answers["localhost"]?.count == 2)
        #expect(answers["LOCALHOST"] == [.temporaryFailure])
    }

    @Test("a resolver may be released with questions open")
    func release() throws {
        let loop = try EventLoop()
        var resolver: NameResolver? = try NameResolver(on: loop)
        resolver?.resolve("localhost") { _ in Issue.record("answered after release") }
        resolver = nil
        loop.run()
    }
}
