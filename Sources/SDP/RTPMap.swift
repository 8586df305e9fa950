import NetworkTypes

/// What a payload type stands for: `96 opus/48000/2` (RFC 8866 §6.6).
public struct RTPMap: Hashable, Sendable {
    /// The most of one media description that are read.
    static let most = 32

    public let payloadType: UInt8
    /// Where the encoding name is.
    public let encoding: Range<Int>
    public let clockRate: UInt32

    /// Reads the value of an `a=rtpmap`; nil if it is none.
    init?(_ bytes: [UInt8], _ value: Range<Int>) {
        var words = WordScanner(value)
        let number = words.next(in: bytes)
        let name = words.next(in: bytes)
        guard let payloadType = bytes.decimal(number, as: UInt8.self), payloadType < 128,
            let slash = bytes[name].firstIndex(of: UInt8(ascii: "/"))
        else { return nil }
        let end = bytes[(slash + 1)..<name.upperBound].firstIndex(of: UInt8(ascii: "/")) ?? name.upperBound
        guard let rate = bytes.decimal(slash + 1..<end, as: UInt32.self), rate > 0, rate <= 1_000_000 else {
            return nil
        }
        self.payloadType = payloadType
        encoding = name.lowerBound..<slash
        clockRate = rate
    }
}
