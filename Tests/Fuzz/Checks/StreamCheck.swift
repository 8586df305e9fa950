import SIP

/// What must hold for any stream: how it is cut changes nothing, and what is framed is what the parser reads.
public enum StreamCheck {
    private struct Outcome: Equatable {
        var units: [StreamFramer.Unit] = []
        var failure: StreamFramer.Failure?
    }

    /// The first octet says how the others are cut.
    public static func run(_ input: [UInt8]) {
        guard let size = input.first.map(Int.init) else { return }
        let bytes = input[1...]
        let whole = outcome(of: bytes, by: max(1, bytes.count))
        for unit in whole.units { check(unit) }
        precondition(outcome(of: bytes, by: size + 1) == whole, "cuts change nothing")
        if bytes.count < 512 { precondition(outcome(of: bytes, by: 1) == whole, "octet by octet neither") }
    }

    private static func outcome(of bytes: ArraySlice<UInt8>, by size: Int) -> Outcome {
        var outcome = Outcome()
        var framer = StreamFramer()
        do throws(StreamFramer.Failure) {
            for start in stride(from: bytes.startIndex, to: bytes.endIndex, by: size) {
                framer.append(Array(bytes[start..<min(start + size, bytes.endIndex)]))
                while let unit = try framer.next() { outcome.units.append(unit) }
            }
        } catch { outcome.failure = error }
        return outcome
    }

    private static func check(_ unit: StreamFramer.Unit) {
        guard case .message(let bytes) = unit, let message = try? MessageParser.parse(datagram: bytes),
            message.defect == nil
        else { return }
        precondition(message.body.upperBound == bytes.count, "the parser sees the same body")
        precondition(message.header(.contentLength) != nil, "by its Content-Length")
    }
}
