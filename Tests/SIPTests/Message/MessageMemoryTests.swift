import SIP
import TestSupport
import Testing

/// What is received takes no more memory than eight times its octets, and a little (security 17).
@Suite(.enabled(if: Heap.isFollowed)) struct MessageMemoryTests {
    /// What a message of whatever size may take beside that.
    private static let base = 1_024

    /// The most octets that a message holds while it is parsed and after, its own among them.
    private func expectBound(_ octets: [UInt8]) {
        // What is made once for all belongs to no message.
        _ = try? MessageParser.parse(datagram: octets)
        let peak = Heap.peak { try? MessageParser.parse(datagram: Array(octets[...])) }
        if peak > 8 * octets.count + Self.base { Issue.record("\(octets.count) octets take \(peak)") }
    }

    @Test(.enabled(if: Corpus.isPresent), arguments: ["ietf-call-flows", "kamailio-sip", "ietf-rfc4475"])
    func `messages of others (security 17)`(folder: String) throws {
        let messages = try Seeds.messages(of: folder)
        #expect(messages.count > 20)
        for message in messages { expectBound(message) }
    }

    @Test(arguments: [
        (field: "X:\n", count: 246), ("X:\n", 100), ("X:\n", 39), ("X:\n", 300), ("Via:SIP/2.0/UDP a\n", 63),
        ("Via:" + String(repeating: "SIP/2.0/UDP a,", count: 62) + "SIP/2.0/UDP a\n", 1), ("To:a@b\n", 246),
    ])
    func `the least octets with the most in them (security 17)`(field: String, count: Int) {
        let text = Texts.invite.replacing("Max-Forwards", with: String(repeating: field, count: count) + "Max-Forwards")
        // As line feeds, which are an octet less each.
        expectBound(Array(text.utf8))
    }
}
