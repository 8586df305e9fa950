import NetworkTypes

/// A `name-addr` or `addr-spec` with its header parameters: a value of From, To, Contact, Route … (RFC 3261 §20.10).
public struct NameAddress: Hashable, Sendable {
    /// The URI, without angle brackets.
    public let uri: Range<Int>
    /// The URI with its angle brackets, where it has them.
    public let bracketed: Range<Int>
    /// The header parameters after the URI.
    public let parameters: Range<Int>
    /// The whole value.
    public let range: Range<Int>

    /// Whether the URI stands in angle brackets.
    public var hasBrackets: Bool { bracketed != uri }

    /// The header parameters.
    public var parameterList: Parameters { Parameters(parameters) }

    /// Reads one value; nil where quotes or brackets don't close, white space stands inside the brackets, nothing is
    /// where the URI should be, or a display name would need quotes (RFC 4475 §3.1.2.14, .15).
    ///
    /// Without angle brackets a `;` starts the header parameters, not the URI's, and a `?` may not stand in the URI
    /// (RFC 3261 §20; RFC 4475 §3.1.2.13).
    public init?(_ range: Range<Int>, in bytes: [UInt8]) {
        self.range = range
        guard let open = Self.openBracket(range, in: bytes) else {
            let semicolon = bytes.first(UInt8(ascii: ";"), in: range) ?? range.upperBound
            uri = bytes.trimming(range.lowerBound..<semicolon)
            bracketed = uri
            parameters = semicolon..<range.upperBound
            if uri.isEmpty || bytes.first(UInt8(ascii: "?"), in: uri) != nil { return nil }
            return
        }
        guard Self.isDisplayName(range.lowerBound..<open, in: bytes),
            let close = bytes.first(UInt8(ascii: ">"), in: open..<range.upperBound), close > open + 1,
            bytes[open + 1] > 0x20, bytes[close - 1] > 0x20
        else { return nil }
        uri = (open + 1)..<close
        bracketed = open..<(close + 1)
        let rest = bytes.trimming((close + 1)..<range.upperBound)
        guard rest.isEmpty || bytes[rest.lowerBound] == UInt8(ascii: ";") else { return nil }
        parameters = rest.isEmpty ? range.upperBound..<range.upperBound : rest
    }

    /// Where the `<` is that opens the URI, outside quotes.
    private static func openBracket(_ range: Range<Int>, in bytes: [UInt8]) -> Int? {
        let octets = bytes.span
        var index = range.lowerBound
        while index < range.upperBound {
            if octets[index] == UInt8(ascii: "<") { return index }
            if octets[index] == UInt8(ascii: "\"") {
                index = FieldValues.endOfQuoted(index..<range.upperBound, in: bytes) ?? range.upperBound
            } else {
                index &+= 1
            }
        }
        return nil
    }

    /// Whether `range` is a quoted string, or tokens and white space. Octets of UTF-8 are let pass: phones write names
    /// without quotes, and no separator is among them.
    private static func isDisplayName(_ range: Range<Int>, in bytes: [UInt8]) -> Bool {
        let octets = bytes.span
        var index = range.lowerBound
        while index < range.upperBound {
            let octet = octets[index]
            if octet == UInt8(ascii: "\"") {
                guard let close = FieldValues.endOfQuoted(index..<range.upperBound, in: bytes) else { return false }
                index = close
                continue
            }
            guard Token.isTokenOctet(octet) || octet.isWhitespace || octet == 13 || octet == 10 || octet >= 0x80 else {
                return false
            }
            index &+= 1
        }
        return true
    }

    /// The `tag` parameter (RFC 3261 §19.3).
    public func tag(in bytes: [UInt8]) -> Range<Int>? {
        parameterList.first("tag", in: bytes)?.value
    }
}
