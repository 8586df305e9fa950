public import NetworkTypes

/// One Via value (RFC 3261 §20.42): `SIP/2.0/UDP host:port;branch=…;received=…;rport`.
public struct Via: Hashable, Sendable {
    /// The sent-by host, an IPv6 literal with its brackets.
    public let host: Range<Int>
    public let port: UInt16?
    /// Host and port as they stand.
    public let sentBy: Range<Int>
    public let transport: Range<Int>
    public let parameters: Parameters
    /// The value of `branch`; nil before RFC 3261.
    public let branch: Range<Int>?
    /// Whether its parameters are as §25.1 wants them: none without a name or with an empty value, one branch.
    public let isWellFormed: Bool
    /// The value's octets.
    public let range: Range<Int>

    /// RFC 3261 §8.1.1.7: what a branch of RFC 3261 starts with.
    public func hasMagicCookie(in bytes: [UInt8]) -> Bool {
        guard let branch, branch.count > 7 else { return false }
        return bytes.equals(branch.lowerBound..<(branch.lowerBound + 7), ignoringCase: "z9hG4bK")
    }

    /// The sent-by host as an address, where it is one.
    public func address(in bytes: [UInt8]) -> IPAddress? { HostText.address(host, in: bytes) }

    /// Reads one value; white space around its separators is allowed, as §25.1's grammar does. The version is not
    /// looked at: a request of another one can still be answered (505).
    public init?(_ range: Range<Int>, in bytes: [UInt8]) {
        var cursor = FieldCursor(range)
        guard let name = cursor.takeToken(bytes), bytes.equals(name, ignoringCase: "SIP"),
            cursor.take(UInt8(ascii: "/"), bytes), cursor.takeToken(bytes) != nil,
            cursor.take(UInt8(ascii: "/"), bytes), let transport = cursor.takeToken(bytes)
        else { return nil }
        cursor.skipWhitespace(bytes)
        guard cursor.position > transport.upperBound, let host = cursor.takeHost(bytes) else { return nil }
        var end = host.upperBound
        var port: UInt16?
        if cursor.take(UInt8(ascii: ":"), bytes) {
            guard let digits = cursor.takeToken(bytes), let number: UInt16 = bytes.decimal(digits), number > 0 else {
                return nil
            }
            (port, end) = (number, digits.upperBound)
            cursor.skipWhitespace(bytes)
        }
        guard cursor.isAtEnd || cursor.peek(bytes) == UInt8(ascii: ";") else { return nil }
        self.range = range
        self.host = host
        self.port = port
        self.transport = transport
        sentBy = host.lowerBound..<end
        parameters = Parameters(cursor.position..<range.upperBound)
        let branch = parameters.only("branch", in: bytes)
        self.branch = branch.parameter?.value
        isWellFormed = branch.isWellFormed
    }
}

/// Reads tokens and separators with white space between them.
private struct FieldCursor {
    private(set) var position: Int
    private let end: Int

    init(_ range: Range<Int>) {
        position = range.lowerBound
        end = range.upperBound
    }

    var isAtEnd: Bool { position >= end }
    func peek(_ bytes: [UInt8]) -> UInt8? { isAtEnd ? nil : bytes[position] }

    mutating func skipWhitespace(_ bytes: [UInt8]) {
        while position < end, bytes[position] <= 0x20 { position += 1 }
    }

    mutating func take(_ separator: UInt8, _ bytes: [UInt8]) -> Bool {
        skipWhitespace(bytes)
        guard position < end, bytes[position] == separator else { return false }
        position += 1
        return true
    }

    mutating func takeToken(_ bytes: [UInt8]) -> Range<Int>? {
        skipWhitespace(bytes)
        let start = position
        while position < end, Token.isTokenOctet(bytes[position]) { position += 1 }
        return position > start ? start..<position : nil
    }

    mutating func takeHost(_ bytes: [UInt8]) -> Range<Int>? {
        guard peek(bytes) == UInt8(ascii: "[") else { return takeToken(bytes) }
        guard let close = bytes.first(UInt8(ascii: "]"), in: position..<end),
            HostText.address(position..<(close + 1), in: bytes) != nil
        else { return nil }
        defer { position = close + 1 }
        return position..<(close + 1)
    }
}
