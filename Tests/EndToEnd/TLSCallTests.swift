import Admin
import Foundation
import NetworkTypes
import TLS
import Testing

@Suite("The executable: calls over TLS")
struct TLSCallTests {
    static let mixes = [
        StreamCallTests.Mix(pbx: .tls, itsp: .udp), StreamCallTests.Mix(pbx: .udp, itsp: .tls),
        StreamCallTests.Mix(pbx: .tls, itsp: .tls), StreamCallTests.Mix(pbx: .tcp, itsp: .tls),
        StreamCallTests.Mix(pbx: .tls, itsp: .tls, arrangement: .oneAddress),
        StreamCallTests.Mix(pbx: .tls, itsp: .tls, arrangement: .insideIPv6),
        StreamCallTests.Mix(pbx: .tls, itsp: .tls, arrangement: .outsideIPv6),
    ]

    @Test("Registrations and calls cross between TLS and any transport, with audio, both ways", arguments: mixes)
    func calls(mix: StreamCallTests.Mix) throws {
        let stage = try Stage(mix.arrangement, pbxOver: mix.pbx, itspOver: mix.itsp)
        try stage.start()
        let contact = try stage.register()
        #expect(contact.contains(";transport=tls") == (mix.itsp == .tls))
        let inbound = try stage.inboundCall(contact)
        #expect(inbound.invite.requestURI == "sip:s@\(stage.pbx.address)\(stage.pbx.parameter);line=abc")
        #expect(inbound.invite["Via"].hasPrefix("SIP/2.0/\(mix.pbx.viaName) \(stage.inside)"))
        let outbound = try stage.outboundCall()
        #expect(outbound.invite["Via"].hasPrefix("SIP/2.0/\(mix.itsp.viaName) \(stage.outside)"))
        #expect(outbound.invite.uri("Contact").contains(";transport=tls") == (mix.itsp == .tls))
        for call in [inbound, outbound] {
            try call.talk()
            try call.reinvite(by: .itsp)
            try call.reinvite(by: .pbx)
            try call.talk()
        }
        try inbound.hangUp(by: .itsp)
        try outbound.hangUp(by: .pbx)
        try stage.expectIdle()
        let status = try stage.status()
        #expect(status.connections.failed.isEmpty, "\(status.connections)")
        #expect(status.connections.handshakes == UInt64([mix.pbx, mix.itsp].count { $0 == .tls } * 2))
        #expect(status.certificates.first?.names == ["\(stage.inside.ip)", "\(stage.outside.ip)"].distinct)
    }

    @Test("An ITSP that wants TLS needs no certificate of ours, nor any setting: its calls come on our connection")
    func withoutCertificate() throws {
        let trust = "trunks: [{name: itsp, domain: \"ITSP\", tls: {ca: ca.pem}}]"
        let stage = try Stage(itspOver: .tls, extra: trust, hasCertificate: false)
        stage.itsp.streams?.callsBack = true
        try stage.start()
        let contact = try stage.register()
        #expect(contact.contains("@\(stage.outside.ip):5061;transport=tls;"))
        for call in [try stage.inboundCall(contact), try stage.outboundCall()] {
            try call.talk()
            try call.hangUp(by: .itsp)
        }
        let status = try stage.status()
        #expect(status.connections.handshakes == 1)
        #expect(!status.listeners.contains { $0.transport == "tls" })
    }

    @Test("Without a certificate of ours a server's is checked all the same (security 35)")
    func unsignedWithoutCertificate() throws {
        let reason = try refusal(Stage(itspOver: .tls, hasCertificate: false))
        #expect(reason.contains("certificate"), "\(reason)")
    }

    /// A call of the PBX that is refused; why, by the log.
    private func refusal(_ stage: Stage) throws -> String {
        let process = try stage.start()
        stage.pbx.send(
            """
            INVITE sip:1@\(stage.itsp.address);transport=tls SIP/2.0
            Via: \(stage.pbx.via())
            Max-Forwards: 70
            Route: <sip:\(stage.inside);lr>
            From: <sip:a@\(stage.itsp.address)>;tag=a
            To: <sip:1@\(stage.itsp.address)>
            Call-ID: \(UUID())
            CSeq: 1 INVITE
            Contact: <sip:a@\(stage.pbx.address)>
            """, to: stage.inside)
        // The handshake wants an ITSP that reads.
        #expect(stage.itsp.next(within: 0.5) == nil)
        _ = try stage.pbx.expect("503 INVITE")
        #expect(stage.itsp.streams?.accepted.allSatisfy { $0.pending.isEmpty } == true)
        #expect(try stage.status().connections.failed["insecure"] == 1)
        let line = process.text.split(separator: "\n").first { $0.contains("can't be secured") }
        return String(line ?? "")
    }

    @Test("security 35: a server with another's certificate gets nothing, and the log says why")
    func wrongName() throws {
        let stage = try Stage(itspOver: .tls)
        let certificates = try #require(stage.certificates)
        try certificates.issue("itsp", ["sip.itsp.example"])
        stage.itsp.streams?.security = try certificates.security("itsp")
        let reason = try refusal(stage)
        #expect(reason.contains("is for sip.itsp.example, not for \(stage.itsp.address.ip)"), "\(reason)")
    }

    @Test("security 35: a server whose certificate nobody signed gets nothing, unless its trunk says verify: no")
    func selfMade() throws {
        let stranger = try CertificateAuthority(name: "Stranger")
        let stage = try Stage(itspOver: .tls)
        let certificates = try #require(stage.certificates)
        try certificates.issue("itsp", ["\(stage.itsp.address.ip)"], by: stranger)
        stage.itsp.streams?.security = try certificates.security("itsp")
        let reason = try refusal(stage)
        #expect(reason.contains("the peer's certificate is not trusted: unable to get local issuer"), "\(reason)")
        let trusting = try Stage(
            itspOver: .tls, extra: "trunks: [{name: t, domain: ITSP, transport: tls, tls: {verify: no}}]")
        let other = try #require(trusting.certificates)
        try other.issue("itsp", ["somebody.example"], by: stranger)
        trusting.itsp.streams?.security = try other.security("itsp")
        try trusting.start()
        let call = try trusting.outboundCall()
        try call.talk()
        try call.hangUp(by: .pbx)
        try trusting.expectIdle()
    }

    @Test("Certificates of clients: we show ours to an ITSP that asks, and ask those who connect where we are told to")
    func clientCertificates() throws {
        let stage = try Stage(itspOver: .tls, tls: ", client_certificates: required")
        let certificates = try #require(stage.certificates)
        stage.itsp.streams?.security = try certificates.security("itsp", clients: .required)
        try stage.start()
        let contact = try stage.register()
        let call = try stage.inboundCall(contact)
        try call.hangUp(by: .itsp)
        let without = try TestStream(to: stage.outside, from: SocketAddress(stage.itsp.address.ip, 0))
        without.secure(try TLSEngine(client: certificates.client(), to: ["\(stage.outside.ip)"]))
        #expect(without.ends() && without.failure?.reason.contains("requires a certificate") == true)
        #expect(try stage.status().connections.failed["insecure"] == 1)
        try stage.expectIdle()
    }

    @Test("A call outlives its connections, and the next one resumes the session")
    func lostConnections() throws {
        let stage = try Stage(pbxOver: .tls, itspOver: .tls)
        try stage.start()
        let contact = try stage.register()
        let calls = [try stage.inboundCall(contact), try stage.outboundCall()]
        for reset in [true, false] {
            stage.pbx.streams?.disconnect(reset: reset)
            stage.itsp.streams?.disconnect(reset: reset)
            try stage.expectConnections(0)
            for call in calls {
                try call.talk()
                try call.reinvite(by: .itsp)
                try call.reinvite(by: .pbx)
            }
        }
        for call in calls { try call.hangUp(by: .pbx) }
        try stage.expectIdle()
        #expect(try stage.status().connections.resumed > 0)
    }

    @Test("Shards share one connection to an ITSP over TLS")
    func shards() throws {
        let stage = try Stage(pbxOver: .tls, itspOver: .tls)
        let daemon = try DaemonThread(stage, shards: 3)
        try stage.waitUntilReady()
        stage.itsp.streams?.callsBack = true
        let contact = try stage.register(callID: "register-\(UUID())")
        usleep(200_000)
        var live: [LiveCall] = []
        for _ in 0..<6 {
            live.append(try stage.inboundCall(contact))
            live.append(try stage.outboundCall())
        }
        for (number, call) in live.enumerated() {
            try call.reinvite(by: number.isMultiple(of: 3) ? .pbx : .itsp)
            try call.hangUp(by: number.isMultiple(of: 2) ? .pbx : .itsp)
        }
        try stage.expectIdle()
        let connections = try stage.status().connections
        #expect(connections.opened == 2 && connections.accepted == 1, "\(connections)")
        #expect(try daemon.stop() == 0)
    }
}

extension [String] {
    /// Each once.
    var distinct: [String] { reduce(into: []) { if !$0.contains($1) { $0.append($1) } } }
}
