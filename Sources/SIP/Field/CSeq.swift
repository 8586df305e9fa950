import NetworkTypes

/// The CSeq header field (RFC 3261 §20.16).
public struct CSeq: Hashable, Sendable {
    public let number: UInt32
    public let method: Method
    public let methodRange: Range<Int>

    /// Stands in a message that has none, or one that can't be read: its ``Message/defect`` says so.
    static let missing = CSeq(number: 0, method: .other, methodRange: 0..<0)

    private init(number: UInt32, method: Method, methodRange: Range<Int>) {
        self.number = number
        self.method = method
        self.methodRange = methodRange
    }

    /// Reads `314159 INVITE`; the number is below 2³¹ (RFC 3261 §8.1.1.5).
    init?(_ value: Range<Int>, in bytes: [UInt8]) {
        var end = value.lowerBound
        while end < value.upperBound, bytes[end].isDigit { end += 1 }
        let method = bytes.trimming(end..<value.upperBound)
        guard let number: UInt32 = bytes.decimal(value.lowerBound..<end), number < 1 << 31,
            method.lowerBound > end, Token.isToken(method, in: bytes)
        else { return nil }
        self.init(number: number, method: Method(method, in: bytes), methodRange: method)
    }
}
