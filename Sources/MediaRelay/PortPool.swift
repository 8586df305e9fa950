/// The media ports of one address, in pairs of an even and the next odd one (RFC 3550 §11).
///
/// Pairs are reused in the order they were freed, oldest first. So a pair rests for as long as the load allows, and stray
/// packets of a past call meet a socket of a new one as late as possible; yet no call is refused for want of a pair that
/// merely hasn't rested long enough, as a fixed time of rest would do where ports are few. Taking and freeing are O(1).
struct PortPool {
    private let first: Int
    /// The free pairs by number, as a ring.
    private var ring: [UInt16]
    private var head = 0
    private(set) var freeCount: Int
    private var isTaken: [Bool]
    /// How many pairs are kept for emergency calls: 2 % of them (design §10), which is none where there are only a few.
    let reserve: Int

    /// The pool of all whole pairs within `ports`. Port 0 is none: binding it gives any.
    init(_ ports: ClosedRange<UInt16>) {
        let lowest = max(Int(ports.lowerBound), 1)
        first = lowest + lowest % 2
        let pairs = max(0, (Int(ports.upperBound) + 1 - first) / 2)
        ring = (0..<pairs).map { UInt16(truncatingIfNeeded: $0) }
        freeCount = pairs
        isTaken = Array(repeating: false, count: pairs)
        reserve = (pairs + 25) / 50
    }

    /// How many pairs there are, free or not.
    var pairCount: Int { ring.count }

    /// The even port of the pair that has been free for longest; the last ones go to emergency calls alone.
    mutating func take(isEmergency: Bool = false) -> UInt16? {
        guard freeCount > (isEmergency ? 0 : reserve) else { return nil }
        let pair = Int(ring[head])
        head = (head + 1) % ring.count
        freeCount -= 1
        isTaken[pair] = true
        return UInt16(truncatingIfNeeded: first + 2 * pair)
    }

    /// Puts a pair back, at the end of the queue. One that was not taken is not put back.
    mutating func release(_ port: UInt16) {
        guard let pair = pair(of: port), isTaken[pair] else { return }
        isTaken[pair] = false
        ring[(head + freeCount) % ring.count] = UInt16(truncatingIfNeeded: pair)
        freeCount += 1
    }

    /// Whether `port` is one of a pair that is in use.
    func isLive(_ port: UInt16) -> Bool { pair(of: port).map { isTaken[$0] } ?? false }

    /// Whether `port` belongs to the pool.
    func contains(_ port: UInt16) -> Bool { pair(of: port) != nil }

    private func pair(of port: UInt16) -> Int? {
        let offset = Int(port) - first
        return offset >= 0 && offset / 2 < ring.count ? offset / 2 : nil
    }
}
