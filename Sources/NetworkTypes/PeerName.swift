/// Who a server must prove to be, by its certificate, before anything is sent to it over TLS (RFC 5922 §7.3).
public struct PeerName: Hashable, Sendable {
    /// SIP domains and addresses in lower case, of which the certificate has to name one; the first is who is wanted.
    public var names: [String]
    /// The configured trunk whose authorities, certificate and will to verify apply; empty where the general ones do.
    public var trunk: String

    public init(_ names: [String], trunk: String = "") {
        self.names = names
        self.trunk = trunk
    }
}

/// A ``PeerName`` by its number in a table of the process: small, and the same for all threads.
public struct PeerNameID: Hashable, Sendable {
    public let number: UInt32

    public init(_ number: UInt32) { self.number = number }

    /// Nobody in particular: any connection to the address will do, and a new one over TLS has to prove the address.
    public static let none = PeerNameID(0)
}
