public import NetworkTypes
import SIP

/// One binding that a remote phone made at the PBX through us (design §3): a 2xx to its REGISTER was seen. It admits what
/// comes on its flow, and says where the phone is.
public struct PhoneBinding: Hashable, Sendable {
    /// Stands for what makes a REGISTER a refresh of this binding (see ``identity(user:domain:contact:in:)``), also in a
    /// Contact that goes inside.
    public var key: [UInt8]
    /// The user and the domain of the AOR, the latter in lower case.
    public var user: String
    public var domain: String
    /// The Contact URI as the phone wrote it.
    public var contact: [UInt8]
    /// Where its messages come from and go to (RFC 5626 §5.2).
    public var flow: Flow
    /// When the REGISTER was answered: of two shards' news of one binding the later counts.
    public var seen: Instant
    public var expires: Instant

    public init(
        key: [UInt8], user: String, domain: String, contact: [UInt8], flow: Flow, seen: Instant, expires: Instant
    ) {
        self.key = key
        self.user = user
        self.domain = domain
        self.contact = contact
        self.flow = flow
        self.seen = seen
        self.expires = expires
    }
}

extension PhoneBinding {
    /// What tells a binding from others: its AOR with instance and reg-id (RFC 5626 §6), else with the Contact
    /// (RFC 3261 §10.3).
    static func identity(user: String, domain: String, contact value: NameAddress, in bytes: [UInt8]) -> [UInt8] {
        var identity = Array("\(user)@\(domain)".utf8)
        identity.append(separator)
        if let instance = value.parameterList.first("+sip.instance", in: bytes)?.value,
            let number = value.parameterList.first("reg-id", in: bytes)?.value
        {
            identity.append(contentsOf: bytes[instance])
            identity.append(separator)
            identity.append(contentsOf: bytes[number])
        } else {
            identity.append(contentsOf: bytes[value.uri])
        }
        return identity
    }

    /// No URI has it.
    private static let separator = UInt8(ascii: " ")
}

extension NameAddress {
    /// Whether a Contact asks for a flow of its own (RFC 5626 §4.2).
    func isOutbound(in bytes: [UInt8]) -> Bool {
        parameterList.first("reg-id", in: bytes) != nil && parameterList.first("+sip.instance", in: bytes) != nil
    }
}
