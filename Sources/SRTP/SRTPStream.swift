/// What is kept for one source (SSRC) under one key.
///
/// A class, because changing a structure inside an array that a class owns would cost a run-time exclusivity check with
/// every packet.
final class SRTPStream {
    /// Indexes have 48 bits, those of RTCP 31 (RFC 3711 §3.3.1, §3.4).
    static let maximumIndex: UInt64 = 1 << 48 - 1
    static let maximumControlIndex: UInt64 = 1 << 31 - 1

    /// The source as it is sent, or received.
    let ssrc: UInt32
    /// The source whose packets these are: another one once a stream that was not used for long had to be given away.
    private(set) var source: UInt32
    /// When it was turned to last, for who looks for the one that was not used for longest.
    var lastTurn: UInt64 = 0
    private var media = IndexWindow()
    private var control = IndexWindow()
    /// What is added to sequence numbers on their way out, since the source has restarted.
    private var offset: UInt16 = 0
    /// The same with wraps, and the index that it began with; nil while numbers leave as they came.
    private(set) var continuation: (offset: UInt32, since: UInt32)?
    private var mustContinue = false
    /// The number that would make a step back a restart, and how many in a row have said so.
    private var restart: (next: UInt16, run: Int)?
    /// Steps back that late or repeated packets of a stream may make (NACK): it takes more of them to be a restart.
    private static let shortStep: UInt16 = 3000

    init(ssrc: UInt32) {
        self.ssrc = ssrc
        source = ssrc
    }

    /// Whether a receiver's reports speak of other numbers or another source than the sender's.
    var isAltered: Bool { continuation != nil || source != ssrc }
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
        if !mustContinue, let index = media.nearest(to: sequenceNumber &+ offset), media.isFresh(index) {
            restart = nil
            return try use(index)
        }
        let run = restart.map { $0.next == sequenceNumber ? $0.run + 1 : 1 } ?? 1
        guard mustContinue || run >= runOfRestart(sequenceNumber) else {
            restart = (sequenceNumber &+ 1, run)
            throw .replayed
        }
        return try continued(from: sequenceNumber)
    }

    private func runOfRestart(_ sequenceNumber: UInt16) -> Int {
        guard let highest = media.highest else { return 2 }
        let step = UInt16(truncatingIfNeeded: highest) &- (sequenceNumber &+ offset)
        return step < Self.shortStep ? 8 : 2
    }

    /// Lets the packets of another source go on from where this stream was.
    func take(over source: UInt32) {
        self.source = source
        restart = nil
        mustContinue = media.highest != nil
    }

    private func continued(from sequenceNumber: UInt16) throws(SRTPError) -> UInt64 {
        guard let highest = media.highest else { return try use(UInt64(sequenceNumber)) }
        let next = highest + 1
        (restart, mustContinue) = (nil, false)
        offset = UInt16(truncatingIfNeeded: next) &- sequenceNumber
        let since = UInt32(truncatingIfNeeded: next)
        continuation = (since &- UInt32(sequenceNumber), since)
        return try use(next)
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
