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
        let candidate = range.isEmpty ? .other : Self.candidate(length: range.count, first: bytes[range.lowerBound])
        self = bytes.equals(range, exactly: candidate.name) ? candidate : .other
    }

    /// The only method that has that length and that first letter.
    private static func candidate(length: Int, first: UInt8) -> Method {
        switch (length, first) {
        case (3, UInt8(ascii: "A")): .ack
        case (3, UInt8(ascii: "B")): .bye
        case (4, UInt8(ascii: "I")): .info
        case (5, UInt8(ascii: "P")): .prack
        case (5, UInt8(ascii: "R")): .refer
        case (6, UInt8(ascii: "I")): .invite
        case (6, UInt8(ascii: "C")): .cancel
        case (6, UInt8(ascii: "U")): .update
        case (6, UInt8(ascii: "N")): .notify
        case (7, UInt8(ascii: "O")): .options
        case (7, UInt8(ascii: "M")): .message
        case (7, UInt8(ascii: "P")): .publish
        case (8, UInt8(ascii: "R")): .register
        case (9, UInt8(ascii: "S")): .subscribe
        default: .other
        }
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
