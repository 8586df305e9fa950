/// What one DNS query asks for (RFC 1035 §4.1.2), in class IN.
public struct Question: Hashable, Sendable, CustomStringConvertible {
    public var name: DomainName
    public var type: RecordType

    public init(_ name: DomainName, _ type: RecordType) {
        self.name = name
        self.type = type
    }

    /// `SRV _sip._udp.example.org`
    public var description: String { "\(type) \(name)" }
}

/// The types of records that locating a SIP server asks for (RFC 1035 §3.2.2, RFC 3596, RFC 2782, RFC 3403).
public enum RecordType: UInt16, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    case a = 1
    case aaaa = 28
    case srv = 33
    case naptr = 35

    public var description: String {
        switch self {
        case .a: "A"
        case .aaaa: "AAAA"
        case .srv: "SRV"
        case .naptr: "NAPTR"
        }
    }
}
