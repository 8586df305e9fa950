import NetworkTypes

/// Takes a multipart body apart (RFC 2046 §5.1 as RFC 5621 uses it): finds where its parts are and copies nothing.
///
/// Strict, so that nobody beyond us reads other parts than we do: lines end with CRLF, the boundary stands nowhere but in
/// delimiters, the closing one is there.
struct MultipartReader {
    /// The most parts that a body may have, those within others included, and how deep they may lie.
    static let maximumParts = 32
    static let maximumDepth = 3

    /// All parts, each one before those within it.
    private(set) var parts: [BodyPart] = []

    init(_ body: Range<Int>, as type: MediaType, in bytes: [UInt8]) throws(Message.Defect) {
        try read(body, as: type, parent: nil, depth: 1, bytes)
    }

    private static let malformed = Message.Defect(400, "Malformed Multipart Body")
    private static let tooMany = Message.Defect(415, "Too Many Body Parts")

    private mutating func read(
        _ body: Range<Int>, as type: MediaType, parent: Int?, depth: Int, _ bytes: [UInt8]
    ) throws(Message.Defect) {
        guard depth <= Self.maximumDepth else { throw Self.tooMany }
        guard let boundary = Boundary(type, in: bytes),
            var opening = try boundary.delimiter(from: body.lowerBound, of: body, in: bytes)
        else { throw Self.malformed }
        while !opening.isClosing {
            guard let next = try boundary.delimiter(from: opening.end, of: body, in: bytes),
                next.start >= opening.end + 2
            else { throw Self.malformed }
            let whole = opening.start..<next.start
            try readPart(opening.end..<(next.start - 2), whole, parent, depth, bytes)
            opening = next
        }
        let isEmpty = parts.count == (parent.map { $0 + 1 } ?? 0)
        guard !isEmpty, try boundary.delimiter(from: opening.end, of: body, in: bytes) == nil else {
            throw Self.malformed
        }
    }

    private mutating func readPart(
        _ range: Range<Int>, _ whole: Range<Int>, _ parent: Int?, _ depth: Int, _ bytes: [UInt8]
    ) throws(Message.Defect) {
        guard parts.count < Self.maximumParts else { throw Self.tooMany }
        let index = parts.count
        let part = try BodyPart(range, whole: whole, parent: parent, in: bytes)
        parts.append(part)
        guard let type = part.type, type.isMultipart(in: bytes) else { return }
        guard part.isPlain(in: bytes) else { throw Message.Defect(415, "Encoded Multipart Body") }
        try read(part.content, as: type, parent: index, depth: depth + 1, bytes)
    }
}
