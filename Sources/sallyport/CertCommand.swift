import ArgumentParser
import Glibc
import TLS

/// `sallyport cert`: a CA, and certificates that it has signed.
struct CertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cert", abstract: "Make a CA for tests or private use, and certificates signed by it.",
        discussion: """
            The CA is DIR/ca.pem and DIR/ca.key; one that is there is used again. Each NAME gets DIR/NAME.pem and \
            DIR/NAME.key. Names that belong in one certificate are joined by commas, and the first of them names the \
            files: edge.example.org,203.0.113.1
            """)

    @Argument(help: "The directory; made if it is not there.")
    var directory: String
    @Argument(help: ArgumentHelp("Host names, SIP domains and addresses.", valueName: "name"))
    var names: [String] = []
    @Option(help: "How many days the certificates are good for.")
    var days = 825

    func validate() throws {
        guard (1...36_500).contains(days) else { throw ValidationError("--days is a number from 1 to 36500.") }
        for name in names where name.split(separator: ",").isEmpty || name.contains("/") {
            throw ValidationError("'\(name)' names nobody.")
        }
    }

    func run() throws {
        guard mkdir(directory, 0o755) == 0 || errno == EEXIST else { throw StateError.system("mkdir", directory) }
        let authority = try self.authority()
        for name in names {
            let all = name.split(separator: ",").map(String.init)
            let issued = try authority.issue(.init(all, ends: days * 86_400))
            let first = all.first?.replacing("*", with: "wildcard") ?? ""
            try write(issued, as: first)
            print("\(directory)/\(first).pem and .key: \(all.joined(separator: ", ")), \(days) days")
        }
    }

    /// The CA of the directory: the one that is there, or a new one.
    private func authority() throws -> CertificateAuthority {
        let (certificate, key) = ("\(directory)/ca.pem", "\(directory)/ca.key")
        if access(certificate, F_OK) == 0 || access(key, F_OK) == 0 {
            return try CertificateAuthority(
                .init(
                    certificate: File(certificate, O_RDONLY).contents(limit: 1 << 20),
                    key: File(key, O_RDONLY).contents(limit: 1 << 20)))
        }
        let authority = try CertificateAuthority(name: "Sallyport test CA")
        try write(authority.issued, as: "ca")
        print("\(certificate): a new CA; peers that are to trust it need this file, and nobody needs its key")
        return authority
    }

    /// The key first: who looks at the certificate finds its key there.
    private func write(_ issued: CertificateAuthority.Issued, as name: String) throws {
        _ = try File.replace("\(directory)/\(name).key", with: issued.key)
        _ = try File.replace("\(directory)/\(name).pem", with: issued.certificate)
        chmod("\(directory)/\(name).pem", 0o644)
    }
}
