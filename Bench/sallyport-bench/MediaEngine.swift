import CBench
import NetworkTypes
import SRTP

/// All RTP of the generator: a socket per call end, paced sending, and receiving with checks.
///
/// Budget per packet: one system call to send, a share of one to receive, no allocation. Watched by
/// `sallyport-bench call --direct`, which runs this without a relay.
final class MediaEngine {
    private let poller: Poller
    /// A call's socket mostly has one packet waiting; asking for more costs half a microsecond a packet.
    private let batch = DatagramBatch(capacity: 1, size: 2048)
    /// What is sent, with room for an authentication tag behind it.
    private let slot: UnsafeMutableRawBufferPointer
    private let packet: UnsafeMutableRawBufferPointer
    private let milliseconds: UInt64
    private var wheel: PacingWheel
    private var ports: MediaPorts
    private var streams: ContiguousArray<RTPStream?> = []
    private var reports = DeadlineQueue<RTPStream>()
    private let sendsRTCP: Bool
    private static let reportInterval: Duration = .seconds(5)
    /// Marks the token of an RTCP socket.
    private static let controlBit: UInt64 = 1 << 32
    private var freeSlots: [Int] = []
    private var unpaired: [UInt32: RTPStream] = [:]
    private var closed = MediaTotals()
    private var closedDrops: UInt64 = 0

    /// The one-way times of all packets received.
    var latency = LatencyHistogram()
    /// How the packets of encrypted streams are spoiled, if they are.
    var damage: SecureAudio.Damage?

    /// `packetTime` is the audio in one packet, in milliseconds.
    init(poller: Poller, packetTime: Int, ports: ClosedRange<UInt16>, sendsRTCP: Bool) {
        self.sendsRTCP = sendsRTCP
        self.poller = poller
        self.ports = MediaPorts(ports)
        milliseconds = UInt64(packetTime)
        wheel = PacingWheel(frame: .milliseconds(packetTime))
        let size = RTPHeader.size + packetTime * Tone.sampleRate / 1000
        slot = .allocate(byteCount: size + SRTPContext.maximumOverhead, alignment: 8)
        slot.initializeMemory(as: UInt8.self, repeating: 0xff)
        packet = UnsafeMutableRawBufferPointer(rebasing: slot[..<size])
    }

    deinit { slot.deallocate() }

    var nextDeadline: Instant { min(wheel.nextDeadline, reports.next ?? .distantFuture) }
    var worstDelay: Int64 { wheel.worstDelay }
    var skippedSlices: Int64 { wheel.skippedSlices }
    var sendingStreams: Int { wheel.streams }

    /// Opens an end of a call on an even port of `ip`.
    func open(call: UInt32, end: CallEnd, on ip: IPAddress) throws(SystemError) -> RTPStream {
        let slot = freeSlots.popLast() ?? streams.count
        let sockets = try ports.bind(on: ip, withRTCP: sendsRTCP)
        let stream = RTPStream(call: call, end: end, sockets: sockets, slot: slot)
        try poller.watch(stream.socket, token: UInt64(slot))
        if let control = stream.control { try poller.watch(control, token: UInt64(slot) | Self.controlBit) }
        if slot == streams.count { streams.append(stream) } else { streams[slot] = stream }
        link(stream)
        return stream
    }

    /// Makes the two ends of a call known to each other.
    private func link(_ stream: RTPStream) {
        guard let other = unpaired.removeValue(forKey: stream.call) else { return unpaired[stream.call] = stream }
        (stream.peer, other.peer) = (other, stream)
    }

    /// A port number for an end that will never send or receive.
    func portWithoutSocket() -> UInt16 { ports.take() }

    /// Lets a stream send so many frames, one per frame time.
    func start(_ stream: RTPStream, frames: UInt64, at now: Instant) {
        stream.framesLeft = frames
        wheel.add(stream, at: now)
        if sendsRTCP { reports.schedule(stream, at: now + .seconds(1)) }
    }

    /// No stream sends any more; all go on receiving.
    func stopSending() {
        for case let stream? in streams { stream.framesLeft = 0 }
    }

    /// Changes the time between the packets of a stream; only while none sends.
    func pace(frame: Duration) { wheel = PacingWheel(frame: frame) }

    /// Ends a stream and closes its socket; its figures stay in the totals.
    func close(_ stream: RTPStream) {
        guard streams[stream.slot] === stream else { return }
        stream.framesLeft = 0
        closed.add(stream)
        closedDrops += UInt64(stream.socket.drops)
        streams[stream.slot] = nil
        unpaired[stream.call] = nil
        freeSlots.append(stream.slot)
    }

    /// Sends what is due.
    func sendDue(at now: Instant) {
        wheel.turn(at: now) { stream in
            guard let remote = stream.remote, let ip = remote.ip.v4 else { return }
            stream.writeNext(to: packet, milliseconds: milliseconds, at: CBench_realtime_nanoseconds())
            var length = packet.count
            if let security = stream.security { length = security.protect(slot, length: length, damage: damage) }
            let result = CBench_udp_send(stream.socket.descriptor, slot.baseAddress, UInt32(length), ip, remote.port)
            stream.countSent(accepted: result == 0)
        }
    }

    /// Sends the RTCP reports that are due.
    func reportDue(at now: Instant) {
        while let stream = reports.popDue(at: now) {
            guard stream.framesLeft > 0 else { continue }
            stream.sendReport(at: CBench_realtime_nanoseconds())
            reports.schedule(stream, at: now + Self.reportInterval)
        }
    }

    /// Receives what waits at the socket with this token.
    func receive(token: UInt64) {
        let slot = Int(truncatingIfNeeded: token & ~Self.controlBit)
        guard slot < streams.count, let stream = streams[slot] else { return }
        if token & Self.controlBit != 0 { return receiveReport(stream) }
        for index in 0..<batch.receive(from: stream.socket.descriptor) {
            let datagram = batch[index]
            let time = stream.accept(
                datagram.content, ip: datagram.ip, port: datagram.port, arrived: datagram.arrived)
            if let time { latency.record(time) }
        }
    }

    private func receiveReport(_ stream: RTPStream) {
        guard let control = stream.control else { return }
        for index in 0..<batch.receive(from: control.descriptor) {
            let datagram = batch[index]
            stream.acceptReport(datagram.content, from: datagram.source)
        }
    }

    /// The sums over all streams, closed ones included.
    func totals() -> MediaTotals {
        var totals = closed
        for case let stream? in streams { totals.add(stream) }
        return totals
    }

    /// Datagrams that the kernel dropped at the generator's own sockets; asks every socket.
    func ownDrops() -> UInt64 { streams.reduce(closedDrops) { $0 + UInt64($1?.socket.drops ?? 0) } }
}

/// Sums over streams.
struct MediaTotals {
    var sent: UInt64 = 0
    var refused: UInt64 = 0
    var missing: UInt64 = 0
    var received = ReceivedCounters()
    var reportsSent: UInt64 = 0
    var reportsReceived: UInt64 = 0
    /// Ends that listened for a tone, and those that heard it.
    var listeners: [CallEnd: Int] = [:]
    var hearers: [CallEnd: Int] = [:]

    /// Packets that were sent and never came.
    var lost: UInt64 { sent - min(sent, received.packets) }

    mutating func add(_ stream: RTPStream) {
        sent += stream.sent
        refused += stream.refused
        missing += stream.missing
        reportsSent += stream.reportsSent
        reportsReceived += stream.reportsReceived
        received += stream.received
        guard let tone = stream.tone else { return }
        listeners[stream.end, default: 0] += 1
        if tone.detector.hears { hearers[stream.end, default: 0] += 1 }
    }
}
