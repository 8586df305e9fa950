import NetworkTypes

/// What a body or a part of one is: `multipart/mixed;boundary=x` (RFC 3261 §20.15, RFC 2045 §5.1).
struct MediaType: Sendable {
    let type: Range<Int>
    let subtype: Range<Int>
    let parameters: Parameters

    /// nil where two readers may not agree on what it says: RFC 2045 has comments, SIP has none.
    init?(_ range: Range<Int>, in bytes: [UInt8]) {
        let end = bytes.first(UInt8(ascii: ";"), in: range) ?? range.upperBound
        guard let slash = bytes.first(UInt8(ascii: "/"), in: range.lowerBound..<end) else { return nil }
        type = bytes.trimming(range.lowerBound..<slash)
        subtype = bytes.trimming((slash + 1)..<end)
        parameters = Parameters(end..<range.upperBound)
        guard Token.isToken(type, in: bytes), Token.isToken(subtype, in: bytes) else { return nil }
    }

    func `is`(_ type: StaticString, _ subtype: StaticString, in bytes: [UInt8]) -> Bool {
        bytes.equals(self.type, ignoringCase: type) && bytes.equals(self.subtype, ignoringCase: subtype)
    }

    func isMultipart(in bytes: [UInt8]) -> Bool { bytes.equals(type, ignoringCase: "multipart") }
}
