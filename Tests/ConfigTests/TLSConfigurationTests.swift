import Glibc
import NetworkTypes
import TLS
import Testing

@testable import Config

@Suite("Configuration of TLS")
struct TLSConfigurationTests {
    /// PEM files in a directory that goes with the test.
    private final class Files {
        let directory: String
        private var names: Set<String> = []

        init() throws {
            var template = Array("/tmp/sallyport-config-XXXXXX".utf8CString)
            directory = mkdtemp(&template).map { String(cString: $0) } ?? ""
            let authority = try CertificateAuthority(name: "CA")
            write(authority.issued.certificate, "ca.pem")
            for (name, request) in [
                ("edge", CertificateAuthority.Request(["edge.example.org"])),
                ("other", CertificateAuthority.Request(["other.example.org"])),
                ("old", CertificateAuthority.Request(["edge.example.org"], begins: -864_000, ends: -432_000)),
                ("soon", CertificateAuthority.Request(["edge.example.org"], ends: 3 * 86_400 + 600)),
            ] {
                let issued = try authority.issue(request)
                write(issued.certificate, "\(name).pem")
                write(issued.key, "\(name).key")
            }
            write(Array("nonsense".utf8), "junk.pem")
        }

        deinit {
            for name in names { unlink("\(directory)/\(name)") }
            rmdir(directory)
        }

        func write(_ octets: [UInt8], _ name: String) {
            names.insert(name)
            guard let file = fopen("\(directory)/\(name)", "w") else { return }
            fwrite(octets, 1, octets.count, file)
            fclose(file)
        }
    }

    private static let sides = "inside: 10.0.0.1\noutside: 192.0.2.1\n"
    private static let interfaces = InterfaceTable([
        InterfaceTable.Entry(name: "in", address: ip("10.0.0.1"), prefixLength: 24),
        InterfaceTable.Entry(name: "out", address: ip("192.0.2.1"), prefixLength: 24),
    ])

    private static func ip(_ text: String) -> IPAddress { IPAddress(text) ?? .unspecified(.v4) }

    private func read(_ lines: String, _ directory: String = "/etc/sallyport") throws -> Configuration {
        try Configuration(yaml: Array((Self.sides + lines).utf8), file: "\(directory)/edge.yaml")
    }

    @Test("Every key is read, paths start where the file is, and what is in force reads back the same")
    func keys() throws {
        let configuration = try read(
            """
            tls: {certificate: edge.pem, key: /k/edge.key, ca: ca.pem, minimum: 1.3, verify: no, client_certificates: required}
            pbx: ["sip:10.0.0.2;transport=tls", "sips:10.0.0.3:5071"]
            trunks:
            - {name: a, domain: a.example, transport: tls, tls: {ca: system, certificate: me.pem, key: me.key, verify: yes}}
            - {name: b, domain: b.example}
            """)
        let tls = try #require(configuration.tls)
        #expect(tls.certificate == "/etc/sallyport/edge.pem" && tls.key == "/k/edge.key")
        #expect(tls.authorities == .file("/etc/sallyport/ca.pem") && tls.minimum == .v13 && !tls.verifies)
        #expect(tls.clientCertificates == .required)
        #expect(configuration.pbx.map(\.transport) == [.tls, .tls])
        let own = try #require(configuration.clientTLS(of: configuration.trunks[0]))
        #expect(own.authorities == .system && own.verifies && own.certificate == "/etc/sallyport/me.pem")
        #expect(own.minimum == .v13 && own.clientCertificates == .off)
        #expect(configuration.clientTLS(of: configuration.trunks[1]) == nil)
        #expect(configuration.serverTLS(of: .inside)?.clientCertificates == .off)
        #expect(configuration.serverTLS(of: .outside)?.clientCertificates == .required)
        let again = try Configuration(yaml: Array(configuration.effectiveYAML.utf8), file: "again.yaml")
        #expect(again.tls == tls && again.trunks == configuration.trunks && again.pbx == configuration.pbx)
        #expect(again.inside.listen == configuration.inside.listen)
    }

    @Test("TLS is listened for where there is a certificate, unless the file says what to listen for")
    func listeners() throws {
        func transports(_ lines: String) throws -> [TransportProtocol] {
            try read(lines).listeners(of: .outside).map(\.transport)
        }
        #expect(try transports("") == [.udp, .tcp])
        #expect(try transports("tls: {ca: ca.pem}") == [.udp, .tcp])
        #expect(try transports("tls: {certificate: a.pem}") == [.udp, .tcp, .tls])
        let named = try Configuration(
            yaml: Array(
                "inside: 10.0.0.1\noutside: {addresses: [192.0.2.1], listen: [tls:5071]}\ntls: {certificate: a.pem}"
                    .utf8),
            file: "edge.yaml")
        #expect(named.listeners(of: .outside).map(\.address.port) == [5071])
        #expect(named.listeners(of: .inside).map(\.address.port) == [5060, 5060, 5061])
    }

    @Test(
        "What is wrong is told where it stands",
        arguments: [
            ("tls: {key: a}", "3:12: 'tls.key' needs the certificate that it belongs to"),
            ("tls: {minimum: 1.1}", "3:16: 'tls.minimum': expected 1.2 or 1.3, not '1.1'"),
            (
                "tls: {client_certificates: maybe}",
                "3:28: 'tls.client_certificates': expected off, optional or required, not 'maybe'"
            ),
            ("tls: {versify: no}", "3:7: unknown key 'versify'; did you mean 'verify'?"),
            ("tls: {certificate: []}", "3:20: 'tls.certificate' must be a single value, not a list"),
        ])
    func mistakes(lines: String, complaint: String) {
        let error = #expect(throws: ConfigurationErrors.self) { try read(lines, "/x") }
        #expect(error?.description == "/x/edge.yaml:\(complaint)")
    }

    @Test(
        "Files that can't be used are told with line and column",
        arguments: [
            ("tls: {certificate: edge.pem, key: edge.key, ca: ca.pem}", ""),
            (
                "tls: {certificate: none.pem, key: edge.key}",
                "3:20: /none.pem can't be read: No such file or directory"
            ),
            ("tls: {certificate: edge.pem, key: none.key}", "3:35: /none.key can't be read: No such file or directory"),
            (
                "tls: {certificate: edge.pem, key: other.key}",
                "3:35: the key in /other.key does not belong to the certificate in /edge.pem"
            ),
            (
                "tls: {certificate: junk.pem, key: edge.key}",
                "3:20: the certificate in /junk.pem can't be used: it holds no PEM text of that kind"
            ),
            ("tls: {ca: none.pem}", "3:11: /none.pem can't be read: No such file or directory"),
            (
                "tls: {certificate: edge.pem, key: edge.key}\ntrunks:\n- {name: a, domain: a.example, tls: {ca: no.pem}}",
                "5:42: /no.pem can't be read: No such file or directory"
            ),
            ("trunks:\n- {name: a, domain: a.example, transport: tls}", ""),
            (
                "pbx: sip:10.0.0.2;transport=tls",
                "3:6: we don't speak tls inside: inside.listen does not name it, which needs tls.certificate"
            ),
            (
                "trunks:\n- {name: a, domain: a.example, pbx: [sip:10.0.0.2, sips:10.0.0.3]}",
                "4:52: we don't speak tls inside: inside.listen does not name it, which needs tls.certificate"
            ),
        ])
    func files(lines: String, complaint: String) throws {
        let files = try Files()
        var configuration = try read(lines, files.directory)
        var text = ""
        do { _ = try configuration.validate(on: Self.interfaces) } catch { text = "\(error)" }
        let told = text.replacing("\(files.directory)/edge.yaml:", with: "").replacing(files.directory, with: "")
        #expect(told == complaint)
    }

    @Test("Certificates are asked for outside, which has to have a socket of its own for that")
    func sharedSocket() throws {
        let files = try Files()
        var configuration = try Configuration(
            yaml: Array(
                """
                inside: {addresses: [10.0.0.1], networks: [10.0.0.0/24]}
                outside: 10.0.0.1
                tls: {certificate: edge.pem, key: edge.key, ca: ca.pem, client_certificates: required}
                """.utf8), file: "\(files.directory)/edge.yaml")
        let error = #expect(throws: ConfigurationErrors.self) { try configuration.validate(on: Self.interfaces) }
        #expect(error?.description.contains("3:78: nobody can be asked for a certificate at tls 10.0.0.1:5061") == true)
    }

    @Test("TLS is not listened for without a certificate")
    func noCertificate() throws {
        var configuration = try Configuration(
            yaml: Array("inside: {addresses: [10.0.0.1], listen: [udp, tls]}\noutside: 192.0.2.1".utf8), file: "e.yaml")
        let error = #expect(throws: ConfigurationErrors.self) { try configuration.validate(on: Self.interfaces) }
        #expect(error?.description == "e.yaml:1:47: tls needs a certificate: name tls.certificate and tls.key")
    }

    @Test(
        "A certificate that is not valid, or not for long, is a warning",
        arguments: [
            ("old", "/old.pem has expired 5 days ago"), ("soon", "/soon.pem expires in 3 days"),
        ])
    func dates(name: String, warning: String) throws {
        let files = try Files()
        var configuration = try read("tls: {certificate: \(name).pem, key: \(name).key}", files.directory)
        let warnings = try configuration.validate(on: Self.interfaces)
        #expect(warnings.map { $0.message.replacing(files.directory, with: "") } == ["the certificate in \(warning)"])
        #expect(warnings.first?.position == Position(line: 3, column: 20))
    }
}
