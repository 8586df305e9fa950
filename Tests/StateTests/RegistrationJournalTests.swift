import NetworkTypes
import OutboundProxy
import Testing

@testable import sallyport

@Suite("Registration journal")
struct RegistrationJournalTests {
    let directory: TemporaryDirectory
    let start = Instant.zero + .seconds(1000)

    init() throws { directory = try TemporaryDirectory() }

    func open(at now: Instant) throws -> RegistrationJournal {
        try RegistrationJournal(try StateDirectory(path: directory.path), now: now)
    }

    func binding(_ number: Int, expires: Instant) -> Binding {
        Binding(
            token: Array("token\(number)".utf8), user: "account", domain: "my.itsp.com",
            contact: Array("sip:s@192.168.0.2:5060;line=\(number)".utf8),
            pbx: SocketAddress(IPAddress(v4: 0xc0a8_0002), 5060),
            registrar: Target(.tcp, SocketAddress(IPAddress(v4: 0xc633_6401), 5070)),
            expires: expires)
    }

    @Test("gives back what lives, with the time that is left, on a clock that starts anew")
    func restart() throws {
        let journal = try open(at: start)
        for number in 0..<3 {
            journal.record(.bind(binding(number, expires: start + .seconds(3600))), now: start)
        }
        journal.record(.bind(binding(1, expires: .zero)), now: start)
        journal.record(.bind(binding(3, expires: .zero + .seconds(999))), now: start)
        journal.flush()
        let loaded = try open(at: .zero).loaded
        for bound in loaded { #expect((.zero + .seconds(3590)...(.zero + .seconds(3601))).contains(bound.expires)) }
        let tokens = loaded.map { String(decoding: $0.token, as: UTF8.self) }
        #expect(tokens.sorted() == ["token0", "token2"])
        let first = try #require(loaded.first { $0.user == "account" && $0.token == Array("token0".utf8) })
        #expect(first.fields == binding(0, expires: start).fields)
    }

    @Test("stays small however often a registration is refreshed")
    func refreshes() throws {
        let journal = try open(at: start)
        for round in 0..<200 {
            for _ in 0..<100 { journal.record(.bind(binding(1, expires: start + .seconds(60))), now: start) }
            if round.isMultiple(of: 10) { journal.flush() }
        }
        journal.flush()
        #expect(try directory.bytes("registrations.journal").count < 2 << 20, "20,000 records are 4 MB")
        #expect(try open(at: start).loaded.count == 1)
    }

    @Test("keeps every account that a PBX registers with one Contact, and so with one token")
    func sharedContact() throws {
        let journal = try open(at: start)
        var bindings = (0..<3).map { _ in binding(1, expires: start + .seconds(3600)) }
        for index in bindings.indices { bindings[index].user = "account\(index)" }
        for binding in bindings { journal.record(.bind(binding), now: start) }
        bindings[2].expires = .zero
        journal.record(.bind(bindings[2]), now: start)
        journal.flush()
        // The second time from what the compaction of the first has left.
        for _ in 0..<2 {
            let reopened = try open(at: start)
            reopened.flush()
            #expect(reopened.loaded.map(\.user).sorted() == ["account0", "account1"])
        }
    }
}
