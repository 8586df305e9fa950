import Admin
import Foundation
import NetworkTypes
import TLS
import TestSupport
import Testing

@Suite("The executable: TLS under attack, and new certificates")
struct TLSAttackTests {
    private func options(_ callID: String, _ stage: Stage) -> [UInt8] {
        Array(
            """
            OPTIONS sip:\(stage.inside);transport=tls SIP/2.0\r
            Via: SIP/2.0/TLS \(stage.pbx.address);branch=z9hG4bK\(callID)\r
            Max-Forwards: 70\r
            From: <sip:a@\(stage.pbx.address)>;tag=\(callID)\r
            To: <sip:\(stage.inside)>\r
            Call-ID: \(callID)\r
            CSeq: 1 OPTIONS\r
            Content-Length: 0\r
            \r

            """.utf8)
    }

    private func client(_ stage: Stage, from address: IPAddress? = nil, to door: SocketAddress? = nil) throws
        -> TestStream
    {
        let door = door ?? stage.inside
        let stream = try TestStream(to: door, from: SocketAddress(address ?? stage.pbx.address.ip, 0))
        stream.secure(try TLSEngine(client: #require(stage.certificates).client(), to: ["\(door.ip)"]))
        return stream
    }

    private func ask(_ callID: String, _ stage: Stage, on stream: TestStream) throws {
        stream.send(options(callID, stage))
        let message = WireMessage(try #require(stream.message(), "\(callID)"))
        #expect(message?.kind == "200 OPTIONS" && message?["Call-ID"] == callID)
    }

    // MARK: Handshakes

    @Test("security 33: strangers have so many handshakes at once and five seconds for each; a known peer gets in")
    func halfOpen() throws {
        let stage = try Stage(pbxOver: .tls, itspOver: .tls)
        try stage.start()
        let begin = Date()
        var open: [TestStream] = []
        var refused = 0
        for _ in 0..<40 {
            let stream = try TestStream(to: stage.outside, from: SocketAddress(stage.host(66), 0))
            // Most say nothing, some begin.
            if open.count.isMultiple(of: 3) { stream.sendPlain([0x16, 3, 1, 2, 0, 1, 0]) }
            open.append(stream)
        }
        for stream in open where stream.ends(within: 50) { refused += 1 }
        #expect(refused == 20)
        let start = Date()
        try ask("k", stage, on: client(stage))
        // Before any of those has to give up its place.
        #expect(Date().timeIntervalSince(start) < 3)
        for stream in open { #expect(stream.ends(within: 15_000)) }
        #expect((4.5...20).contains(Date().timeIntervalSince(begin)))
        let failed = try stage.status().connections.failed
        #expect(failed["insecure"] == 20 && failed["too many handshakes"] == 20, "\(failed)")
        // Room that was given back is there again.
        let again = try client(stage, from: stage.host(66), to: stage.outside)
        #expect(again.tls?.state == .open)
    }

    @Test("security 34: connections that end anywhere in a handshake, or just after it, leave nothing behind")
    func cutOff() throws {
        let stage = try Stage(pbxOver: .tls, itspOver: .tls)
        try stage.start()
        let certificates = try #require(stage.certificates)
        let context = try certificates.client()
        try ask("before", stage, on: client(stage))
        let before = try stage.status()
        for round in 0..<ConnectionAttackTests.connections(300) {
            let stream = try TestStream(to: stage.inside, from: SocketAddress(stage.pbx.address.ip, 0))
            let engine = try TLSEngine(client: context, to: ["\(stage.inside.ip)"])
            if round.isMultiple(of: 2) { stream.resetOnClose() }
            switch round % 4 {
            case 0, 1:
                try engine.start()
                let hello = engine.takeOutput()
                stream.sendPlain(hello.prefix((round * 7) % (hello.count + 1)))
            case 2: stream.secure(engine)
            default:
                stream.secure(engine)
                let message = options("c\(round)", stage)
                stream.send(message.prefix(round % message.count))
            }
        }
        try stage.expectConnections(0)
        try ask("after", stage, on: client(stage))
        let after = try stage.status()
        #expect(after.openDescriptors <= before.openDescriptors + 2)
        #expect(after.connections.failed["too many handshakes"] == nil)
        try stage.expectIdle()
    }

    @Test("What is no TLS ends its connection at once, and a hundred handshakes together all come through")
    func garbage() throws {
        let stage = try Stage(pbxOver: .tls)
        try stage.start()
        for text in ["OPTIONS sip:a SIP/2.0\r\n\r\n", "GET / HTTP/1.0\r\n\r\n", String(repeating: "\0", count: 5_000)] {
            let stream = try TestStream(to: stage.inside, from: SocketAddress(stage.pbx.address.ip, 0))
            stream.sendPlain(text.utf8)
            #expect(stream.ends(within: 2_000))
        }
        #expect(try stage.status().connections.failed["insecure"] == 3)
        let certificates = try #require(stage.certificates)
        let context = try certificates.client()
        var streams: [TestStream] = []
        for _ in 0..<100 {
            let stream = try TestStream(to: stage.inside, from: SocketAddress(stage.pbx.address.ip, 0))
            streams.append(stream)
        }
        for stream in streams { stream.secure(try TLSEngine(client: context, to: ["\(stage.inside.ip)"]), within: 0) }
        for (number, stream) in streams.enumerated() { try ask("g\(number)", stage, on: stream) }
    }

    @Test("Keep-alives get their pong over TLS, and whoever ends its side in good order is let go")
    func keepAlive() throws {
        let stage = try Stage(pbxOver: .tls)
        try stage.start()
        let stream = try client(stage)
        stream.send([13, 10, 13, 10])
        #expect(stream.read(within: 2_000) && stream.all(within: 100) == [13, 10])
        stream.tls?.finish()
        stream.sendPlain(stream.tls?.takeOutput() ?? [])
        #expect(stream.ends())
        try stage.expectConnections(0)
    }

    // MARK: New certificates

    /// The names in the certificate that a new connection is shown.
    private func shownName(_ stage: Stage) throws -> String {
        let stream = try TestStream(to: stage.inside, from: SocketAddress(stage.pbx.address.ip, 0))
        stream.secure(try TLSEngine(client: #require(stage.certificates).client(), to: ["nobody.example"]))
        return stream.failure?.reason ?? ""
    }

    @Test("New certificates are taken on SIGHUP and when files change, without a connection or call being lost")
    func reload() throws {
        let stage = try Stage(pbxOver: .tls, itspOver: .tls)
        let process = try stage.start()
        let certificates = try #require(stage.certificates)
        let contact = try stage.register()
        let calls = [try stage.inboundCall(contact), try stage.outboundCall()]
        let stream = try client(stage)
        let connections = try stage.status().connections.now
        try certificates.issue("edge", ["\(stage.inside.ip)", "\(stage.outside.ip)", "first.example"])
        process.signal(SIGHUP)
        #expect(
            try eventually { try stage.status().certificates.first?.names.contains("first.example") == true })
        #expect(try shownName(stage).contains("first.example"))
        try certificates.issue("edge", ["\(stage.inside.ip)", "\(stage.outside.ip)", "second.example"])
        #expect(
            try eventually { try stage.status().certificates.first?.names.contains("second.example") == true })
        try ask("old", stage, on: stream)
        #expect(try stage.status().connections.now == connections)
        for call in calls {
            try call.talk()
            try call.reinvite(by: .itsp)
            try call.hangUp(by: .pbx)
        }
        try stage.expectIdle()
    }

    @Test("security 38: files that can't be used leave the certificates as they were, and that is told")
    func badFiles() throws {
        let stage = try Stage(pbxOver: .tls)
        let process = try stage.start()
        let certificates = try #require(stage.certificates)
        try certificates.write(Array("nonsense".utf8), "edge.pem")
        process.signal(SIGHUP)
        #expect(try eventually { try stage.status().certificateProblem != nil })
        #expect(try stage.status().certificateProblem?.contains("edge.pem") == true)
        #expect(try stage.page("metrics").contains("sallyport_certificate_problem 1"))
        try ask("still", stage, on: client(stage))
        // Another's key: neither half of the new pair is used.
        try certificates.issue("pair", ["\(stage.inside.ip)"])
        try FileManager.default.removeItem(atPath: certificates.path("edge.pem"))
        try FileManager.default.copyItem(atPath: certificates.path("pair.pem"), toPath: certificates.path("edge.pem"))
        process.signal(SIGHUP)
        #expect(
            try eventually { try stage.status().certificateProblem?.contains("does not belong") == true })
        try ask("yet", stage, on: client(stage))
        try certificates.issue("edge", ["\(stage.inside.ip)", "third.example"])
        #expect(try eventually { try stage.status().certificateProblem == nil })
        #expect(try shownName(stage).contains("third.example"))
        #expect(try stage.page("status").contains("certificate"))
        #expect(try stage.page("metrics").contains("sallyport_certificate_not_after_seconds{certificate=\"tls\"}"))
    }

    // MARK: The command

    @Test("sallyport cert makes a CA once, and certificates that a configuration can name")
    func command() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("sallyport-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let first = try ProxyProcess.run(["cert", directory, "edge.example.org,127.0.0.1", "*.example.org"])
        #expect(first.status == 0, "\(first.output)")
        let ca = try Data(contentsOf: URL(fileURLWithPath: directory + "/ca.pem"))
        let second = try ProxyProcess.run(["cert", directory, "--days", "3", "pbx.example.org"])
        #expect(second.status == 0 && !second.output.contains("new CA"), "\(second.output)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: directory + "/ca.pem")) == ca)
        #expect(
            try CertificateSummary(contentsOf: directory + "/edge.example.org.pem").names
                == ["edge.example.org", "127.0.0.1"])
        #expect(try CertificateSummary(contentsOf: directory + "/wildcard.example.org.pem").names == ["*.example.org"])
        for name in ["edge.example.org", "pbx.example.org"] {
            _ = try TLSContext(
                .server,
                TLSSettings(
                    certificate: "\(directory)/\(name).pem", key: "\(directory)/\(name).key",
                    authorities: .file(directory + "/ca.pem"), clientCertificates: .required))
            let mode = try FileManager.default.attributesOfItem(atPath: "\(directory)/\(name).key")[.posixPermissions]
            #expect(mode as? Int == 0o600)
        }
        for wrong in [["cert"], ["cert", directory, "a/b"], ["cert", directory, "--days", "0", "a.example"]] {
            #expect(try ProxyProcess.run(wrong).status == 2, "\(wrong)")
        }
        #expect(try ProxyProcess.run(["cert", directory, "a b"]).status == 1)
    }
}
