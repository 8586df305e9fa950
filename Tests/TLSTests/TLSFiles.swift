import Glibc
import TLS

/// PEM files in a directory that goes with the object.
final class TLSFiles {
    let directory: String
    let authority: CertificateAuthority

    init() throws {
        var template = Array("/tmp/sallyport-tls-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw TLSFailure("no directory") }
        directory = String(cString: made)
        authority = try CertificateAuthority(name: "Test CA")
        write(authority.issued.certificate, "ca.pem")
    }

    deinit {
        for name in written { unlink(path(name)) }
        rmdir(directory)
    }

    private var written: Set<String> = []

    func path(_ name: String) -> String { "\(directory)/\(name)" }

    @discardableResult
    func write(_ octets: [UInt8], _ name: String) -> String {
        written.insert(name)
        if let file = fopen(path(name), "w") {
            fwrite(octets, 1, octets.count, file)
            fclose(file)
        }
        return path(name)
    }

    /// Writes `name.pem` and `name.key`.
    func issue(_ name: String, _ request: CertificateAuthority.Request) throws {
        let issued = try authority.issue(request)
        write(issued.certificate, "\(name).pem")
        write(issued.key, "\(name).key")
    }

    func server(
        _ name: String, minimum: TLSSettings.Version = .v12, clients: TLSSettings.ClientCertificates = .off
    ) throws -> TLSContext {
        try TLSContext(
            .server,
            TLSSettings(
                certificate: path("\(name).pem"), key: path("\(name).key"), authorities: .file(path("ca.pem")),
                minimum: minimum, clientCertificates: clients))
    }

    func client(
        _ name: String? = nil, minimum: TLSSettings.Version = .v12, verifies: Bool = true, ca: String = "ca.pem"
    ) throws -> TLSContext {
        try TLSContext(
            .client,
            TLSSettings(
                certificate: name.map { path("\($0).pem") }, key: name.map { path("\($0).key") },
                authorities: .file(path(ca)), minimum: minimum, verifies: verifies))
    }
}

/// Two engines and the network between them.
struct EnginePair {
    let client: TLSEngine
    let server: TLSEngine
    var clientText: [UInt8] = []
    var serverText: [UInt8] = []

    init(_ client: TLSEngine, _ server: TLSEngine) {
        (self.client, self.server) = (client, server)
    }

    /// Carries octets to and fro until nothing is left, `piece` octets at a time.
    mutating func run(piece: Int = 65_536) throws {
        if client.state == .handshaking { try client.start() }
        while true {
            let (up, down) = (client.takeOutput(), server.takeOutput())
            if up.isEmpty, down.isEmpty { return }
            try Self.carry(up, to: server, &serverText, piece)
            try Self.carry(down, to: client, &clientText, piece)
        }
    }

    static func carry(_ octets: [UInt8], to engine: TLSEngine, _ text: inout [UInt8], _ piece: Int) throws {
        var rest = octets[...]
        while !rest.isEmpty {
            let next = Array(rest.prefix(piece))
            rest = rest.dropFirst(piece)
            // The compiler can't yet hand a typed error through this closure.
            let failure = next.withUnsafeBytes { octets -> TLSFailure? in
                do throws(TLSFailure) { try engine.receive(octets, into: &text) } catch { return error }
                return nil
            }
            if let failure { throw failure }
        }
    }

    /// What went wrong, where something has to.
    mutating func failure() -> String {
        do {
            try run()
            return "none"
        } catch { return "\(error)" }
    }
}
