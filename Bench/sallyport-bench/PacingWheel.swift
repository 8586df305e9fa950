import NetworkTypes

/// Spreads streams over one frame, so that thousands of them send evenly instead of in bursts.
///
/// A frame is cut into slices of about a quarter of a millisecond; each stream lives in one slice and sends once per turn
/// of the wheel.
struct PacingWheel {
    private static let longestSlice: Int64 = 250_000
    /// Further behind than this, slices are skipped: the generator is too slow, and catching up would be a burst.
    private static let patience: Int64 = 200_000_000
    private static let slicesPerTurn = 2

    private let slice: Int64
    private var slices: [ContiguousArray<RTPStream>]
    private var origin = Instant.zero
    private var turns: Int64 = 0
    private var cursor = 0
    private(set) var streams = 0
    /// How far behind schedule the wheel ever was, and how many slices it had to skip.
    private(set) var worstDelay: Int64 = 0
    private(set) var skippedSlices: Int64 = 0

    init(frame: Duration) {
        let count = max(1, frame.nanoseconds / Self.longestSlice)
        slice = max(1, frame.nanoseconds / count)
        slices = Array(repeating: [], count: Int(count))
    }

    /// When the next slice is due; far in the future while no stream sends.
    var nextDeadline: Instant { streams == 0 ? .distantFuture : origin + .nanoseconds(slice * turns) }

    /// Adds a stream, far from those added just before.
    mutating func add(_ stream: RTPStream, at now: Instant) {
        if streams == 0 { (origin, turns) = (now, 0) }
        // A stride near the golden section, coprime with the count, fills the wheel evenly at every moment.
        cursor = (cursor + stride) % slices.count
        slices[cursor].append(stream)
        streams += 1
    }

    private var stride: Int {
        var stride = max(1, slices.count * 618 / 1000)
        while Self.commonDivisor(stride, slices.count) != 1 { stride += 1 }
        return stride
    }

    private static func commonDivisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : commonDivisor(b, a % b) }

    /// Calls `send` for every stream of the next slices that are due; streams with no frames left leave the wheel.
    ///
    /// A few slices at a time, so that a generator that is late still receives between its sends.
    mutating func turn(at now: Instant, send: (RTPStream) -> Void) {
        for _ in 0..<Self.slicesPerTurn where streams > 0 {
            let delay = (now - nextDeadline).nanoseconds
            if delay < 0 { return }
            worstDelay = max(worstDelay, delay)
            if delay > Self.patience {
                skippedSlices += delay / slice
                turns += delay / slice
            }
            sendSlice(Int(turns % Int64(slices.count)), send)
            turns += 1
        }
    }

    private mutating func sendSlice(_ number: Int, _ send: (RTPStream) -> Void) {
        var index = 0
        while index < slices[number].count {
            let stream = slices[number][index]
            if stream.framesLeft > 0 {
                stream.framesLeft -= 1
                send(stream)
                index += 1
            } else {
                slices[number].swapAt(index, slices[number].count - 1)
                slices[number].removeLast()
                streams -= 1
            }
        }
    }
}
