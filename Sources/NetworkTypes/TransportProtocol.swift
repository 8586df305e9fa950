/// The transport of a SIP message (RFC 3261 §18, §20.42).
public enum TransportProtocol: UInt8, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    case udp, tcp, tls

    /// RFC 3261 §19.1.2: 5060 for UDP and TCP, 5061 for TLS.
    public var defaultPort: UInt16 { self == .tls ? 5061 : 5060 }

    /// Whether the transport itself retransmits (RFC 3261 §17: timers E, A and G only run where it does not).
    public var isReliable: Bool { self != .udp }

    /// The lower-case name, as in a `transport` parameter and in the configuration.
    public var description: String {
        switch self {
        case .udp: "udp"
        case .tcp: "tcp"
        case .tls: "tls"
        }
    }

    /// The name in a Via field's sent-protocol.
    public var viaName: String {
        switch self {
        case .udp: "UDP"
        case .tcp: "TCP"
        case .tls: "TLS"
        }
    }
}
