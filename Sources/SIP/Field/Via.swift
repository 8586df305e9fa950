import NetworkTypes

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
    /// The value's octets.
    public let range: Range<Int>

    /// RFC 3261 §8.1.1.7: what a branch of RFC 3261 starts with.
    public func hasMagicCookie(in bytes: [UInt8]) -> Bool {
        guard let branch, branch.count > 7 else { return false }
        return bytes.equals(branch.lowerBound..<(branch.lowerBound + 7), ignoringCase: "z9hG4bK")
    }

    /// Reads one value; white space around its separators is allowed, as §25.1's grammar does.
    public init?(_ range: Range<Int>, in bytes: [UInt8]) {
        var cursor = Cursor(range, bytes)
        guard cursor.take(token: "SIP"), cursor.take(UInt8(ascii: "/")), cursor.take(token: "2.0"),
            cursor.take(UInt8(ascii: "/")), let transport = cursor.takeToken()
        else { return nil }
        let afterTransport = cursor.position
        cursor.skipWhitespace()
        guard cursor.position > afterTransport, let host = cursor.takeHost() else { return nil }
        var end = cursor.position
        var port: UInt16?
        cursor.skipWhitespace()
        if cursor.take(UInt8(ascii: ":")) {
            cursor.skipWhitespace()
            guard let digits = cursor.takeToken(), let number: UInt16 = bytes.decimal(digits) else { return nil }
            (port, end) = (number, digits.upperBound)
            cursor.skipWhitespace()
        }
        guard cursor.isAtEnd || cursor.peek == UInt8(ascii: ";") else { return nil }
        self.range = range
        self.host = host
        self.port = port
        self.transport = transport
        sentBy = host.lowerBound..<end
        parameters = Parameters(cursor.position..<range.upperBound)
        branch = parameters.first("branch", in: bytes)?.value
    }

    /// Reads tokens and separators with white space between them.
    private struct Cursor {
        let bytes: [UInt8]
        let end: Int
        var position: Int

        init(_ range: Range<Int>, _ bytes: [UInt8]) {
            self.bytes = bytes
            position = range.lowerBound
            end = range.upperBound
        }

        var isAtEnd: Bool { position >= end }
        var peek: UInt8? { isAtEnd ? nil : bytes[position] }

        mutating func skipWhitespace() {
            while let byte = peek, byte.isWhitespace || byte == 13 || byte == 10 { position += 1 }
        }

        mutating func take(_ separator: UInt8) -> Bool {
            skipWhitespace()
            guard peek == separator else { return false }
            position += 1
            return true
        }

        mutating func takeToken() -> Range<Int>? {
            skipWhitespace()
            let start = position
            while let byte = peek, Token.isTokenOctet(byte) { position += 1 }
            return position > start ? start..<position : nil
        }

        mutating func take(token: StaticString) -> Bool {
            guard let range = takeToken() else { return false }
            return bytes.equals(range, ignoringCase: token)
        }

        mutating func takeHost() -> Range<Int>? {
            guard peek == UInt8(ascii: "[") else { return takeToken() }
            guard let close = bytes[position..<end].firstIndex(of: UInt8(ascii: "]")),
                IPAddress(text: bytes[position...close]) != nil
            else { return nil }
            defer { position = close + 1 }
            return position..<(close + 1)
        }
    }
}
