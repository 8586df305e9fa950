/// Why a body isn't taken as a session description. Always the sender's fault.
public enum SDPError: Error, Hashable, Sendable {
    /// Longer than ``SessionDescription/maximumLength``.
    case tooLong
    /// More media descriptions than ``SessionDescription/maximumMedia``.
    case tooManyMedia
    /// More lines that matter to a relay than ``SessionDescription/maximumFields``.
    case tooManyFields
    /// The first line isn't `v=0`.
    case missingVersion
    /// `o=` has no address at its end.
    case malformedOrigin
    /// `c=` has no address.
    case malformedConnection
    /// A stream in use has no `c=`, neither of its own nor of the session.
    case missingConnection
    /// `m=` lacks media, port or protocol, or its port is no port.
    case malformedMedia
}

extension SDPError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooLong: "longer than \(SessionDescription.maximumLength) octets"
        case .tooManyMedia: "more than \(SessionDescription.maximumMedia) media descriptions"
        case .tooManyFields: "more than \(SessionDescription.maximumFields) addresses and transport attributes"
        case .missingVersion: "no v=0 at the beginning"
        case .malformedOrigin: "malformed o= line"
        case .malformedConnection: "malformed c= line"
        case .missingConnection: "no c= line for a stream"
        case .malformedMedia: "malformed m= line"
        }
    }
}
