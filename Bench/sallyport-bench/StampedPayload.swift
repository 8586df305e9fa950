/// What the generator writes into the payload of an RTP packet: which call and which end it is from, its number, and
/// when it was sent. The receiver needs no other knowledge to tell loss, mix-ups and delay.
struct StampedPayload {
    var call: UInt32
    var end: CallEnd
    var sequence: UInt64
    /// Nanoseconds of the real-time clock.
    var sent: Int64

    static let size = 32
    private static let magic: UInt32 = 0x5350_4231

    init(call: UInt32, end: CallEnd, sequence: UInt64, sent: Int64) {
        self.call = call
        self.end = end
        self.sequence = sequence
        self.sent = sent
    }

    /// Reads a payload; nil when it isn't one of ours.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.size, bytes.loadUnaligned(as: UInt32.self) == Self.magic,
            let end = CallEnd(rawValue: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        else { return nil }
        call = bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
        self.end = end
        sequence = bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
        sent = bytes.loadUnaligned(fromByteOffset: 24, as: Int64.self)
    }

    /// Writes the payload over the first `size` octets of `bytes`.
    func write(to bytes: UnsafeMutableRawBufferPointer) {
        bytes.storeBytes(of: Self.magic, as: UInt32.self)
        bytes.storeBytes(of: call, toByteOffset: 4, as: UInt32.self)
        bytes.storeBytes(of: end.rawValue, toByteOffset: 8, as: UInt32.self)
        bytes.storeBytes(of: sequence, toByteOffset: 16, as: UInt64.self)
        bytes.storeBytes(of: sent, toByteOffset: 24, as: Int64.self)
    }
}

/// The two ends of a call.
enum CallEnd: UInt32, CaseIterable {
    /// Who sent the INVITE.
    case caller
    case answerer

    var opposite: CallEnd { self == .caller ? .answerer : .caller }
}
