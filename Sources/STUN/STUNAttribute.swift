/// The attributes of Binding messages that we read or write (RFC 8489 §18.3, RFC 8445 §16.1).
enum STUNAttribute: UInt16 {
    case mappedAddress = 0x0001
    case username = 0x0006
    case messageIntegrity = 0x0008
    case errorCode = 0x0009
    case unknownAttributes = 0x000a
    case realm = 0x0014
    case nonce = 0x0015
    case messageIntegritySHA256 = 0x001c
    case xorMappedAddress = 0x0020
    case priority = 0x0024
    case useCandidate = 0x0025
    case fingerprint = 0x8028
    case iceControlled = 0x8029
    case iceControlling = 0x802a

    /// Who has to understand an attribute of the lower half of the numbers, or say that he does not (RFC 8489 §14).
    func isUnderstood(in usage: STUNUsage) -> Bool {
        switch self {
        case .priority, .useCandidate: usage == .connectivityCheck
        default: true
        }
    }
}

/// What a Binding request is for, which decides about the attributes that may be in it.
public enum STUNUsage: UInt8, Sendable {
    /// RFC 5626 §3.5.2. USERNAME, MESSAGE-INTEGRITY and the like prove something to those who share a secret with the
    /// sender; to who only says what it saw they are nothing that has to be understood.
    case keepAlive
    /// RFC 8445 §7.
    case connectivityCheck
}
