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

    /// Whether the text looks like a hidden Call-ID: cheap, for Call-IDs that mostly are none.
    static func mayBeHidden(_ callID: ArraySlice<UInt8>) -> Bool {
        callID.count > prefix.count && callID.starts(with: prefix)
    }
}
