public import NetworkTypes

/// Writes a changed copy of a body in one pass: replacements are named in the order of the body, and what lies between
/// them is copied as it is.
public struct SDPWriter {
    private let source: [UInt8]
    private let end: Int
    private var position: Int
    private var output: [UInt8] = []

    public init(_ description: SessionDescription) {
        source = description.bytes
        position = description.body.lowerBound
        end = description.body.upperBound
        output.reserveCapacity(description.body.count + 64)
    }

    /// Leaves `range` out.
    public mutating func remove(_ range: Range<Int>) {
        precondition(range.lowerBound >= position && range.upperBound <= end, "fields are in the order of the body")
        output.append(contentsOf: source[position..<range.lowerBound])
        position = range.upperBound
    }

    /// Writes `IP4 192.0.2.1` or `IP6 2001:db8::1` in place of `range`.
    public mutating func replace(_ range: Range<Int>, with address: IPAddress) {
        remove(range)
        output.append(contentsOf: address.family == .v4 ? "IP4 ".utf8 : "IP6 ".utf8)
        address.write(into: &output)
    }

    /// Writes a port in place of `range`.
    public mutating func replace(_ range: Range<Int>, with port: UInt16) {
        remove(range)
        output.appendDecimal(port)
    }

    /// Writes a profile in place of `range`.
    public mutating func replace(_ range: Range<Int>, with profile: RTPProfile) {
        remove(range)
        output.append(contentsOf: profile.name.description.utf8)
    }

    /// Writes `a=crypto` lines.
    public mutating func insert(_ lines: [CryptoAttribute], at place: Int) {
        var octets: [UInt8] = []
        for line in lines { line.write(into: &octets) }
        insert(octets, at: place)
    }

    /// Writes whole lines before the line that begins at `place`, or at the end of the body.
    public mutating func insert(_ lines: [UInt8], at place: Int) {
        if lines.isEmpty { return }
        remove(place..<place)
        if let last = output.last, last != 13, last != 10 { output.append(contentsOf: "\r\n".utf8) }
        output.append(contentsOf: lines)
    }

    /// The changed body.
    public consuming func finish() -> [UInt8] {
        output.append(contentsOf: source[position..<end])
        return output
    }
}
