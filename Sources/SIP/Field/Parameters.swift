import NetworkTypes

/// A list of `;name=value` parameters (RFC 3261 §7.3.1), read where it stands.
public struct Parameters: Hashable, Sendable {
    /// One parameter; ``value`` is nil where there is no `=`.
    public struct Parameter: Hashable, Sendable {
        public let name: Range<Int>
        /// The value without surrounding white space; quotes included.
        public let value: Range<Int>?
        /// From its semicolon to the next one.
        public let whole: Range<Int>
    }

    /// From the first semicolon on; may be empty.
    public let range: Range<Int>

    public init(_ range: Range<Int>) { self.range = range }

    /// The first parameter of that name, whatever its case.
    public func first(_ name: StaticString, in bytes: [UInt8]) -> Parameter? {
        var start = range.lowerBound
        while let parameter = parameter(from: start, in: bytes) {
            if bytes.equals(parameter.name, ignoringCase: name) { return parameter }
            start = parameter.whole.upperBound
        }
        return nil
    }

    /// The first parameter of that name, and whether the list is well-formed: no parameter is nameless, none has an
    /// empty value, and that name stands only once.
    func only(_ name: StaticString, in bytes: [UInt8]) -> (parameter: Parameter?, isWellFormed: Bool) {
        var found: Parameter?
        var isWellFormed = true
        var start = range.lowerBound
        while let parameter = parameter(from: start, in: bytes) {
            if !Token.isToken(parameter.name, in: bytes) || parameter.value?.isEmpty == true { isWellFormed = false }
            if bytes.equals(parameter.name, ignoringCase: name) {
                if found == nil { found = parameter } else { isWellFormed = false }
            }
            start = parameter.whole.upperBound
        }
        return (found, isWellFormed)
    }

    /// All parameters that have a name, in order.
    public func all(in bytes: [UInt8]) -> [Parameter] {
        var list: [Parameter] = []
        var start = range.lowerBound
        while let parameter = parameter(from: start, in: bytes) {
            if !parameter.name.isEmpty { list.append(parameter) }
            start = parameter.whole.upperBound
        }
        return list
    }

    /// The parameter whose semicolon is the first one from `start` on.
    private func parameter(from start: Int, in bytes: [UInt8]) -> Parameter? {
        let octets = bytes.span
        var start = start
        while start < range.upperBound, octets[start] != UInt8(ascii: ";") { start &+= 1 }
        guard start < range.upperBound else { return nil }
        var index = start &+ 1
        var equals: Int?
        scan: while index < range.upperBound {
            switch octets[index] {
            case UInt8(ascii: ";"): break scan
            case UInt8(ascii: "="): equals = equals ?? index
            case UInt8(ascii: "\""):
                index = FieldValues.endOfQuoted(index..<range.upperBound, in: bytes) ?? range.upperBound
                continue
            default: break
            }
            index &+= 1
        }
        return Parameter(
            name: bytes.trimming((start + 1)..<(equals ?? index)),
            value: equals.map { bytes.trimming(($0 + 1)..<index) }, whole: start..<index)
    }
}
