/// One header field line: where it is among the message's octets.
///
/// Positions are kept as 16 bits, since no message is longer (``MessageParser/maximumSize``): the fields of a message
/// take less memory than their octets (security 17).
public struct HeaderField: Hashable, Sendable {
    public let name: HeaderName
    private let start: UInt16
    private let nameEnd: UInt16
    private let valueStart: UInt16
    private let valueEnd: UInt16
    private let end: UInt16

    init(name: HeaderName, nameEnd: Int, value: Range<Int>, line: Range<Int>) {
        self.name = name
        start = UInt16(clamping: line.lowerBound)
        self.nameEnd = UInt16(clamping: nameEnd)
        valueStart = UInt16(clamping: value.lowerBound)
        valueEnd = UInt16(clamping: value.upperBound)
        end = UInt16(clamping: line.upperBound)
    }

    /// The name's octets, without the white space before the colon.
    public var nameRange: Range<Int> { Int(start)..<Int(nameEnd) }
    /// The value without surrounding white space; folds inside are kept.
    public var value: Range<Int> { Int(valueStart)..<Int(valueEnd) }
    /// The whole line, or lines of a folded field, with the final line end.
    public var line: Range<Int> { Int(start)..<Int(end) }
}
