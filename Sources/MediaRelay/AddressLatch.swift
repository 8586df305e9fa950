import NetworkTypes

/// Learns where the packets of one socket's peer come from, within the limits that signalling sets (RFC 7362, RFC 4961).
///
/// The first source of the best class is locked. A better class displaces it at any time; the same class only once
/// after signalling committed a new generation, so that neither the first packet nor a later one can take a stream over
/// (rtpproxy CVE-2017-14114). Strangers are never latched, only tolerated for a few packets where `acceptsAnySource`
/// says so, and nothing is ever sent to them: there is no state that they could win.
///
/// A class, because comparing the source inside a structure that a path owns would copy all of it for every packet.
final class AddressLatch {
    /// What to do with a packet.
    enum Admission {
        /// From the peer, as known.
        case accepted
        /// From the peer, and the latch has changed: destinations must be looked at anew.
        case latched
        /// From a stranger that may be the peer: counts against the ``ProvisionalBudget``.
        case provisional
        case refused
    }

    /// Sources of the generation before are believed for this long after a commit.
    static let overlap: Duration = .seconds(2)

    /// Who knows what checks have proved, where the peer speaks ICE.
    var component: ICEComponent?

    /// The locked source.
    private(set) var source: SocketAddress?
    private var sourceClass = SourceClass.provisional
    /// The source of the generation before, still the best guess at where the peer is until its next packet.
    private(set) var held: SocketAddress?

    private(set) var current: SourceRules?
    private var prepared: SourceRules?
    private var retired: SourceRules?
    private var retiredSource: SocketAddress?
    private var retiredUntil = Instant.zero

    /// The latched source, or the one to hold on to while a new generation has not sent yet.
    var latched: SocketAddress? { source ?? held }
}

// MARK: Packets

extension AddressLatch {
    /// Whether `source` is the locked one: the whole question for nearly every packet.
    func isLocked(to source: SocketAddress) -> Bool { self.source == source }

    /// How good a home this latch is for packets from `source`, less being better; nil if they would be refused.
    /// Between equal classes the latch that already knows the source wins, except for a signalled address, which the
    /// streams of a fork may share: there the caller's order decides.
    func rank(of source: SocketAddress, at now: Instant) -> UInt8? {
        if let reason = classify(source, by: current, at: now), mayPass(source, reason) {
            let isKnown = reason == .signalled || self.source == source
            return 2 * reason.rawValue + (isKnown ? 0 : 1)
        }
        return isBelievedBeside(source, at: now) ? 2 * SourceClass.provisional.rawValue - 1 : nil
    }

    /// Decides about a packet that isn't from the locked source. The first stranger that a key has proved to be the peer
    /// is latched, where strangers are tolerated at all.
    func admit(_ source: SocketAddress, isAuthentic: Bool = false, at now: Instant) -> Admission {
        guard let reason = classify(source, by: current, at: now) else { return besides(source, at: now) }
        guard mayPass(source, reason) else { return besides(source, at: now) }
        if reason == .validated { return .accepted }
        if reason == .provisional, !isAuthentic {
            return besides(source, at: now) == .accepted ? .accepted : .provisional
        }
        if self.source == source { return .accepted }
        self.source = source
        sourceClass = reason
        held = nil
        return .latched
    }

    /// Whether the lock lets a source of class `reason` through.
    private func mayPass(_ source: SocketAddress, _ reason: SourceClass) -> Bool {
        if self.source == source || reason == .validated { return true }
        return self.source == nil ? reason != .provisional || held == nil : reason < sourceClass
    }

    private func besides(_ source: SocketAddress, at now: Instant) -> Admission {
        isBelievedBeside(source, at: now) ? .accepted : .refused
    }

    /// Whether a generation that is not yet, or no longer, the current one believes `source`.
    private func isBelievedBeside(_ source: SocketAddress, at now: Instant) -> Bool {
        if let reason = classify(source, by: prepared, at: now), reason != .provisional { return true }
        guard let retired, now < retiredUntil else { return false }
        if let retiredSource { return source == retiredSource }
        guard let reason = classify(source, by: retired, at: now) else { return false }
        return reason != .provisional
    }

    private func classify(_ source: SocketAddress, by rules: SourceRules?, at now: Instant) -> SourceClass? {
        guard let rules else { return nil }
        return rules.isChecked ? component?.classify(source, at: now) : rules.classify(source)
    }
}

// MARK: Signalling

extension AddressLatch {
    /// Believes the sources of a new generation beside those of the current one. A later one replaces it.
    func prepare(_ rules: SourceRules) { prepared = rules }

    /// Lets the prepared generation take over; whether there was one of that number.
    func commit(generation: UInt32, at now: Instant) -> Bool {
        guard let next = prepared, next.generation == generation else { return false }
        prepared = nil
        let previous = current
        current = next
        if let previous, !previous.isEquivalent(to: next) {
            retired = previous
            retiredSource = latched
            retiredUntil = now + Self.overlap
        }
        reopen(previous)
        return true
    }

    /// Forgets the prepared generation if it is of that number.
    func discard(generation: UInt32) {
        if prepared?.generation == generation { prepared = nil }
    }

    /// Lets the next packet of a believed source lock anew: checks have named another one.
    func unlock() {
        source = nil
        held = nil
    }

    /// Lets the next packet of a believed source lock anew, and keeps the old source as the destination until then if
    /// it is still the best guess: what SDP names has not moved, or says nothing about where the peer is (NAT).
    private func reopen(_ previous: SourceRules?) {
        guard let current, let known = latched else { return }
        source = nil
        if current.isChecked { return held = nil }
        let reason = current.classify(known)
        let isStillLikely = current.signalled == previous?.signalled || reason == .signallingIP
        held = isStillLikely && reason != nil && reason != .provisional ? known : nil
    }
}
