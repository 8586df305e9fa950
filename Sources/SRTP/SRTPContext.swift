public import NetworkTypes

/// The cryptographic context of one direction of a media leg under one master key (RFC 3711 §3.2): turns RTP into SRTP
/// and RTCP into SRTCP, or back, in the caller's buffer.
///
/// Nothing is changed, in the packet or here, by a packet that isn't authentic. What is kept for a source is kept as long
/// as the key is used, since forgetting it would allow replays, or the same key stream for other bytes; so there is a
/// bound on the sources instead. Beyond it, what is received is refused (the peer is authentic, and may have a new key),
/// and what is sent takes the place of the source that was silent for longest: with that one's SSRC and the numbers that
/// follow its last, so that no index is used twice. A relay keeps a context while signalling keeps the key, and makes a
/// new one, which starts at roll-over count 0, for a new key.
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
    private var turns: UInt64 = 0
    /// Whether any source leaves with other numbers than it came with, or under the name of another one.
    public private(set) var isAltering = false

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
    /// another one once its source has restarted, and so is the SSRC where there are too many sources.
    public func protect(_ slot: inout MutableSpan<UInt8>, length: Int) throws(SRTPError) -> Int {
        try slot.withUnsafeMutableBytes { slot throws(SRTPError) in
            guard var layout = PacketLayout(slot, length) else { throw .malformed }
            guard slot.count - length >= overhead else { throw .noRoom }
            let stream = stream(layout.ssrc)
            let index = try stream.next(layout.sequenceNumber)
            slot.store(UInt16(truncatingIfNeeded: index), at: 2)
            if stream.isAltered {
                isAltering = true
                layout.ssrc = stream.ssrc
                slot.store(stream.ssrc, at: 8)
            }
            switch engine {
            case .openSSL: return try transform.protect(slot, length, layout, index: index)
            case .libsrtp(let session): return try session.protect(slot, length)
            }
        }
    }

    /// Protects the RTCP packet in the first `length` octets of `slot`; the length it has then.
    public func protectControl(_ slot: inout MutableSpan<UInt8>, length: Int) throws(SRTPError) -> Int {
        try slot.withUnsafeMutableBytes { slot throws(SRTPError) in
            let source = try controlSource(slot, length)
            guard slot.count - length >= overhead else { throw .noRoom }
            let stream = stream(source)
            let (index, ssrc) = (try stream.nextControl(), stream.ssrc)
            if ssrc != source { Self.rename(source, to: ssrc, in: slot, length) }
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

    /// The state of a source of ours; that of another one, when there are too many.
    private func stream(_ source: UInt32) -> SRTPStream {
        if let known = known(source) { return known }
        guard streams.count == Self.maximumStreams, let oldest = streams.min(by: { $0.lastTurn < $1.lastTurn }) else {
            return add(source)
        }
        oldest.take(over: source)
        isAltering = true
        return turn(to: oldest)
    }

    /// The state of a source; nil for a new one, for which there is room.
    private func find(_ ssrc: UInt32) throws(SRTPError) -> SRTPStream? {
        if let known = known(ssrc) { return known }
        guard streams.count < Self.maximumStreams else { throw .tooManyStreams }
        return nil
    }

    private func known(_ source: UInt32) -> SRTPStream? {
        if let last, last.source == source { return last }
        for stream in streams where stream.source == source { return turn(to: stream) }
        return nil
    }

    private func turn(to stream: SRTPStream) -> SRTPStream {
        turns &+= 1
        stream.lastTurn = turns
        last = stream
        return stream
    }

    private func add(_ ssrc: UInt32) -> SRTPStream {
        let stream = SRTPStream(ssrc: ssrc)
        streams.append(stream)
        return turn(to: stream)
    }

    /// Writes another name for the sender of each packet of a compound one (RFC 3550 §6.1), as far as they are whole.
    private static func rename(
        _ source: UInt32, to ssrc: UInt32, in slot: UnsafeMutableRawBufferPointer, _ length: Int
    ) {
        var place = 0
        while length - place >= 8, slot[place] & 0xc0 == 0x80 {
            let size = 4 * Int(slot.word16(at: place + 2)) + 4
            if slot.word32(at: place + 4) == source { slot.store(ssrc, at: place + 4) }
            place += size
        }
    }
}

// MARK: What was altered

extension SRTPContext {
    /// A source of ours that doesn't leave as it came.
    public struct Alteration: Hashable, Sendable {
        /// The source that its packets came with.
        public let source: UInt32
        /// What was added to its sequence numbers, wraps included, and the number that left first that way.
        public let offset: UInt32
        public let since: UInt32
    }

    /// What a receiver's reports about `ssrc` have to be put into; nil where they are right as they are.
    public func alteration(of ssrc: UInt32) -> Alteration? {
        guard isAltering, let stream = streams.first(where: { $0.ssrc == ssrc }), stream.isAltered else { return nil }
        let continuation = stream.continuation ?? (0, 0)
        return Alteration(source: stream.source, offset: continuation.offset, since: continuation.since)
    }
}
