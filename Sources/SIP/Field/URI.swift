public import NetworkTypes

/// A URI in a message, by its parts (RFC 3261 §19.1.1). Only `sip` and `sips` are taken apart.
public struct URI: Hashable, Sendable {
    public enum Scheme: UInt8, Hashable, Sendable { case sip, sips, tel, other }

    public let scheme: Scheme
    /// The whole URI.
    public let range: Range<Int>
    /// User and password, without the `@`; nil where there is none.
    public let userInfo: Range<Int>?
    /// The host; an IPv6 literal with its brackets. Empty for other schemes.
    public let host: Range<Int>
    public let port: UInt16?
    /// Host and port as they stand.
    public let hostPort: Range<Int>
    /// From the first `;` after the host to the `?` or the end.
    public let parameters: Parameters
    /// From the `?` on; empty where there is none.
    public let headers: Range<Int>

    /// The user without the password.
    public func user(in bytes: [UInt8]) -> Range<Int>? {
        userInfo.map { $0.lowerBound..<(bytes[$0].firstIndex(of: UInt8(ascii: ":")) ?? $0.upperBound) }
    }

    /// The host as an address, where it is one.
    public func address(in bytes: [UInt8]) -> IPAddress? { IPAddress(text: bytes[host]) }

    /// The `transport` parameter, where it names one that we know.
    public func transport(in bytes: [UInt8]) -> TransportProtocol? {
        guard let value = parameters.first("transport", in: bytes)?.value else { return nil }
        if bytes.equals(value, ignoringCase: "udp") { return .udp }
        if bytes.equals(value, ignoringCase: "tcp") { return .tcp }
        return bytes.equals(value, ignoringCase: "tls") ? .tls : nil
    }

    /// Whether the `lr` parameter says that the proxy routes loosely (RFC 3261 §16.12).
    public func isLoose(in bytes: [UInt8]) -> Bool { parameters.first("lr", in: bytes) != nil }

    /// Reads the URI that fills `range`; nil when it is none, or a `sip` URI without a valid host.
    public init?(_ range: Range<Int>, in bytes: [UInt8]) {
        guard let colon = bytes[range].firstIndex(of: UInt8(ascii: ":")), colon > range.lowerBound,
            bytes[range.lowerBound].isAlpha,
            bytes[range.lowerBound..<colon].allSatisfy({ $0.isAlphanumeric || "+-.".utf8.contains($0) }),
            !bytes[range].contains(where: { $0 <= 0x20 || $0 == 0x7f || $0 == 0x3c || $0 == 0x3e || $0 == 0x22 })
        else { return nil }
        self.range = range
        scheme = Self.scheme(range.lowerBound..<colon, in: bytes)
        guard scheme == .sip || scheme == .sips else {
            (userInfo, host, port, hostPort) = (nil, 0..<0, nil, 0..<0)
            (parameters, headers) = (
                Parameters(range.upperBound..<range.upperBound), range.upperBound..<range.upperBound
            )
            return
        }
        let rest = (colon + 1)..<range.upperBound
        // A user may hold ";" and "?" unescaped (RFC 3261 §25.1), so the "@" is looked for first.
        let at = bytes[rest].firstIndex(of: UInt8(ascii: "@"))
        userInfo = at.map { rest.lowerBound..<$0 }
        if let userInfo, userInfo.isEmpty { return nil }
        let hostStart = at.map { $0 + 1 } ?? rest.lowerBound
        guard let parts = Self.hostAndPort(hostStart..<rest.upperBound, in: bytes) else { return nil }
        (host, port) = (parts.host, parts.port)
        hostPort = hostStart..<parts.end
        let question = bytes[parts.end..<rest.upperBound].firstIndex(of: UInt8(ascii: "?")) ?? rest.upperBound
        parameters = Parameters(parts.end..<question)
        headers = question..<rest.upperBound
    }

    private static func scheme(_ range: Range<Int>, in bytes: [UInt8]) -> Scheme {
        if bytes.equals(range, ignoringCase: "sip") { return .sip }
        if bytes.equals(range, ignoringCase: "sips") { return .sips }
        return bytes.equals(range, ignoringCase: "tel") ? .tel : .other
    }

    /// Reads `host [":" port]` up to a `;`, a `?` or the end of `range`.
    static func hostAndPort(
        _ range: Range<Int>, in bytes: [UInt8]
    ) -> (host: Range<Int>, port: UInt16?, end: Int)? {
        var end = range.lowerBound
        if end < range.upperBound, bytes[end] == UInt8(ascii: "[") {
            guard let close = bytes[range].firstIndex(of: UInt8(ascii: "]")),
                IPAddress(text: bytes[end...close]) != nil
            else { return nil }
            end = close + 1
        } else {
            while end < range.upperBound, Self.isHostOctet(bytes[end]) { end += 1 }
        }
        let host = range.lowerBound..<end
        guard !host.isEmpty else { return nil }
        var port: UInt16?
        if end < range.upperBound, bytes[end] == UInt8(ascii: ":") {
            var last = end + 1
            while last < range.upperBound, bytes[last].isDigit { last += 1 }
            guard let number: UInt16 = bytes.decimal((end + 1)..<last) else { return nil }
            (port, end) = (number, last)
        }
        guard end == range.upperBound || bytes[end] == UInt8(ascii: ";") || bytes[end] == UInt8(ascii: "?") else {
            return nil
        }
        return (host, port, end)
    }

    private static func isHostOctet(_ octet: UInt8) -> Bool {
        octet.isAlphanumeric || octet == UInt8(ascii: "-") || octet == UInt8(ascii: ".") || octet == UInt8(ascii: "_")
    }
}
