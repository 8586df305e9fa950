import Foundation
import TLS

/// How a peer speaks TLS: with those who connect to it, and with those whom it connects to.
struct PeerSecurity {
    let server: TLSContext
    let client: TLSContext
}

/// A CA and what it has signed, as files in a stage's directory.
final class StageCertificates {
    let directory: String
    let authority: CertificateAuthority

    init(in directory: String, authority: CertificateAuthority? = nil) throws {
        self.directory = directory
        self.authority = try authority ?? CertificateAuthority(name: "Stage CA")
        try write(self.authority.issued.certificate, "ca.pem")
    }

    func path(_ name: String) -> String { "\(directory)/\(name)" }

    func write(_ octets: [UInt8], _ name: String) throws {
        try Data(octets).write(to: URL(fileURLWithPath: path(name)))
    }

    /// Writes `name.pem` and `name.key`.
    func issue(_ name: String, _ names: [String], by other: CertificateAuthority? = nil) throws {
        let issued = try (other ?? authority).issue(.init(names))
        try write(issued.key, "\(name).key")
        try write(issued.certificate, "\(name).pem")
    }

    /// Speaks with the certificate of that name, and believes the CA.
    func security(
        _ name: String, clients: TLSSettings.ClientCertificates = .off
    ) throws -> PeerSecurity {
        let settings = TLSSettings(
            certificate: path("\(name).pem"), key: path("\(name).key"), authorities: .file(path("ca.pem")),
            clientCertificates: clients)
        return PeerSecurity(server: try TLSContext(.server, settings), client: try TLSContext(.client, settings))
    }

    /// A client without a certificate.
    func client() throws -> TLSContext {
        try TLSContext(.client, TLSSettings(authorities: .file(path("ca.pem"))))
    }
}
