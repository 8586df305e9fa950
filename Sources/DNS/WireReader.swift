import NetworkTypes

/// Reads the fields of a DNS message one after the other (RFC 1035 §4.1). Hostile input throws, and cannot do more.
struct WireReader {
    let octets: [UInt8]
    private(set) var offset = 0
    /// The end of what may be read: of the message, or of one record's data.
    private(set) var end: Int

    init(_ octets: [UInt8]) {
        self.octets = octets
        end = octets.count
    }

    var isAtEnd: Bool { offset >= end }

    mutating func octet() throws(MalformedMessage) -> UInt8 {
        guard offset < end else { throw .truncated }
        defer { offset += 1 }
        return octets[offset]
    }

    mutating func number16() throws(MalformedMessage) -> UInt16 {
        UInt16(try octet()) << 8 | UInt16(try octet())
    }

    mutating func number32() throws(MalformedMessage) -> UInt32 {
        UInt32(try number16()) << 16 | UInt32(try number16())
    }

    mutating func take(_ count: Int) throws(MalformedMessage) -> ArraySlice<UInt8> {
        guard count <= end - offset else { throw .truncated }
        defer { offset += count }
        return octets[offset..<offset + count]
    }

    /// A `<character-string>` (RFC 1035 §3.3).
    mutating func string() throws(MalformedMessage) -> ArraySlice<UInt8> { try take(Int(octet())) }

    /// A reader of the next `count` octets, which may follow pointers into what is before them.
    mutating func part(_ count: Int) throws(MalformedMessage) -> WireReader {
        guard count <= end - offset else { throw .truncated }
        var part = self
        part.end = offset + count
        offset += count
        return part
    }

    /// A domain name, compressed or not (RFC 1035 §4.1.4); nil for one with octets that no ``DomainName`` has.
    ///
    /// A pointer must lead to before the place that the name (or its last pointer) began at, so that no chain of them
    /// is a loop, and a name has at most 255 octets.
    mutating func name() throws(MalformedMessage) -> DomainName? {
        var text: [UInt8] = []
        var isText = true
        var length = 1
        var (position, limit, floor) = (offset, end, offset)
        var after: Int?
        while true {
            guard position < limit else { throw .truncated }
            let first = octets[position]
            position += 1
            switch first >> 6 {
            case 0b00:
                if first == 0 {
                    offset = after ?? position
                    return isText ? DomainName(unchecked: String(decoding: text, as: UTF8.self)) : nil
                }
                length += Int(first) + 1
                guard length <= 255 else { throw .nameTooLong }
                guard Int(first) <= limit - position else { throw .truncated }
                if !text.isEmpty { text.append(UInt8(ascii: ".")) }
                for octet in octets[position..<position + Int(first)] {
                    isText = isText && DomainName.isAllowed(octet)
                    text.append(octet.lowercased)
                }
                position += Int(first)
            case 0b11:
                guard position < limit else { throw .truncated }
                let target = Int(first & 0x3f) << 8 | Int(octets[position])
                guard target < floor else { throw .badPointer }
                after = after ?? position + 1
                (position, limit, floor) = (target, octets.count, target)
            default: throw .badLabel
            }
        }
    }
}

/// What is wrong with a DNS message.
public enum MalformedMessage: Error, Hashable, Sendable {
    /// It ends before its fields do, or a record's data does.
    case truncated
    /// A compressed name that does not lead back.
    case badPointer
    /// A label of a kind that RFC 1035 reserves.
    case badLabel
    case nameTooLong
    /// Not a response, or one to anything but one question.
    case notAnAnswer
    /// An A or AAAA record of a wrong length, or data longer than its fields.
    case badData
}
