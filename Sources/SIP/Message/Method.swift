/// The method of a request or of a CSeq (RFC 3261 §7.1). Methods are case-sensitive.
public enum Method: UInt8, Hashable, Sendable, CaseIterable {
    case invite, ack, bye, cancel, register, options
    case prack, update, info, subscribe, notify, refer, message, publish
    /// Any other token: an extension method, whose octets the message keeps.
    case other

    /// The method's name; empty for ``other``.
    public var name: StaticString {
        switch self {
        case .invite: "INVITE"
        case .ack: "ACK"
        case .bye: "BYE"
        case .cancel: "CANCEL"
        case .register: "REGISTER"
        case .options: "OPTIONS"
        case .prack: "PRACK"
        case .update: "UPDATE"
        case .info: "INFO"
        case .subscribe: "SUBSCRIBE"
        case .notify: "NOTIFY"
        case .refer: "REFER"
        case .message: "MESSAGE"
        case .publish: "PUBLISH"
        case .other: ""
        }
    }

    init(_ range: Range<Int>, in bytes: [UInt8]) {
        let candidates: [Method] =
            switch range.count {
            case 3: [.ack, .bye]
            case 4: [.info]
            case 5: [.prack, .refer]
            case 6: [.invite, .cancel, .update, .notify]
            case 7: [.options, .message, .publish]
            case 8: [.register]
            case 9: [.subscribe]
            default: []
            }
        self = candidates.first { bytes.equals(range, exactly: $0.name) } ?? .other
    }

    /// Whether the request can create a dialog, so that its path must be recorded (RFC 3261 §12.1, 6665, 3515).
    public var formsDialog: Bool {
        switch self {
        case .invite, .subscribe, .refer: true
        default: false
        }
    }

    /// Whether its Contact is a remote target: it forms a dialog or refreshes the target of one (RFC 3261 §12.2).
    public var carriesTarget: Bool {
        switch self {
        case .invite, .subscribe, .refer, .update, .notify: true
        default: false
        }
    }
}
