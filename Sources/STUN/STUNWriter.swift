public import NetworkTypes

/// Writes a STUN message attribute by attribute at the beginning of a slot, never past its end: one that does not fit
/// makes ``finish(in:)`` say so.
public struct STUNWriter {
    private var length = 0
    private var hasOverflowed = false
    private let transactionID: STUNTransactionID

    /// Starts a message with the header.
    public init(_ kind: STUNMessage.Kind, _ id: STUNTransactionID, in slot: inout MutableSpan<UInt8>) {
        transactionID = id
        append(kind.rawValue, to: &slot)
        append(0 as UInt16, to: &slot)
        append(STUNMessage.magicCookie, to: &slot)
        append(id.high, to: &slot)
        append(id.low, to: &slot)
    }

    /// The length of the message; nil where the slot was too small.
    public func finish(in slot: inout MutableSpan<UInt8>) -> Int? {
        hasOverflowed ? nil : length
    }
}

// MARK: Attributes

extension STUNWriter {
    /// XOR-MAPPED-ADDRESS: where the request came from (RFC 8489 §14.2).
    public mutating func addMappedAddress(_ source: SocketAddress, to slot: inout MutableSpan<UInt8>) {
        let masked = source.ip.masked(by: transactionID)
        let isV6 = masked.family == .v6
        begin(.xorMappedAddress, isV6 ? 20 : 8, in: &slot)
        append(UInt16(isV6 ? 2 : 1), to: &slot)
        append(source.port ^ UInt16(STUNMessage.magicCookie >> 16), to: &slot)
        if isV6 { append(masked.high, to: &slot) }
        if isV6 { append(masked.low, to: &slot) } else { append(UInt32(truncatingIfNeeded: masked.low), to: &slot) }
    }

    /// ERROR-CODE with its reason phrase (RFC 8489 §14.8).
    public mutating func addError(_ code: UInt16, _ reason: StaticString, to slot: inout MutableSpan<UInt8>) {
        let text = Array(reason.description.utf8)
        begin(.errorCode, 4 + text.count, in: &slot)
        append((code / 100) << 8 | code % 100, high: 0, to: &slot)
        append(text, to: &slot)
    }

    /// UNKNOWN-ATTRIBUTES (RFC 8489 §14.13).
    public mutating func addUnknown(_ types: [UInt16], to slot: inout MutableSpan<UInt8>) {
        begin(.unknownAttributes, 2 * types.count, in: &slot)
        for type in types { append(type, to: &slot) }
        pad(2 * types.count, in: &slot)
    }

    /// USERNAME, of a check.
    public mutating func addUsername(_ name: [UInt8], to slot: inout MutableSpan<UInt8>) {
        begin(.username, name.count, in: &slot)
        append(name, to: &slot)
    }

    /// PRIORITY, of a check (RFC 8445 §7.1.1).
    public mutating func addPriority(_ priority: UInt32, to slot: inout MutableSpan<UInt8>) {
        begin(.priority, 4, in: &slot)
        append(priority, to: &slot)
    }

    /// USE-CANDIDATE, of a check that nominates (RFC 8445 §7.1.2).
    public mutating func addUseCandidate(to slot: inout MutableSpan<UInt8>) { begin(.useCandidate, 0, in: &slot) }

    /// ICE-CONTROLLING or ICE-CONTROLLED, of a check.
    public mutating func addRole(_ role: STUNMessage.Role, to slot: inout MutableSpan<UInt8>) {
        switch role {
        case .controlling(let tieBreaker):
            begin(.iceControlling, 8, in: &slot)
            append(tieBreaker, to: &slot)
        case .controlled(let tieBreaker):
            begin(.iceControlled, 8, in: &slot)
            append(tieBreaker, to: &slot)
        }
    }

    /// MESSAGE-INTEGRITY over all before it, by a function that makes an HMAC-SHA1 of 20 octets (RFC 8489 §14.5).
    public mutating func sign(in slot: inout MutableSpan<UInt8>, by tag: (Span<UInt8>) -> [UInt8]?) {
        let covered = length
        setLength(covered + 24, in: &slot)
        guard !hasOverflowed, let octets = tag(slot.span.extracting(0..<covered)), octets.count == 20 else {
            hasOverflowed = true
            return
        }
        begin(.messageIntegrity, 20, in: &slot)
        append(octets, to: &slot)
    }

    /// FINGERPRINT, the last attribute (RFC 8489 §14.7).
    public mutating func addFingerprint(to slot: inout MutableSpan<UInt8>) {
        let covered = length
        setLength(covered + 8, in: &slot)
        guard !hasOverflowed else { return }
        let value = Fingerprint.of(slot.span.extracting(0..<covered))
        begin(.fingerprint, 4, in: &slot)
        append(value, to: &slot)
    }
}

// MARK: Octets

extension STUNWriter {
    private mutating func begin(_ type: STUNAttribute, _ count: Int, in slot: inout MutableSpan<UInt8>) {
        append(type.rawValue, to: &slot)
        append(UInt16(clamping: count), to: &slot)
        setLength(length + (count + 3) / 4 * 4, in: &slot)
    }

    /// What the header says about the message's length.
    private mutating func setLength(_ end: Int, in slot: inout MutableSpan<UInt8>) {
        guard end <= slot.count, let count = UInt16(exactly: end - STUNMessage.headerLength) else {
            hasOverflowed = true
            return
        }
        slot[2] = UInt8(truncatingIfNeeded: count >> 8)
        slot[3] = UInt8(truncatingIfNeeded: count)
    }

    private mutating func append(_ octet: UInt8, to slot: inout MutableSpan<UInt8>) {
        guard length < slot.count else {
            hasOverflowed = true
            return
        }
        slot[length] = octet
        length += 1
    }

    private mutating func append(_ octets: [UInt8], to slot: inout MutableSpan<UInt8>) {
        for octet in octets { append(octet, to: &slot) }
        pad(octets.count, in: &slot)
    }

    private mutating func pad(_ count: Int, in slot: inout MutableSpan<UInt8>) {
        for _ in 0..<(4 - count % 4) % 4 { append(0 as UInt8, to: &slot) }
    }

    private mutating func append(_ number: UInt16, to slot: inout MutableSpan<UInt8>) {
        append(UInt8(truncatingIfNeeded: number >> 8), to: &slot)
        append(UInt8(truncatingIfNeeded: number), to: &slot)
    }

    private mutating func append(_ number: UInt16, high: UInt16, to slot: inout MutableSpan<UInt8>) {
        append(high, to: &slot)
        append(number, to: &slot)
    }

    private mutating func append(_ number: UInt32, to slot: inout MutableSpan<UInt8>) {
        append(UInt16(truncatingIfNeeded: number >> 16), to: &slot)
        append(UInt16(truncatingIfNeeded: number), to: &slot)
    }

    private mutating func append(_ number: UInt64, to slot: inout MutableSpan<UInt8>) {
        append(UInt32(truncatingIfNeeded: number >> 32), to: &slot)
        append(UInt32(truncatingIfNeeded: number), to: &slot)
    }
}
