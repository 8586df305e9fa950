/// One live flow to a remote phone.
public struct FlowSnapshot: Codable, Hashable, Sendable {
    public var aor: String
    /// Where the phone's messages come from.
    public var source: String
    public var transport: String
    /// Our address that it registered at.
    public var listener: String
    public var contact: String
    public var expiresInSeconds: Double

    public init(
        aor: String, source: String, transport: String, listener: String, contact: String, expiresInSeconds: Double
    ) {
        self.aor = aor
        self.source = source
        self.transport = transport
        self.listener = listener
        self.contact = contact
        self.expiresInSeconds = expiresInSeconds
    }
}
