import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Challenges and credentials pass between the PBX and the trunk that they are for; we have none (security 28).
@Suite struct CredentialTests {
    private static let credentials =
        "Digest  username=\"1000\",realm=\"r\" ,nonce=\"n\", uri=\"sip:x\",response=\"00ff\""
    private static let challenge = "Digest realm=\"evil\", nonce=\"n\", algorithm=MD5"

    private static func trunk(_ redirects: RedirectMode = .pass) -> TrunkSettings {
        var trunk = TrunkSettings(name: "gw", domain: "203.0.113.10")
        trunk.redirects = redirects
        trunk.qualify = .seconds(30)
        return trunk
    }

    private func hasCredentials(_ sent: Sent) -> Bool {
        sent.text.lowercased().contains("authorization:") || sent.text.contains("response=")
    }

    @Test(arguments: ["INVITE", "REGISTER", "OPTIONS", "MESSAGE", "SUBSCRIBE"], [401, 407])
    func `a challenge goes to who asked, and we answer none (security 28)`(method: String, status: Int) throws {
        let proxy = ProxyHarness(trunks: [Self.trunk()])
        let text = CallTexts.outboundINVITE(body: nil).replacing("INVITE", with: method)
        let request = try #require(proxy.receive(text, on: .inside).first)
        let field = status == 401 ? "WWW-Authenticate" : "Proxy-Authenticate"
        let sent = proxy.answer(status, to: request, extra: "\(field): \(Self.challenge)")
        #expect(sent.outside.allSatisfy { $0.method == .ack && !hasCredentials($0) })
        #expect(sent.inside.statuses == [status] && sent.inside[0].text.contains("\(field): \(Self.challenge)\r\n"))
        #expect(proxy.advance(.seconds(25)).outside.allSatisfy { $0.method == .options && !hasCredentials($0) })
    }

    @Test(arguments: [401, 407])
    func `a challenge of what we ask ourselves is answered by nobody (security 28)`(status: Int) throws {
        let proxy = ProxyHarness(trunks: [Self.trunk()])
        proxy.core.startQualifying(at: proxy.now)
        _ = try proxy.callOut()
        proxy.core.mediaSilent(session: 1, at: proxy.now)
        var asked = proxy.drain() + proxy.advance(.seconds(40)).filter { $0.method == .options }
        #expect(asked.contains { $0.method == .bye } && asked.contains { $0.method == .options })
        asked.removeAll { !$0.isRequest }
        for request in asked {
            for field in ["WWW-Authenticate", "Proxy-Authenticate"] {
                #expect(proxy.answer(status, to: request, extra: "\(field): \(Self.challenge)").isEmpty)
            }
        }
        #expect(proxy.advance(.seconds(100)).allSatisfy { !hasCredentials($0) })
    }

    @Test(arguments: ["Authorization", "Proxy-Authorization"])
    func `credentials pass untouched, to the trunk's host and to no other (security 28)`(field: String) throws {
        let proxy = ProxyHarness(trunks: [Self.trunk()])
        let line = "\(field) :  \(Self.credentials)"
        let sent = proxy.receive(CallTexts.outboundINVITE(extra: line), on: .inside)
        #expect(sent.map(\.to) == [ProxyHarness.itsp] && sent[0].text.contains("\r\n\(line)\r\n"))
        // Neither CANCEL nor ACK nor anything of ours repeats them (RFC 3261 §22.1: ACK has its INVITE's).
        #expect(proxy.answer(486, to: sent[0]).allSatisfy { $0.method == .ack || !hasCredentials($0) })
    }

    @Test(arguments: [
        ("<sip:other@203.0.113.20>", false), ("<sip:other@evil.example>", false), ("<sip:other@203.0.113.10>", true),
        ("<sip:other@203.0.113.10:5080>", true),
    ])
    func `who a 3xx names gets none, unless it is the same host (security 28)`(contact: String, keeps: Bool) throws {
        let proxy = ProxyHarness(trunks: [Self.trunk(.follow)])
        let text = CallTexts.outboundINVITE(
            extra: "Authorization: \(Self.credentials)\nX: 1\nProxy-Authorization: \(Self.credentials)")
        let invite = try #require(proxy.receive(text, on: .inside).first)
        #expect(hasCredentials(invite))
        let sent =
            proxy.answer(302, to: invite, contact: contact).outside.filter { $0.method == .invite }
            + proxy.resolve("evil.example", ["198.51.100.7"])
        #expect(sent.count == 1 && sent[0].text.contains("X: 1\r\n") && hasCredentials(sent[0]) == keeps)
    }
}
