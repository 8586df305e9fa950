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
        var found: Parameter?
        forEach(in: bytes) { parameter in
            guard bytes.equals(parameter.name, ignoringCase: name) else { return true }
            found = parameter
            return false
        }
        return found
    }

    /// All parameters in order.
    public func all(in bytes: [UInt8]) -> [Parameter] {
        var list: [Parameter] = []
        forEach(in: bytes) {
            list.append($0)
            return true
        }
        return list
    }

    /// Calls `body` for each parameter until it returns false.
    private func forEach(in bytes: [UInt8], _ body: (Parameter) -> Bool) {
        let semicolon = UInt8(ascii: ";")
        var start = range.lowerBound
        while start < range.upperBound {
            guard bytes[start] == semicolon else {
                start += 1
                continue
            }
            let end = FieldValues.find(semicolon, (start + 1)..<range.upperBound, in: bytes) ?? range.upperBound
            let equals = FieldValues.find(UInt8(ascii: "="), (start + 1)..<end, in: bytes)
            let name = bytes.trimming((start + 1)..<(equals ?? end))
            let value = equals.map { bytes.trimming(($0 + 1)..<end) }
            if !name.isEmpty, !body(Parameter(name: name, value: value, whole: start..<end)) { return }
            start = end
        }
    }
}
