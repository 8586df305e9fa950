import NetworkTypes
import SRTP

/// What the packets of one leg's peer must pass before anything is done with them: nothing on a plain leg, the tag of one
/// of its keys on a secure one (security.md calls for it before a packet is forwarded, counted or learned from).
final class LegReceiver {
    private var current: SRTPContext?
    /// That of an offer which is not answered yet: its sender may use it already (RFC 4568 §5.1.1).
    private var prepared: SRTPContext?
    private var retired: SRTPContext?
    private var retiredUntil = Instant.zero
    private var isCommitted = false
    /// Whether only what is authentic passes: as was agreed on last, or before that as was offered first.
    private(set) var isSecure = false

    /// Whether packets have to come here at all.
    var isNeeded: Bool { isSecure || prepared != nil }
}

// MARK: Packets

extension LegReceiver {
    /// The length of the plain packet, decrypted in place; nil for one that isn't authentic, which is left as it was.
    func open(_ slot: inout MutableSpan<UInt8>, length: Int, isControl: Bool, at now: Instant) -> Int? {
        if let current, let plain = open(&slot, length, isControl, current) { return plain }
        if let prepared, let plain = open(&slot, length, isControl, prepared) { return plain }
        if let retired, now < retiredUntil, let plain = open(&slot, length, isControl, retired) { return plain }
        return isSecure ? nil : length
    }

    private func open(
        _ slot: inout MutableSpan<UInt8>, _ length: Int, _ isControl: Bool, _ context: SRTPContext
    ) -> Int? {
        do throws(SRTPError) {
            return isControl
                ? try context.unprotectControl(&slot, length: length) : try context.unprotect(&slot, length: length)
        } catch { return nil }
    }
}

// MARK: Signalling

extension LegReceiver {
    /// Without keys a secure leg still waits for them.
    func prepare(_ keys: LegKeys?, isSecure: Bool, _ contexts: LegContexts) {
        let next = keys.flatMap { contexts.context($0.inbound, .receiving) }
        prepared = next === current ? nil : next
        if !isCommitted { self.isSecure = isSecure }
    }

    /// What was prepared takes over; the key before is good for a moment longer.
    func commit(_ keys: LegKeys?, isSecure: Bool, _ contexts: LegContexts, at now: Instant) {
        let next = keys.flatMap { contexts.context($0.inbound, .receiving) }
        if let current, current !== next {
            retired = current
            retiredUntil = now + AddressLatch.overlap
        }
        current = next
        prepared = nil
        isCommitted = true
        self.isSecure = isSecure
        // A plain leg takes everything anyway, and what it takes is not to be decrypted.
        if !isSecure { retired = nil }
    }

    /// The keys have come that a commit left open.
    func complete(_ keys: LegKeys?, _ contexts: LegContexts) {
        guard isSecure, let keys else { return }
        current = contexts.context(keys.inbound, .receiving)
    }

    func discard() {
        prepared = nil
        if !isCommitted { isSecure = false }
    }
}
