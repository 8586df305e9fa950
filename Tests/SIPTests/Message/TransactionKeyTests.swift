import SIP
import Testing

/// RFC 3261 §17.1.3 and §17.2.3: which messages belong to one transaction.
@Suite struct TransactionKeyTests {
    private static let invite = """
        INVITE sip:b@c SIP/2.0
        Via: SIP/2.0/UDP host.example.com:5060;branch=z9hG4bKone
        From: <sip:a@b>;tag=f
        To: <sip:b@c>
        Call-ID: k
        CSeq: 1 INVITE


        """

    /// What is changed, and whether the result still belongs to the transaction.
    @Test(arguments: [
        ("host.example.com", "HOST.example.com", true), ("z9hG4bKone", "z9hG4bKtwo", false), (":5060", ":5061", false),
        (":5060", "", false), ("host.example.com", "other.example.com", false), ("INVITE", "ACK", true),
        ("INVITE", "CANCEL", false), ("INVITE", "OPTIONS", false), ("sip:b@c SIP", "sip:x@c SIP", true),
        ("Call-ID: k", "Call-ID: l", true), ("To: <sip:b@c>", "To: <sip:b@c>;tag=t", true), ("UDP", "TCP", true),
        ("branch=z9hG4bKone", "rport;branch=z9hG4bKone;received=1.2.3.4", true),
        ("\nFrom", "\nVia: SIP/2.0/UDP x\nFrom", true),
    ])
    func `with the cookie: branch, sent-by and method`(from: String, to: String, isSame: Bool) throws {
        #expect(try (key(Self.invite) == key(Self.invite.replacing(from, with: to))) == isSame)
    }

    @Test(arguments: [
        ("INVITE", "ACK", true), ("To: <sip:b@c>", "To: <sip:b@c>;tag=t", true), ("sip:b@c SIP", "sip:x@c SIP", false),
        ("Call-ID: k", "Call-ID: l", false), ("tag=f", "tag=g", false), (";tag=f", "", false),
        ("CSeq: 1", "CSeq: 2", false),
        ("host.example", "other.example", false), ("INVITE", "OPTIONS", false), ("branch=one", "branch=two", false),
        ("\nFrom", "\nVia: SIP/2.0/UDP x\nFrom", true),
    ])
    func `without the cookie: what RFC 2543 compared`(from: String, to: String, isSame: Bool) throws {
        let old = Self.invite.replacing("z9hG4bKone", with: "one")
        #expect(try (key(old) == key(old.replacing(from, with: to))) == isSame)
    }

    @Test func `a cookie with nothing behind it is none, and a missing branch is fine (RFC 4475 §3.2.1)`() throws {
        let bare = Self.invite.replacing("z9hG4bKone", with: "z9hG4bK")
        #expect(try key(bare) != key(bare.replacing("Call-ID: k", with: "Call-ID: l")))
        let none = Self.invite.replacing(";branch=z9hG4bKone", with: "")
        #expect(try key(none) == key(none) && key(none) != key(bare))
    }

    @Test func `extension methods are told apart by their octets`() throws {
        let (one, other) = ("INFO", "INFo")
        #expect(
            try key(Self.invite.replacing("INVITE", with: one)) != key(Self.invite.replacing("INVITE", with: other)))
        #expect(
            try key(Self.invite.replacing("INVITE", with: "FOO")) != key(Self.invite.replacing("INVITE", with: "FOP")))
    }

    @Test func `CANCEL finds its INVITE when asked to`() throws {
        let cancel = try MessageParser.parse(datagram: wire(Self.invite.replacing("INVITE", with: "CANCEL")))
        #expect(try TransactionKey(serverOf: cancel, method: .invite) == key(Self.invite))
    }

    @Test func `a response belongs to the branch and the CSeq's method`() throws {
        let text = Self.invite.replacing("INVITE sip:b@c SIP/2.0", with: "SIP/2.0 200 OK")
        let response = try MessageParser.parse(datagram: wire(text))
        #expect(
            TransactionKey(clientOf: response) == TransactionKey(branch: Array("z9hG4bKone".utf8)[...], method: .invite)
        )
        #expect(
            TransactionKey(clientOf: response) != TransactionKey(branch: Array("z9hG4bKone".utf8)[...], method: .cancel)
        )
    }

    private func key(_ text: String) throws -> TransactionKey {
        TransactionKey(serverOf: try MessageParser.parse(datagram: wire(text)))
    }
}
