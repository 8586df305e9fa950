import NetworkTypes

/// A SIP message as it came: its octets, and where its header fields are.
///
/// The generator's own small reader, independent of the product's parser, so that neither can hide the other's mistakes.
struct ReceivedMessage {
    enum Start: Equatable {
        case request(SIPMethod, uri: Range<Int>)
        case response(status: Int)
    }

    let bytes: [UInt8]
    let start: Start
    let body: Range<Int>
    private let fields: [(name: HeaderName, value: Range<Int>)]

    /// Reads a datagram; nil when it is no SIP message.
    init?(_ datagram: UnsafeRawBufferPointer) { self.init(Array(datagram)) }

    init?(_ bytes: [UInt8]) {
        var lines = LineReader(bytes)
        guard let first = lines.next(), let start = Self.start(bytes, first) else { return nil }
        var fields: [(name: HeaderName, value: Range<Int>)] = []
        fields.reserveCapacity(20)
        while let line = lines.next(), !line.isEmpty {
            guard let colon = bytes[line].firstIndex(of: UInt8(ascii: ":")) else { return nil }
            let name = HeaderName(bytes, bytes.trimming(line.lowerBound..<colon))
            fields.append((name, bytes.trimming(colon + 1..<line.upperBound)))
        }
        self.bytes = bytes
        self.start = start
        self.fields = fields
        body = min(lines.position, bytes.count)..<bytes.count
    }

    private static func start(_ bytes: [UInt8], _ line: Range<Int>) -> Start? {
        let words = bytes[line].split(separator: UInt8(ascii: " "), maxSplits: 2)
        guard words.count >= 2 else { return nil }
        if words[0].elementsEqual("SIP/2.0".utf8) {
            guard let status = bytes.decimal(words[1].indices, as: UInt16.self) else { return nil }
            return .response(status: Int(status))
        }
        guard words.count == 3, words[2].elementsEqual("SIP/2.0".utf8) else { return nil }
        return .request(SIPMethod(words[0]), uri: words[1].indices)
    }
}

// MARK: Header fields

extension ReceivedMessage {
    /// The first value of a header field.
    subscript(name: HeaderName) -> Range<Int>? { fields.first { $0.name == name }?.value }

    /// All values of a header field in order, with comma-separated ones apart.
    func values(_ name: HeaderName) -> [Range<Int>] {
        var result: [Range<Int>] = []
        for field in fields where field.name == name { result += elements(of: field.value) }
        return result
    }

    func slice(_ range: Range<Int>?) -> [UInt8] { range.map { Array(bytes[$0]) } ?? [] }

    func text(_ range: Range<Int>) -> String { bytes.text(range) }

    /// A parameter behind the URI of a header value (`tag`, `branch`), not one inside `<…>`.
    func parameter(_ name: StaticString, of value: Range<Int>?) -> [UInt8]? {
        guard let value else { return nil }
        var start = value.lowerBound
        if let close = bytes[value].lastIndex(of: UInt8(ascii: ">")) { start = close }
        for part in bytes[start..<value.upperBound].split(separator: UInt8(ascii: ";")).dropFirst() {
            let equals = part.firstIndex(of: UInt8(ascii: "=")) ?? part.endIndex
            guard bytes.equals(bytes.trimming(part.startIndex..<equals), ignoringCase: name) else { continue }
            return Array(bytes[bytes.trimming(min(equals + 1, part.endIndex)..<part.endIndex)])
        }
        return nil
    }

    /// What stands between `<` and `>`, or the value up to its parameters.
    func uri(of value: Range<Int>) -> Range<Int> {
        if let open = bytes[value].firstIndex(of: UInt8(ascii: "<")),
            let close = bytes[open..<value.upperBound].firstIndex(of: UInt8(ascii: ">"))
        {
            return open + 1..<close
        }
        let end = bytes[value].firstIndex(of: UInt8(ascii: ";")) ?? value.upperBound
        return value.lowerBound..<end
    }

    /// Number and method of CSeq.
    var cseq: (number: UInt32, method: SIPMethod)? {
        guard let value = self[.cseq] else { return nil }
        let words = bytes[value].split(separator: UInt8(ascii: " "))
        guard words.count == 2, let number = bytes.decimal(words[0].indices, as: UInt32.self) else { return nil }
        return (number, SIPMethod(words[1]))
    }

    private func elements(of value: Range<Int>) -> [Range<Int>] {
        var result: [Range<Int>] = []
        var start = value.lowerBound
        var isQuoted = false
        var depth = 0
        for index in value {
            switch bytes[index] {
            case UInt8(ascii: "\""): isQuoted.toggle()
            case UInt8(ascii: "<") where !isQuoted: depth += 1
            case UInt8(ascii: ">") where !isQuoted: depth -= 1
            case UInt8(ascii: ",") where !isQuoted && depth == 0:
                result.append(bytes.trimming(start..<index))
                start = index + 1
            default: break
            }
        }
        result.append(bytes.trimming(start..<value.upperBound))
        return result
    }
}

/// Walks over the lines of a message, joining folded ones (RFC 3261 §7.3.1).
private struct LineReader {
    private let bytes: [UInt8]
    private(set) var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The next line without its end; nil at the end of the octets.
    mutating func next() -> Range<Int>? {
        guard position < bytes.count else { return nil }
        let start = position
        repeat { skipLine() } while position < bytes.count && bytes[position].isWhitespace && position > start + 2
        var end = position
        while end > start, bytes[end - 1] == 10 || bytes[end - 1] == 13 { end -= 1 }
        return start..<end
    }

    private mutating func skipLine() {
        while position < bytes.count, bytes[position] != 10 { position += 1 }
        position = min(position + 1, bytes.count)
    }
}
