import Glibc
import Testing

@testable import TLS

@Suite("Certificates")
struct CertificateTests {
    @Test(
        "A wildcard covers one whole label",
        arguments: [
            ("sip.example.org", "sip.example.org", true), ("*.example.org", "sip.example.org", true),
            ("*.example.org", "example.org", false), ("*.example.org", "a.sip.example.org", false),
            ("s*.example.org", "sip.example.org", false), ("*.org", "example.org", false),
            ("*.*.org", "a.example.org", false), ("*", "example", false), ("*.example.org", ".example.org", false),
            ("example.org", "sip.example.org", false), (".example.org", "sip.example.org", false),
        ])
    func wildcards(presented: String, wanted: String, isMatch: Bool) {
        #expect(SIPDomainIdentities.matches(presented, wanted) == isMatch)
    }

    @Test(
        "The domain of a SIP URI counts, a user's URI does not",
        arguments: [
            ("sip:example.org", "example.org"), ("SIP:Example.Org;transport=tls", "example.org"),
            ("sip:example.org:5061", "example.org"), ("sip:[2001:db8::1]:5061", "2001:db8::1"),
            ("sip:192.0.2.1", "192.0.2.1"), ("sip:alice@example.org", nil), ("sips:example.org", nil),
            ("https://example.org", nil), ("sip:", nil), ("sip:exa\0mple.org", nil), ("sip:[", nil),
        ] as [(String, String?)])
    func uris(uri: String, domain: String?) {
        #expect(SIPDomainIdentities.domain(ofURI: Array(uri.utf8)) == domain)
    }

    private func summary(_ request: CertificateAuthority.Request) throws -> CertificateSummary {
        let files = try TLSFiles()
        try files.issue("x", request)
        return try CertificateSummary(contentsOf: files.path("x.pem"))
    }

    @Test("DNS names count only where no URI names a domain; the subject only where there are no other names")
    func precedence() throws {
        var both = CertificateAuthority.Request(["www.example.org", "192.0.2.7"])
        both.uris = ["sip:example.org", "sip:alice@other.example"]
        #expect(try summary(both).names == ["example.org", "192.0.2.7"])
        var users = CertificateAuthority.Request(["sip.example.org"])
        users.uris = ["sip:alice@example.org"]
        #expect(try summary(users).names == ["sip.example.org"])
        var common = CertificateAuthority.Request([])
        common.commonName = "Old.Example.org"
        #expect(try summary(common).names == ["old.example.org"])
        var hidden = CertificateAuthority.Request(["192.0.2.7"])
        hidden.commonName = "old.example.org"
        #expect(try summary(hidden).names == ["192.0.2.7"])
    }

    @Test("Its dates are read")
    func dates() throws {
        let now = Int64(time(nil))
        let summary = try summary(.init(["a.example"], begins: -100, ends: 10 * 86_400))
        #expect(abs(summary.notBefore - (now - 100)) < 10 && abs(summary.notAfter - (now + 864_000)) < 10)
        #expect(summary.defect(at: now) == nil)
        #expect(summary.defect(at: now + 13 * 86_400) == "has expired 3 days ago")
        #expect(summary.defect(at: now - 1000) == "is not valid yet, for another 15 minutes")
    }

    @Test("What can't be used is told with its file")
    func mistakes() throws {
        let files = try TLSFiles()
        try files.issue("a", .init(["a.example"]))
        try files.issue("b", .init(["b.example"]))
        files.write(Array("nonsense".utf8), "junk.pem")
        func reason(_ settings: TLSSettings, _ role: TLSContext.Role = .server) -> String {
            do {
                _ = try TLSContext(role, settings)
                return ""
            } catch { return "\(error)".replacing(files.directory, with: "") }
        }
        let (a, key) = (files.path("a.pem"), files.path("a.key"))
        #expect(reason(TLSSettings(certificate: a, key: key)) == "")
        #expect(
            reason(TLSSettings(certificate: files.path("none.pem"), key: key))
                == "/none.pem can't be read: No such file or directory")
        #expect(
            reason(TLSSettings(certificate: a, key: files.path("none.key")))
                == "/none.key can't be read: No such file or directory")
        #expect(
            reason(TLSSettings(certificate: a, key: files.path("b.key")))
                == "the key in /b.key does not belong to the certificate in /a.pem")
        #expect(
            reason(TLSSettings(certificate: files.path("junk.pem"), key: key)).hasPrefix(
                "the certificate in /junk.pem can't be used"))
        #expect(
            reason(TLSSettings(authorities: .file(files.path("junk.pem"))), .client).hasPrefix(
                "the certificates in /junk.pem can't be used"))
    }

    @Test("A CA that was made before goes on, and odd names are refused")
    func authority() throws {
        let files = try TLSFiles()
        let again = try CertificateAuthority(files.authority.issued)
        let issued = try again.issue(.init(["b.example"]))
        files.write(issued.certificate, "b.pem")
        files.write(issued.key, "b.key")
        var pair = EnginePair(
            try TLSEngine(client: files.client(), to: ["b.example"]), try TLSEngine(server: files.server("b")))
        try pair.run()
        #expect(pair.client.state == .open)
        for name in ["", "a,DNS:b", "a b", "email:x\n"] {
            #expect(throws: TLSFailure.self) { _ = try again.issue(.init([name])) }
        }
    }
}
