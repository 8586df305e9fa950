import NetworkTypes

/// Edits of a message: recorded as splices, written in one pass (the octets between them are copied as they stand).
public struct MessageEdits: Sendable {
    private struct Splice {
        let range: Range<Int>
        let text: Range<Int>
    }

    private var splices: [Splice] = []
    private var text: [UInt8] = []
    private var end: Int?

    /// - Parameters:
    ///   - count: how many edits there will be, more or less.
    ///   - octets: how much they will write.
    public init(count: Int = 12, octets: Int = 640) {
        splices.reserveCapacity(count)
        text.reserveCapacity(octets)
    }

    /// Replaces the octets in `range` by what `write` appends. Ranges of different edits must not overlap; insertions
    /// at one position keep the order in which they were recorded.
    public mutating func replace(_ range: Range<Int>, _ write: (inout [UInt8]) -> Void) {
        let start = text.count
        write(&text)
        splices.append(Splice(range: range, text: start..<text.count))
    }

    public mutating func replace(_ range: Range<Int>, with bytes: [UInt8]) { replace(range, with: bytes[...]) }

    public mutating func replace(_ range: Range<Int>, with bytes: ArraySlice<UInt8>) {
        replace(range) { $0.append(contentsOf: bytes) }
    }

    public mutating func replace(_ range: Range<Int>, with text: String.UTF8View) {
        replace(range) { $0.append(contentsOf: text) }
    }

    public mutating func insert(at position: Int, _ write: (inout [UInt8]) -> Void) {
        replace(position..<position, write)
    }

    public mutating func remove(_ range: Range<Int>) { replace(range) { _ in } }

    /// The message ends at `position`: what follows its body in the datagram is left out.
    public mutating func truncate(at position: Int) { end = position }

    /// The edited octets.
    public func applied(to bytes: [UInt8]) -> [UInt8] { applied(to: bytes, in: 0..<(end ?? bytes.count)) }

    /// The edited octets of a part of the message, in which all edits are.
    public func applied(to bytes: [UInt8], in part: Range<Int>) -> [UInt8] {
        var out: [UInt8] = []
        let end = part.upperBound
        out.reserveCapacity(part.count + text.count)
        var position = part.lowerBound
        for index in order {
            let splice = splices[index]
            if splice.range.lowerBound > position { out.append(contentsOf: bytes[position..<splice.range.lowerBound]) }
            out.append(contentsOf: text[splice.text])
            position = max(position, splice.range.upperBound)
        }
        if position < end { out.append(contentsOf: bytes[position..<end]) }
        return out
    }

    /// Indices of the splices by position; insertion sort, since there are few and nearly in order.
    private var order: [Int] {
        var order = Array(splices.indices)
        for index in order.indices.dropFirst() {
            var slot = index
            while slot > 0, splices[order[slot - 1]].range.lowerBound > splices[order[slot]].range.lowerBound {
                order.swapAt(slot - 1, slot)
                slot -= 1
            }
        }
        return order
    }
}
