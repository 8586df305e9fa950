/// An IP address and a port.
public struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
    public var ip: IPAddress
    public var port: UInt16

    public init(_ ip: IPAddress, _ port: UInt16) {
        self.ip = ip
        self.port = port
    }

    /// Reads `192.0.2.1:5060` or `[2001:db8::1]:5060`.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let ip = IPAddress(String(text[..<colon])),
            ip.family == .v4 || text.first == "[", let port = UInt16(text[text.index(after: colon)...])
        else { return nil }
        self.init(ip, port)
    }

    /// `192.0.2.1:5060` or `[2001:db8::1]:5060`.
    public var description: String { ip.family == .v4 ? "\(ip):\(port)" : "[\(ip)]:\(port)" }
}
