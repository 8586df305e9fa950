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

    /// Reads one value; nil where quotes or brackets don't close, or nothing is where the URI should be.
    ///
    /// Without angle brackets a `;` starts the header parameters, not the URI's (RFC 3261 §20).
    public init?(_ range: Range<Int>, in bytes: [UInt8]) {
        self.range = range
        var index = range.lowerBound
        while index < range.upperBound, bytes[index] != UInt8(ascii: "<") {
            if bytes[index] == UInt8(ascii: "\"") {
                guard let close = FieldValues.endOfQuoted(index..<range.upperBound, in: bytes) else { return nil }
                index = close
            } else {
                index += 1
            }
        }
        if index < range.upperBound {
            guard let close = bytes[index..<range.upperBound].firstIndex(of: UInt8(ascii: ">")) else { return nil }
            uri = bytes.trimming((index + 1)..<close)
            bracketed = index..<(close + 1)
            let rest = bytes.trimming((close + 1)..<range.upperBound)
            guard rest.isEmpty || bytes[rest.lowerBound] == UInt8(ascii: ";") else { return nil }
            parameters = rest.isEmpty ? range.upperBound..<range.upperBound : rest
        } else {
            let semicolon = bytes[range].firstIndex(of: UInt8(ascii: ";")) ?? range.upperBound
            uri = bytes.trimming(range.lowerBound..<semicolon)
            bracketed = uri
            parameters = semicolon..<range.upperBound
        }
        if uri.isEmpty { return nil }
    }

    /// The `tag` parameter (RFC 3261 §19.3).
    public func tag(in bytes: [UInt8]) -> Range<Int>? {
        parameterList.first("tag", in: bytes)?.value
    }
}
