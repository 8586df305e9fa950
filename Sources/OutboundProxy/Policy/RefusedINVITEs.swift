import NetworkTypes

/// The INVITEs that were refused without a transaction, for as long as they may come again (RFC 3261 §17.1.1.2): the
/// same must not be refused and then let in. Bounded; the oldest go first.
struct RefusedINVITEs {
    private var statuses: [UInt64: Int16] = [:]
    /// In the order of their time.
    private var ring: [(tag: UInt64, until: Instant)] = []
    private var head = 0
    private var last = Instant.zero
    private static let most = 65_536
    private static let memory = Duration.seconds(32)

    var count: Int { statuses.count }

    /// Whether none could be remembered: then nothing needs to be looked up.
    func isEmpty(at now: Instant) -> Bool { now >= last }

    mutating func note(_ tag: UInt64, _ status: Int, at now: Instant) {
        forget(at: now)
        guard statuses.updateValue(Int16(clamping: status), forKey: tag) == nil else { return }
        last = now + Self.memory
        ring.append((tag, last))
        if statuses.count > Self.most { drop() }
    }

    /// How the INVITE with that tag was answered.
    func status(of tag: UInt64, at now: Instant) -> Int? {
        guard now < last else { return nil }
        return statuses[tag].map { Int($0) }
    }

    mutating func forget(at now: Instant) {
        while head < ring.count, ring[head].until <= now { drop() }
        guard head == ring.count, head > 0 else { return }
        self = RefusedINVITEs()
    }

    private mutating func drop() {
        guard head < ring.count else { return }
        statuses[ring[head].tag] = nil
        head += 1
        guard head > 4096, head * 2 > ring.count else { return }
        ring.removeFirst(head)
        head = 0
    }
}
