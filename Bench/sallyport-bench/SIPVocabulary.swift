import NetworkTypes

/// The methods that the generator uses.
enum SIPMethod: Equatable {
    case invite, ack, bye, cancel, options, register, other

    init(_ text: some Collection<UInt8>) {
        let known: [(StaticString, SIPMethod)] = [
            ("INVITE", .invite), ("ACK", .ack), ("BYE", .bye), ("CANCEL", .cancel), ("OPTIONS", .options),
            ("REGISTER", .register),
        ]
        self = known.first { $0.0.withUTF8Buffer { text.elementsEqual($0) } }?.1 ?? .other
    }

    var text: StaticString {
        switch self {
        case .invite: "INVITE"
        case .ack: "ACK"
        case .bye: "BYE"
        case .cancel: "CANCEL"
        case .options: "OPTIONS"
        case .register: "REGISTER"
        case .other: "OTHER"
        }
    }
}

/// The header fields that the generator reads.
enum HeaderName {
    case via, from, to, callID, cseq, contact, route, recordRoute, maxForwards, contentLength, expires, reason, other

    init(_ bytes: [UInt8], _ range: Range<Int>) {
        let known: [(StaticString, StaticString, HeaderName)] = [
            ("via", "v", .via), ("from", "f", .from), ("to", "t", .to), ("call-id", "i", .callID),
            ("cseq", "cseq", .cseq), ("contact", "m", .contact), ("route", "route", .route),
            ("record-route", "record-route", .recordRoute), ("max-forwards", "max-forwards", .maxForwards),
            ("content-length", "l", .contentLength), ("expires", "expires", .expires), ("reason", "reason", .reason),
        ]
        let match = known.first {
            bytes.equals(range, ignoringCase: $0.0) || bytes.equals(range, ignoringCase: $0.1)
        }
        self = match?.2 ?? .other
    }
}
