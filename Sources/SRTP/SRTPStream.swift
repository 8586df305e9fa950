/// What is kept for one source (SSRC) under one key.
///
/// A class, because changing a structure inside an array that a class owns would cost a run-time exclusivity check with
/// every packet.
final class SRTPStream {
    /// Indexes have 48 bits, those of RTCP 31 (RFC 3711 §3.3.1, §3.4).
    static let maximumIndex: UInt64 = 1 << 48 - 1
    static let maximumControlIndex: UInt64 = 1 << 31 - 1

    let ssrc: UInt32
    private var media = IndexWindow()
    private var control = IndexWindow()
    /// What is added to sequence numbers on their way out, since the source has restarted.
    private var offset: UInt16 = 0
    /// The number that would make a step back a restart: two in a row are believed.
    private var restart: UInt16?

    init(ssrc: UInt32) { self.ssrc = ssrc }
}

// MARK: Receiving

extension SRTPStream {
    /// The index of a packet received, unless it can't be a new one.
    func received(_ sequenceNumber: UInt16) throws(SRTPError) -> UInt64 {
        guard let index = media.nearest(to: sequenceNumber), index <= Self.maximumIndex, media.isFresh(index) else {
            throw .replayed
        }
        return index
    }

    func checkControl(_ index: UInt64) throws(SRTPError) {
        guard control.isFresh(index) else { throw .replayed }
    }

    /// Notes the index of a packet that is authentic.
    func accept(_ index: UInt64) { media.insert(index) }
    func acceptControl(_ index: UInt64) { control.insert(index) }
}

// MARK: Sending

extension SRTPStream {
    /// The index for a packet to be sent, which is never given out again; its low 16 bits are the sequence number to
    /// send it with.
    ///
    /// A source that goes back to numbers which are used, or too old to tell, has restarted (a transfer, music on hold,
    /// another device behind the same SSRC), or the packet is a late copy. A second one in a row tells, and the numbers
    /// go on from where they were: the same index with other bytes would give both away.
    func next(_ sequenceNumber: UInt16) throws(SRTPError) -> UInt64 {
        if let index = media.nearest(to: sequenceNumber &+ offset), media.isFresh(index) {
            restart = nil
            return try use(index)
        }
        guard sequenceNumber == restart, let highest = media.highest else {
            restart = sequenceNumber &+ 1
            throw .replayed
        }
        restart = nil
        offset = UInt16(truncatingIfNeeded: highest) &+ 1 &- sequenceNumber
        return try use(highest + 1)
    }

    private func use(_ index: UInt64) throws(SRTPError) -> UInt64 {
        guard index <= Self.maximumIndex else { throw .exhausted }
        media.insert(index)
        return index
    }

    func nextControl() throws(SRTPError) -> UInt64 {
        let index = (control.highest ?? 0) + 1
        guard index <= Self.maximumControlIndex else { throw .exhausted }
        control.insert(index)
        return index
    }
}
