import NetworkTypes

// Call-IDs that the outside must not read: sealed rather than kept, so that any node reveals what another one hid.

extension TokenCodec {
    /// What a hidden Call-ID starts with: a word (RFC 3261 §25.1) that needs no escape in a URI.
    private static let prefix = Array("sp-c".utf8)

    /// The longest Call-ID that is hidden; longer ones have no business in a SIP message.
    static let maximumCallID = 1024

    /// What the outside gets to know instead of a Call-ID: the same each time, and nobody else's.
    func hidden(callID: ArraySlice<UInt8>) -> [UInt8]? {
        guard callID.count <= Self.maximumCallID else { return nil }
        var text = Self.prefix
        text.reserveCapacity((callID.count + 17) * 4 / 3 + 8)
        Base64URL.append(seal(callID: Array(callID)), to: &text)
        return text
    }

    /// The Call-ID that was hidden so; nil for any other text, a forged one too.
    func revealed(callID: ArraySlice<UInt8>) -> [UInt8]? {
        guard Self.mayBeHidden(callID), callID.count <= 2 * Self.maximumCallID,
            let sealed = Base64URL.decode(callID.dropFirst(Self.prefix.count))
        else { return nil }
        return open(callID: sealed)
    }

    /// Where the Call-ID of a message that is not parsed yet stands, when it looks hidden.
    static func hiddenCallID(in bytes: [UInt8]) -> Range<Int>? {
        let octets = bytes.span
        var start = 0
        while start < octets.count {
            var end = start
            while end < octets.count, octets[end] != 10 { end &+= 1 }
            let first = octets[start] | 0x20
            // A blank line: the body is nobody's business.
            if end &- start < 2, octets[start] == 10 || octets[start] == 13 { return nil }
            if first == UInt8(ascii: "c") || first == UInt8(ascii: "i"), let value = callID(in: start..<end, of: bytes)
            {
                return mayBeHidden(bytes[value]) ? value : nil
            }
            start = end &+ 1
        }
        return nil
    }

    /// The value of the line, when it is a Call-ID.
    private static func callID(in line: Range<Int>, of bytes: [UInt8]) -> Range<Int>? {
        guard let colon = bytes[line].firstIndex(of: UInt8(ascii: ":")) else { return nil }
        let name = bytes.trimming(line.lowerBound..<colon)
        guard bytes.equals(name, ignoringCase: "Call-ID") || bytes.equals(name, ignoringCase: "i") else { return nil }
        return bytes.trimming((colon + 1)..<line.upperBound)
    }

    /// Whether the text looks like a hidden Call-ID: cheap, for Call-IDs that mostly are none.
    static func mayBeHidden(_ callID: ArraySlice<UInt8>) -> Bool {
        callID.count > prefix.count && callID.starts(with: prefix)
    }
}
