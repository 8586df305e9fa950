import TLS
import Testing

@Suite("TLS engine")
struct TLSEngineTests {
    let files: TLSFiles

    init() throws {
        files = try TLSFiles()
        try files.issue("edge", .init(["edge.example.org", "192.0.2.1"]))
    }

    func pair(
        to names: [String] = ["edge.example.org"], client: TLSContext? = nil, server: TLSContext? = nil,
        resuming session: TLSSession? = nil
    ) throws -> EnginePair {
        EnginePair(
            try TLSEngine(client: client ?? files.client(), to: names, resuming: session),
            try TLSEngine(server: server ?? files.server("edge")))
    }

    @Test("Two engines agree and carry text both ways, however it is cut", arguments: [1, 7, 1000, 65_536])
    func carries(piece: Int) throws {
        var pair = try pair()
        try pair.run(piece: piece)
        #expect(pair.client.state == .open && pair.server.state == .open)
        #expect(pair.client.version == "TLSv1.3")
        let large = [UInt8](repeating: 7, count: 70_000)
        try pair.client.send(Array("INVITE".utf8))
        try pair.client.send(large)
        try pair.server.send(Array("200".utf8))
        try pair.run(piece: piece)
        #expect(pair.serverText == Array("INVITE".utf8) + large)
        #expect(pair.clientText == Array("200".utf8))
        pair.client.finish()
        try pair.run()
        #expect(pair.server.isPeerFinished)
    }

    @Test("Nothing is encrypted before the handshake is over")
    func early() throws {
        let pair = try pair()
        try pair.client.send([1, 2, 3])
        #expect(pair.client.takeOutput().isEmpty)
    }

    @Test("The lowest version is kept on both sides")
    func versions() throws {
        let server = try files.server("edge", minimum: .v13)
        var modern = try pair(server: server)
        try modern.run()
        #expect(modern.client.version == "TLSv1.3")
        let old = OldPeer.make(client: try pair(server: server), highest: OldPeer.v12)
        #expect(old.failure() == "TLS failed: the peer offers no version of TLS that is allowed here")
        let allowed = OldPeer.make(client: try pair(), highest: OldPeer.v12)
        try allowed.run()
        #expect(allowed.server.version == "TLSv1.2")
        let older = OldPeer.make(client: try pair(), highest: OldPeer.v11)
        #expect(older.failure() != "none")
    }

    @Test(
        "security 35: a certificate for another name is refused before anything is sent",
        arguments: [
            (["edge.example.org"], true), (["EDGE.Example.Org"], true), (["192.0.2.1"], true),
            (["other.example.org"], false), (["example.org"], false), (["192.0.2.2"], false),
            (["x.edge.example.org"], false), (["my.itsp.example", "192.0.2.1"], true), ([], false),
        ])
    func names(names: [String], isGood: Bool) throws {
        var pair = try pair(to: names)
        let failure = pair.failure()
        #expect((failure == "none") == isGood, "\(failure)")
        #expect((pair.client.state == .open) == isGood)
        guard !isGood else { return }
        #expect(failure.contains("is for edge.example.org, 192.0.2.1, not for"))
        try pair.client.send([1])
        #expect(pair.client.takeOutput().isEmpty)
        #expect(pair.server.state == .handshaking)
    }

    @Test("Who is not to be verified is not")
    func unverified() throws {
        var pair = try pair(to: ["other.example.org"], client: files.client(verifies: false))
        try pair.run()
        #expect(pair.client.state == .open)
    }

    @Test("A certificate that has expired, or is not valid yet, is refused")
    func dates() throws {
        try files.issue("old", .init(["edge.example.org"], begins: -7200, ends: -3600))
        try files.issue("new", .init(["edge.example.org"], begins: 3600))
        for (name, reason) in [("old", "certificate has expired"), ("new", "certificate is not yet valid")] {
            var pair = try pair(server: files.server(name))
            #expect(pair.failure() == "the peer's certificate is not trusted: \(reason)")
        }
    }

    @Test("A certificate of somebody else's CA is refused, and the server told")
    func untrusted() throws {
        let stranger = try CertificateAuthority(name: "Stranger")
        files.write(stranger.issued.certificate, "stranger.pem")
        var pair = try pair(client: files.client(ca: "stranger.pem"))
        #expect(pair.failure().hasPrefix("the peer's certificate is not trusted: unable to get local issuer"))
        var text: [UInt8] = []
        #expect(throws: TLSFailure("TLS failed: the peer does not trust the CA of our certificate")) {
            try EnginePair.carry(pair.client.takeOutput(), to: pair.server, &text, 65_536)
        }
    }

    @Test("A server asks for certificates of clients, and says who they are")
    func clientCertificates() throws {
        try files.issue("itsp", .init(["sip.itsp.example"]))
        let required = try files.server("edge", clients: .required)
        var without = try pair(server: required)
        #expect(without.failure() == "TLS failed: the peer sent no certificate, which is required")
        var with = try pair(client: files.client("itsp"), server: required)
        try with.run()
        #expect(with.server.peerIdentities?.domains == ["sip.itsp.example"])
        var optional = try pair(server: files.server("edge", clients: .optional))
        try optional.run()
        #expect(optional.server.peerIdentities == nil)
        let stranger = try CertificateAuthority(name: "Stranger").issue(.init(["sip.itsp.example"]))
        files.write(stranger.certificate, "mallory.pem")
        files.write(stranger.key, "mallory.key")
        var forged = try pair(client: files.client("mallory"), server: files.server("edge", clients: .optional))
        #expect(forged.failure().hasPrefix("the peer's certificate is not trusted"))
        #expect(forged.server.peerIdentities == nil)
    }

    @Test("security 34: a handshake that is cut off anywhere stays without result, and one that is bent fails")
    func cutAndBent() throws {
        let first = try pair()
        try first.client.start()
        let hello = first.client.takeOutput()
        for length in stride(from: 0, to: hello.count, by: 5) {
            let server = try TLSEngine(server: files.server("edge"))
            var text: [UInt8] = []
            try EnginePair.carry(Array(hello.prefix(length)), to: server, &text, 65_536)
            #expect(server.state == .handshaking && text.isEmpty && server.takeOutput().isEmpty)
        }
        let context = try files.server("edge")
        for position in 0..<min(hello.count, 120) {
            var bent = hello
            bent[position] ^= 0x55
            let server = try TLSEngine(server: context)
            var text: [UInt8] = []
            do { try EnginePair.carry(bent, to: server, &text, 65_536) } catch { #expect(server.state == .closed) }
            #expect(server.state != .open && text.isEmpty)
        }
    }

    @Test(
        "What is no TLS is told in words",
        arguments: [
            ("OPTIONS sip:edge SIP/2.0\r\n\r\n", "the peer does not speak TLS"),
            ("GET / HTTP/1.1\r\n\r\n", "the peer speaks HTTP, not TLS"),
        ])
    func garbage(text: String, reason: String) throws {
        let server = try TLSEngine(server: files.server("edge"))
        var plain: [UInt8] = []
        #expect(throws: TLSFailure("TLS failed: \(reason)")) {
            try EnginePair.carry(Array(text.utf8), to: server, &plain, 65_536)
        }
        #expect(server.state == .closed)
        try EnginePair.carry([1, 2, 3], to: server, &plain, 65_536)
        #expect(plain.isEmpty)
    }

    @Test("Octets that are changed on their way end an open connection")
    func tampered() throws {
        var pair = try pair()
        try pair.run()
        try pair.client.send(Array("BYE".utf8))
        var record = pair.client.takeOutput()
        record[record.count - 1] ^= 1
        var text: [UInt8] = []
        #expect(throws: TLSFailure.self) { try EnginePair.carry(record, to: pair.server, &text, 65_536) }
        #expect(text.isEmpty && pair.server.state == .closed)
    }

    @Test("A session is resumed with the context that it began with, and with no other")
    func resumption() throws {
        let (client, server) = (try files.client(), try files.server("edge"))
        func first() throws -> TLSSession? {
            var first = try pair(client: client, server: server)
            try first.run()
            #expect(!first.client.isResumed)
            return first.client.session
        }
        let session = try #require(try first())
        var second = try pair(client: client, server: server, resuming: session)
        try second.run()
        #expect(second.client.isResumed && second.server.isResumed && second.client.state == .open)
        var other = try pair(client: files.client(), server: server, resuming: session)
        try other.run()
        #expect(!other.client.isResumed && other.client.state == .open)
        // One that began for a name that the certificate has proves no other (security 35).
        var misused = try pair(to: ["other.example.org"], client: client, server: server, resuming: session)
        #expect(
            misused.failure() == "the peer's certificate is for edge.example.org, 192.0.2.1, not for other.example.org")
        var restarted = try pair(client: client, server: files.server("edge"), resuming: session)
        try restarted.run()
        #expect(!restarted.client.isResumed && restarted.client.state == .open)
    }
}
