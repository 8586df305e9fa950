/// One live registration that was made through us.
public struct RegistrationSnapshot: Codable, Hashable, Sendable {
    /// The address of record (RFC 3261 §10), as in To.
    public var aor: String
    /// The trunk's name, or the domain where it is a learned one.
    public var trunk: String
    /// The PBX's own Contact.
    public var contact: String
    public var expiresInSeconds: Double

    public init(aor: String, trunk: String, contact: String, expiresInSeconds: Double) {
        self.aor = aor
        self.trunk = trunk
        self.contact = contact
        self.expiresInSeconds = expiresInSeconds
    }
}
