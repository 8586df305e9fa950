/// What decides how TLS is spoken as a client or as a server.
public struct TLSSettings: Hashable, Sendable {
    public enum Version: String, Hashable, Sendable, CaseIterable {
        case v12 = "1.2"
        case v13 = "1.3"
    }

    /// Who may sign the certificates of peers.
    public enum Authorities: Hashable, Sendable {
        /// Those that the system trusts.
        case system
        /// Those in a PEM file.
        case file(String)
    }

    /// What is asked of those who connect to us.
    public enum ClientCertificates: String, Hashable, Sendable, CaseIterable {
        case off
        /// One that is sent must be good.
        case optional
        case required
    }

    /// PEM files: our certificate with what leads to its CA, and its key.
    public var certificate: String?
    public var key: String?
    public var authorities: Authorities
    /// Versions below are refused.
    public var minimum: Version
    /// As a client: whether the server's certificate and name are checked.
    public var verifies: Bool
    public var clientCertificates: ClientCertificates

    public init(
        certificate: String? = nil, key: String? = nil, authorities: Authorities = .system, minimum: Version = .v12,
        verifies: Bool = true, clientCertificates: ClientCertificates = .off
    ) {
        self.certificate = certificate
        self.key = key
        self.authorities = authorities
        self.minimum = minimum
        self.verifies = verifies
        self.clientCertificates = clientCertificates
    }
}
