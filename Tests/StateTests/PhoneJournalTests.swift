import NetworkTypes
import OutboundProxy
import Testing

@testable import sallyport

@Suite("Phone journal")
struct PhoneJournalTests {
    let directory: TemporaryDirectory
    let start = Instant.zero + .seconds(1000)

    init() throws { directory = try TemporaryDirectory() }

    func open(at now: Instant) throws -> PhoneJournal {
        try PhoneJournal(try StateDirectory(path: directory.path), now: now)
    }

    func phone(_ number: Int, connection: UInt64 = 0, expires: Duration = .seconds(600)) -> PhoneBinding {
        PhoneBinding(
            key: Array("key\(number)".utf8), user: "home\(number)", domain: "pbx.example.org",
            contact: Array("sip:home@10.0.0.2:5070;line=\(number)".utf8),
            flow: Flow(
                listener: ListenerID(3), peer: SocketAddress(IPAddress(v4: 0xc633_6463), 40001), connection: connection),
            seen: start, expires: start + expires)
    }

    @Test("gives back the phones over UDP that live")
    func restart() throws {
        let journal = try open(at: start)
        for number in 0..<3 { journal.record(.phone(phone(number)), now: start) }
        journal.record(.phone(phone(3, connection: 7)), now: start)
        // It unregisters; it goes to a connection.
        var gone = phone(1)
        gone.expires = .zero
        journal.record(.phone(gone), now: start)
        journal.record(.phone(phone(2, connection: 8)), now: start)
        journal.flush()
        for _ in 0..<2 {
            let reopened = try open(at: .zero)
            reopened.flush()
            #expect(reopened.loaded.map(\.fields) == [phone(0).fields])
            let expires = try #require(reopened.loaded.first?.expires)
            #expect((.zero + .seconds(590)...(.zero + .seconds(601))).contains(expires))
        }
        #expect(PhoneJournal.read(directory.path + "/phones.journal", now: start).map(\.user) == ["home0"])
    }

    @Test("leaves out what can't have been written")
    func foreign() throws {
        let state = try StateDirectory(path: directory.path)
        let journal = try state.journal("phones") { _ in }
        for fields in [[], [[1]], phone(0).fields, phone(0).fields + [Array("soon".utf8)]] {
            journal.append(RecordFields.octets(fields))
        }
        journal.append([0, 9, 1])
        journal.flush()
        #expect(try open(at: start).loaded.isEmpty)
    }
}
