public import NetworkTypes

/// Counts loss and disorder of one RTP stream (RFC 3550 appendices A.1 and A.3) and estimates its jitter (A.8).
///
/// No probation as in A.1: the caller has already decided that it believes the source. A class, because a structure
/// inside the path that owns it would cost a run-time exclusivity check with every packet.
public final class SequenceTracker {
    // RFC 3550 appendix A.1.
    private static let maximumDropout: UInt16 = 3_000
    private static let maximumMisorder: UInt16 = 100

    private var hasStarted = false
    /// The source of the packet before.
    public private(set) var ssrc: UInt32 = 0
    private var highest: UInt16 = 0
    /// Sequence numbers from the first to the highest, wraps included.
    private var expected: UInt64 = 0
    private var received: UInt64 = 0
    /// The number that would make a jump a restart: two in a row are believed.
    private var restart: UInt16?
    private var lostBefore: UInt64 = 0

    /// Packets that came after a later one.
    public private(set) var outOfOrder: UInt64 = 0

    private var payloadType: UInt8 = 0xff
    private var clockRate: Int64 = 0
    /// What signalling says of payload types; RFC 3551 and the pace of the timestamps tell the rest.
    private var formats: ContiguousArray<PayloadFormat> = []
    /// The codec of the speech, events and noise in between aside; nil before the first packet.
    public private(set) var codec: Codec?
    private var timestamp: UInt32 = 0
    private var arrival = Instant.zero
    private var measuredFrom: (timestamp: UInt32, arrival: Instant) = (0, .zero)
    /// Jitter in sixteenths of a timestamp unit.
    private var scaledJitter: Int64 = 0

    public init() {}

    /// Packets that never came, over all sources and restarts; duplicates make up for losses, as in RFC 3550.
    public var lost: UInt64 { lostBefore + (expected > received ? expected - received : 0) }

    /// Interarrival jitter in timestamp units; 0 until the clock rate is known.
    public var jitter: UInt32 { UInt32(clamping: scaledJitter >> 4) }

    /// The same in milliseconds.
    public var jitterMilliseconds: Double {
        clockRate > 0 ? Double(scaledJitter) / 16 * 1_000 / Double(clockRate) : 0
    }

    /// What `units` of the timestamps are in milliseconds; nil until the clock rate is known.
    public func milliseconds(of units: UInt32) -> Double? {
        clockRate > 0 ? Double(units) * 1_000 / Double(clockRate) : nil
    }

    /// Says what payload types stand for from the next packet on.
    public func describe(_ formats: some Sequence<PayloadFormat>) {
        self.formats = ContiguousArray(formats)
        payloadType = 0xff
    }

    /// Counts a packet that came at `now`.
    ///
    /// Budget: no allocation, no call that isn't inlined but where the stream (re)starts.
    public func receive(_ header: RTPHeader, at now: Instant) {
        guard hasStarted, header.ssrc == ssrc else { return start(header, at: now) }
        let step = header.sequenceNumber &- highest
        if step < Self.maximumDropout {
            expected &+= UInt64(step)
            highest = header.sequenceNumber
            restart = nil
        } else if step <= 0 &- Self.maximumMisorder {
            guard header.sequenceNumber == restart else {
                restart = header.sequenceNumber &+ 1
                return
            }
            return start(header, at: now)
        } else {
            outOfOrder &+= 1
        }
        received &+= 1
        updateJitter(header, at: now)
    }

    private func start(_ header: RTPHeader, at now: Instant) {
        lostBefore = lost
        hasStarted = true
        ssrc = header.ssrc
        highest = header.sequenceNumber
        restart = nil
        (expected, received) = (1, 1)
        startClock(header, at: now)
    }

    private func startClock(_ header: RTPHeader, at now: Instant) {
        if payloadType != header.payloadType { startFormat(header.payloadType) }
        timestamp = header.timestamp
        arrival = now
        measuredFrom = (header.timestamp, now)
    }

    private func startFormat(_ payloadType: UInt8) {
        self.payloadType = payloadType
        let format = formats.first { $0.payloadType == payloadType }
        let rate = Int64(format?.clockRate ?? ClockRate.ofStatic(payloadType: payloadType) ?? 0)
        if rate > 0, clockRate > 0, rate != clockRate { scaledJitter = scaledJitter &* rate / clockRate }
        clockRate = rate
        let codec = format?.codec ?? Codec(staticPayloadType: payloadType)
        if codec.isSpeech { self.codec = codec }
    }

    /// RFC 3550 appendix A.8, with the difference of arrivals instead of their absolute values.
    private func updateJitter(_ header: RTPHeader, at now: Instant) {
        if header.payloadType != payloadType {
            // Telephone events and comfort noise interrupt the clock of the audio; the next audio packet starts anew.
            return startClock(header, at: now)
        }
        // Packets of one frame or one event share a timestamp and are not spaced by it.
        if header.timestamp == timestamp { return }
        if clockRate == 0 { return measureClock(header, at: now) }
        let elapsed = min(now.nanoseconds &- arrival.nanoseconds, 10_000_000_000)
        let spacing = Int64(Int32(truncatingIfNeeded: header.timestamp &- timestamp))
        timestamp = header.timestamp
        arrival = now
        let deviation = elapsed &* clockRate / 1_000_000_000 &- spacing
        // A pause in the timestamps (silence, a new talkspurt with a random step) is no jitter.
        guard deviation.magnitude < UInt64(clockRate.magnitude) else { return }
        scaledJitter &+= Int64(deviation.magnitude) &- ((scaledJitter &+ 8) >> 4)
    }

    private func measureClock(_ header: RTPHeader, at now: Instant) {
        timestamp = header.timestamp
        arrival = now
        let elapsed = now.nanoseconds &- measuredFrom.arrival.nanoseconds
        guard elapsed >= 500_000_000 else { return }
        let ticks = Int64(Int32(truncatingIfNeeded: header.timestamp &- measuredFrom.timestamp))
        clockRate = Int64(ClockRate.usual(near: ticks &* 1_000 / (elapsed / 1_000_000)) ?? 0)
        measuredFrom = (header.timestamp, now)
    }
}
