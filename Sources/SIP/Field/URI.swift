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
        userInfo.map { $0.lowerBound..<(bytes.first(UInt8(ascii: ":"), in: $0) ?? $0.upperBound) }
    }

    /// The host as an address, where it is one.
    public func address(in bytes: [UInt8]) -> IPAddress? { HostText.address(host, in: bytes) }

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
        guard let colon = Self.endOfScheme(range, in: bytes),
            let marks = Self.marks(colon..<range.upperBound, in: bytes)
        else { return nil }
        self.range = range
        scheme = Self.scheme(range.lowerBound..<colon, in: bytes)
        guard scheme == .sip || scheme == .sips else {
            let end = range.upperBound..<range.upperBound
            (userInfo, host, port, hostPort) = (nil, end, nil, end)
            (parameters, headers) = (Parameters(end), end)
            return
        }
        let rest = (colon + 1)..<range.upperBound
        let at = marks.at
        userInfo = at.map { rest.lowerBound..<$0 }
        if at == rest.lowerBound { return nil }
        let hostStart = at.map { $0 + 1 } ?? rest.lowerBound
        guard let parts = Self.hostAndPort(hostStart..<rest.upperBound, in: bytes) else { return nil }
        (host, port) = (parts.host, parts.port)
        hostPort = hostStart..<parts.end
        let question = marks.question ?? rest.upperBound
        parameters = Parameters(parts.end..<question)
        headers = question..<rest.upperBound
    }

    /// Where the colon after the scheme is: ALPHA *(ALPHA / DIGIT / "+" / "-" / ".").
    private static func endOfScheme(_ range: Range<Int>, in bytes: [UInt8]) -> Int? {
        let octets = bytes.span
        guard let first = range.first, octets[first].isAlpha else { return nil }
        for index in range {
            switch octets[index] {
            case UInt8(ascii: ":"): return index
            case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."): continue
            case let octet: if !octet.isAlphanumeric { return nil }
            }
        }
        return nil
    }

    /// Where the first "@" is, and the first "?" behind it; nil when white space, a control character, a quote or an
    /// angle bracket is there. A user may hold ";" and "?" unescaped (RFC 3261 §25.1).
    private static func marks(_ range: Range<Int>, in bytes: [UInt8]) -> (at: Int?, question: Int?)? {
        let octets = bytes.span
        var (at, question) = (-1, -1)
        var index = range.lowerBound
        while index < range.upperBound {
            let octet = octets[index]
            // Letters, digits, most else.
            if octet > UInt8(ascii: "@"), octet != 0x7f {
                index &+= 1
                continue
            }
            if octet <= 0x20 || octet == 0x22 || octet == 0x3c || octet == 0x3e || octet == 0x7f { return nil }
            if octet == UInt8(ascii: "@"), at < 0 { (at, question) = (index, -1) }
            if octet == UInt8(ascii: "?"), question < 0 { question = index }
            index &+= 1
        }
        return (at < 0 ? nil : at, question < 0 ? nil : question)
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
        guard let host = host(range, in: bytes) else { return nil }
        var end = host.upperBound
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

    private static func host(_ range: Range<Int>, in bytes: [UInt8]) -> Range<Int>? {
        let octets = bytes.span
        var end = range.lowerBound
        if end < range.upperBound, octets[end] == UInt8(ascii: "[") {
            guard let close = bytes.first(UInt8(ascii: "]"), in: range),
                HostText.address(end..<(close + 1), in: bytes) != nil
            else { return nil }
            return end..<(close + 1)
        }
        while end < range.upperBound, isHostOctet(octets[end]) { end += 1 }
        let host = range.lowerBound..<end
        return HostText.isAddressOrName(host, in: bytes) ? host : nil
    }

    private static func isHostOctet(_ octet: UInt8) -> Bool {
        octet.isAlphanumeric || octet == UInt8(ascii: "-") || octet == UInt8(ascii: ".") || octet == UInt8(ascii: "_")
    }
}
