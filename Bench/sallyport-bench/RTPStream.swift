import NetworkTypes

/// One end of one call's audio: what it sends, and what reached it of what the other end sent.
final class RTPStream {
    let call: UInt32
    let end: CallEnd
    let socket: UDPSocket
    /// The socket at the next port, when the stream sends RTCP.
    let control: UDPSocket?
    /// Where the stream's packets go and where the other end's must come from: the address in the SDP received.
    private(set) var remote: SocketAddress?
    /// The other end's stream, once both exist.
    weak var peer: RTPStream?
    /// Set on streams that carry tones rather than stamps.
    var tone: ToneExchange?
    /// Set on streams that are encrypted.
    var security: SecureAudio?

    private(set) var sent: UInt64 = 0
    /// Packets that the generator's own kernel did not take; their numbers go to the next ones.
    private(set) var refused: UInt64 = 0
    private(set) var received = ReceivedCounters()
    private(set) var reportsSent: UInt64 = 0
    private(set) var reportsReceived: UInt64 = 0
    /// Frames yet to be sent; 0 while silent.
    var framesLeft: UInt64 = 0
    /// Where the engine keeps the stream.
    let slot: Int

    /// The number of the first packet of this measurement, and of the other end's: numbers go on, as a key must not
    /// see one twice.
    private var first: UInt64 = 0
    private var firstOfPeer: UInt64 = 0
    private var remoteIP: UInt32 = 0
    private var remotePort: UInt16 = 0
    private var window = SequenceWindow()

    init(call: UInt32, end: CallEnd, sockets: MediaPorts.Pair, slot: Int) {
        self.call = call
        self.end = end
        socket = sockets.rtp
        control = sockets.rtcp
        self.slot = slot
    }

    /// Names the relay's (or, direct, the other end's) media address.
    func connect(to address: SocketAddress) {
        guard let ip = address.ip.v4 else { return }
        (remote, remoteIP, remotePort) = (address, ip, address.port)
    }

    private var ssrc: UInt32 { call << 1 | end.rawValue }

    /// Forgets what was counted, so that a new measurement begins. Both ends are reset while nothing is on its way.
    func resetCounters() {
        first += sent
        peer?.firstOfPeer = first
        (sent, refused, received, window) = (0, 0, ReceivedCounters(), SequenceWindow())
    }

    /// Packets that the other end sent and that never came.
    var lost: UInt64 {
        guard let peer else { return 0 }
        return peer.sent - min(peer.sent, received.packets)
    }

    /// Packets missing before the latest one that came: the loss that is certain while the call is up.
    var missing: UInt64 { window.expected - min(window.expected, received.packets) }
}

/// What an end counted of the packets that reached it.
struct ReceivedCounters {
    /// Distinct packets of the other end of this call, from the signalled address.
    var packets: UInt64 = 0
    var duplicates: UInt64 = 0
    var reordered: UInt64 = 0
    /// Packets from another address than the one in the SDP.
    var wrongSource: UInt64 = 0
    /// Packets of another call, of this very end, or no RTP of ours at all.
    var wrongCall: UInt64 = 0
    /// Packets that were not encrypted, or with another key.
    var notAuthentic: UInt64 = 0

    /// What came and should not have.
    var wrong: UInt64 { duplicates + wrongSource + wrongCall + notAuthentic }

    static func += (sum: inout ReceivedCounters, part: ReceivedCounters) {
        sum.packets += part.packets
        sum.duplicates += part.duplicates
        sum.reordered += part.reordered
        sum.wrongSource += part.wrongSource
        sum.wrongCall += part.wrongCall
        sum.notAuthentic += part.notAuthentic
    }
}

// MARK: Sending

extension RTPStream {
    private static let samplesPerMillisecond: UInt64 = 8

    /// Writes the next packet of the stream. `packet` is as long as a packet is, its payload filled with silence.
    func writeNext(to packet: UnsafeMutableRawBufferPointer, milliseconds: UInt64, at realtime: Int64) {
        let samples = milliseconds * Self.samplesPerMillisecond
        let number = first + sent
        let header = RTPHeader(
            marker: number == 0, payloadType: 0, sequenceNumber: UInt16(truncatingIfNeeded: number),
            timestamp: UInt32(truncatingIfNeeded: number * samples), ssrc: ssrc)
        header.write(to: packet)
        let payload = UnsafeMutableRawBufferPointer(rebasing: packet[RTPHeader.size...])
        if tone != nil {
            tone?.write(frame: sent, to: payload, at: realtime)
        } else {
            StampedPayload(call: call, end: end, sequence: number, sent: realtime).write(to: payload)
        }
    }

    func countSent(accepted: Bool) {
        if accepted { sent += 1 } else { refused += 1 }
    }
}

// MARK: RTCP

extension RTPStream {
    /// Sends a sender report to the port above the other end's.
    func sendReport(at realtime: Int64) {
        guard let control, let remote, remote.port < .max else { return }
        let report = SenderReport(
            ssrc: ssrc, sent: realtime, packets: UInt32(truncatingIfNeeded: sent),
            octets: UInt32(truncatingIfNeeded: sent * 160))
        if control.send(report.bytes, to: SocketAddress(remote.ip, remote.port + 1)) { reportsSent += 1 }
    }

    /// Takes in a datagram at the RTCP port.
    func acceptReport(_ bytes: UnsafeRawBufferPointer, from source: SocketAddress) {
        guard let remote, remote.port < .max, source == SocketAddress(remote.ip, remote.port + 1) else {
            return received.wrongSource += 1
        }
        guard SenderReport.ssrc(of: bytes) == call << 1 | end.opposite.rawValue else {
            return received.wrongCall += 1
        }
        reportsReceived += 1
    }
}

// MARK: Receiving

extension RTPStream {
    /// Takes in a datagram; its one-way time in nanoseconds when it is a new packet of this call.
    func accept(_ bytes: UnsafeRawBufferPointer, ip: UInt32, port: UInt16, arrived: Int64) -> Int64? {
        guard ip == remoteIP, port == remotePort else {
            received.wrongSource += 1
            return nil
        }
        guard let security else { return accept(bytes, arrived: arrived) }
        guard let length = security.unprotect(UnsafeMutableRawBufferPointer(mutating: bytes)) else {
            received.notAuthentic += 1
            return nil
        }
        return accept(UnsafeRawBufferPointer(rebasing: bytes[..<length]), arrived: arrived)
    }

    private func accept(_ bytes: UnsafeRawBufferPointer, arrived: Int64) -> Int64? {
        guard let header = RTPHeader(bytes) else {
            received.wrongCall += 1
            return nil
        }
        let payload = UnsafeRawBufferPointer(rebasing: bytes[RTPHeader.size...])
        return tone == nil
            ? acceptStamped(payload, header, arrived: arrived) : acceptTone(payload, header, arrived: arrived)
    }

    private func acceptStamped(_ bytes: UnsafeRawBufferPointer, _ header: RTPHeader, arrived: Int64) -> Int64? {
        guard let payload = StampedPayload(bytes), payload.call == call, payload.end == end.opposite,
            header.sequenceNumber == UInt16(truncatingIfNeeded: payload.sequence), payload.sequence >= firstOfPeer
        else {
            received.wrongCall += 1
            return nil
        }
        return count(payload.sequence - firstOfPeer) ? arrived - payload.sent : nil
    }

    private func acceptTone(_ payload: UnsafeRawBufferPointer, _ header: RTPHeader, arrived: Int64) -> Int64? {
        guard header.ssrc == call << 1 | end.opposite.rawValue else {
            received.wrongCall += 1
            return nil
        }
        let sequence = UInt64(header.sequenceNumber)
        guard count(sequence) else { return nil }
        tone?.detector.listen(to: payload)
        return peer?.tone?.sentAt(frame: sequence).map { arrived - $0 }
    }

    /// Counts a packet of the right call; false for a duplicate.
    private func count(_ sequence: UInt64) -> Bool {
        switch window.insert(sequence) {
        case .new: received.packets += 1
        case .late:
            received.packets += 1
            received.reordered += 1
        case .duplicate:
            received.duplicates += 1
            return false
        }
        return true
    }
}

/// The tone that an end plays, and its ear for the other end's.
struct ToneExchange {
    private let tone: Tone
    var detector: ToneDetector
    private var sendTimes: [Int64] = []

    /// The caller plays 440 Hz, the answerer 1004 Hz.
    init(end: CallEnd) {
        tone = Tone(frequency: end == .caller ? 440 : 1004)
        detector = ToneDetector(frequency: end == .caller ? 1004 : 440)
    }

    mutating func write(frame: UInt64, to payload: UnsafeMutableRawBufferPointer, at realtime: Int64) {
        let start = Int(frame % UInt64(tone.samples.count)) * payload.count
        for index in payload.indices { payload[index] = tone.samples[(start + index) % tone.samples.count] }
        sendTimes.append(realtime)
    }

    func sentAt(frame: UInt64) -> Int64? { frame < sendTimes.count ? sendTimes[Int(frame)] : nil }
}
