public import NetworkTypes

/// The cryptographic context of one direction of a media leg under one master key (RFC 3711 §3.2): turns RTP into SRTP
/// and RTCP into SRTCP, or back, in the caller's buffer.
///
/// Nothing is changed, in the packet or here, by a packet that isn't authentic. What is kept for a source is kept as long
/// as the key is used, since forgetting it would allow replays, or the same key stream for other bytes; so there is a
/// bound on the sources instead. A relay keeps a context while signalling keeps the key, and makes a new one, which
/// starts at roll-over count 0, for a new key.
///
/// Budget for each packet: no allocation but for a new source. `SRTPBench` watches.
public final class SRTPContext {
    public enum Direction: UInt8, Hashable, Sendable {
        case sending, receiving
    }

    /// Who does the cryptography.
    public enum BackEnd: UInt8, Hashable, Sendable, CaseIterable {
        /// libcrypto with everything fetched and derived once: the fast path.
        case openSSL
        /// libsrtp2: the reference.
        case libsrtp
    }

    /// The most sources that one key is kept state for.
    public static let maximumStreams = 128
    /// The most octets that protecting adds: a tag of 16, the word behind RTCP, the longest master key identifier.
    public static let maximumOverhead = 20 + KeyingMaterial.maximumMKILength

    private enum Engine {
        case openSSL
        case libsrtp(LibSRTPSession)
    }

    public let direction: Direction
    private let transform: SRTPTransform
    private let engine: Engine
    private let overhead: Int
    private var streams: ContiguousArray<SRTPStream> = []
    /// The source of the packet before, which nearly always is that of the next.
    private var last: SRTPStream?

    public init(_ keys: KeyingMaterial, _ direction: Direction, backEnd: BackEnd = .openSSL) throws(SRTPError) {
        self.direction = direction
        transform = try SRTPTransform(keys)
        engine = backEnd == .libsrtp ? .libsrtp(try LibSRTPSession(keys, direction)) : .openSSL
        overhead = max(keys.suite.tagLength, keys.suite.controlTagLength + 4) + keys.mki.count
    }

    /// The sources that state is kept for.
    public var streamCount: Int { streams.count }
}

// MARK: Sending

extension SRTPContext {
    /// Protects the RTP packet in the first `length` octets of `slot`; the length it has then. The sequence number is
    /// another one from when its source has restarted on.
    public func protect(_ slot: inout MutableSpan<UInt8>, length: Int) throws(SRTPError) -> Int {
        try slot.withUnsafeMutableBytes { slot throws(SRTPError) in
            guard let layout = PacketLayout(slot, length) else { throw .malformed }
            guard slot.count - length >= overhead else { throw .noRoom }
            let index = try stream(layout.ssrc).next(layout.sequenceNumber)
            slot.store(UInt16(truncatingIfNeeded: index), at: 2)
            switch engine {
            case .openSSL: return try transform.protect(slot, length, layout, index: index)
            case .libsrtp(let session): return try session.protect(slot, length)
            }
        }
    }

    /// Protects the RTCP packet in the first `length` octets of `slot`; the length it has then.
    public func protectControl(_ slot: inout MutableSpan<UInt8>, length: Int) throws(SRTPError) -> Int {
        try slot.withUnsafeMutableBytes { slot throws(SRTPError) in
            let ssrc = try controlSource(slot, length)
            guard slot.count - length >= overhead else { throw .noRoom }
            let index = try stream(ssrc).nextControl()
            switch engine {
            case .openSSL: return try transform.protectControl(slot, length, ssrc: ssrc, index: index)
            case .libsrtp(let session): return try session.protectControl(slot, length)
            }
        }
    }
}

// MARK: Receiving

extension SRTPContext {
    /// Verifies and decrypts the SRTP packet in the first `length` octets of `slot`; the length of the RTP packet.
    public func unprotect(_ slot: inout MutableSpan<UInt8>, length: Int) throws(SRTPError) -> Int {
        try slot.withUnsafeMutableBytes { slot throws(SRTPError) in
            guard length <= slot.count else { throw .malformed }
            let plain = try transform.plainLength(length)
            guard let layout = PacketLayout(slot, plain) else { throw .malformed }
            let known = try find(layout.ssrc)
            let index = try known?.received(layout.sequenceNumber) ?? UInt64(layout.sequenceNumber)
            switch engine {
            case .openSSL: try transform.unprotect(slot, plain, layout, index: index)
            case .libsrtp(let session): _ = try session.unprotect(slot, length)
            }
            (known ?? add(layout.ssrc)).accept(index)
            return plain
        }
    }

    /// Verifies and decrypts the SRTCP packet in the first `length` octets of `slot`; the length of the RTCP packet.
    public func unprotectControl(_ slot: inout MutableSpan<UInt8>, length: Int) throws(SRTPError) -> Int {
        try slot.withUnsafeMutableBytes { slot throws(SRTPError) in
            let ssrc = try controlSource(slot, length)
            let plain = try transform.plainControlLength(length)
            let word = transform.controlWord(slot, plain)
            let index = UInt64(word & ~SRTPTransform.encryptionFlag)
            let known = try find(ssrc)
            try known?.checkControl(index)
            switch engine {
            case .openSSL: try transform.unprotectControl(slot, plain, ssrc: ssrc, word: word)
            case .libsrtp(let session): _ = try session.unprotectControl(slot, length)
            }
            (known ?? add(ssrc)).acceptControl(index)
            return plain
        }
    }
}

// MARK: Sources

extension SRTPContext {
    private func controlSource(_ slot: UnsafeMutableRawBufferPointer, _ length: Int) throws(SRTPError) -> UInt32 {
        guard length >= SRTPTransform.controlHeaderLength, length <= slot.count, slot[0] & 0xc0 == 0x80 else {
            throw .malformed
        }
        return slot.word32(at: 4)
    }

    /// The state of a source of ours.
    private func stream(_ ssrc: UInt32) throws(SRTPError) -> SRTPStream { try find(ssrc) ?? add(ssrc) }

    /// The state of a source; nil for a new one, for which there is room.
    private func find(_ ssrc: UInt32) throws(SRTPError) -> SRTPStream? {
        if let last, last.ssrc == ssrc { return last }
        for stream in streams where stream.ssrc == ssrc {
            last = stream
            return stream
        }
        guard streams.count < Self.maximumStreams else { throw .tooManyStreams }
        return nil
    }

    private func add(_ ssrc: UInt32) -> SRTPStream {
        let stream = SRTPStream(ssrc: ssrc)
        streams.append(stream)
        last = stream
        return stream
    }
}
