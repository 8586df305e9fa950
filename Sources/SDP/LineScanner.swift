import NetworkTypes

/// One line of a body: `x=value` and its line end.
struct Line {
    /// The letter before the equals sign; 0 for a line that isn't of the form `x=…`.
    let type: UInt8
    /// The line with its line end.
    let range: Range<Int>
    /// What follows the equals sign, without the line end.
    let value: Range<Int>
}

/// Takes a body apart into lines.
///
/// CRLF, LF and a lone CR all end a line, whatever the others of the same body end with (RFC 8866 §5 asks for the
/// second). The third, because a receiver that takes CR for a line end would otherwise see lines that nobody rewrote.
struct LineScanner {
    private var position: Int
    private let end: Int

    init(_ body: Range<Int>) {
        position = body.lowerBound
        end = body.upperBound
    }

    mutating func next(in bytes: [UInt8]) -> Line? {
        guard position < end else { return nil }
        let start = position
        while position < end, bytes[position] != 13, bytes[position] != 10 { position += 1 }
        let content = start..<position
        if position < end {
            let isReturn = bytes[position] == 13
            position += 1
            if isReturn, position < end, bytes[position] == 10 { position += 1 }
        }
        guard content.count >= 2, bytes[start + 1] == UInt8(ascii: "=") else {
            return Line(type: 0, range: start..<position, value: content)
        }
        return Line(type: bytes[start], range: start..<position, value: start + 2..<content.upperBound)
    }
}

/// The words of a value, separated by any run of spaces and tabs.
struct WordScanner {
    private var rest: Range<Int>

    init(_ value: Range<Int>) { rest = value }

    /// The next word; empty at the end.
    mutating func next(in bytes: [UInt8]) -> Range<Int> {
        var start = rest.lowerBound
        while start < rest.upperBound, bytes[start].isWhitespace { start += 1 }
        var end = start
        while end < rest.upperBound, !bytes[end].isWhitespace { end += 1 }
        rest = end..<rest.upperBound
        return start..<end
    }

    /// The last word; empty when none is left.
    mutating func last(in bytes: [UInt8]) -> Range<Int> {
        var end = rest.upperBound
        while end > rest.lowerBound, bytes[end - 1].isWhitespace { end -= 1 }
        var start = end
        while start > rest.lowerBound, !bytes[start - 1].isWhitespace { start -= 1 }
        rest = rest.lowerBound..<start
        return start..<end
    }

    /// What no word was taken from yet, without white space at its ends.
    func remainder(in bytes: [UInt8]) -> Range<Int> { bytes.trimming(rest) }
}
