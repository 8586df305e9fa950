import NetworkTypes
import RTP
import SRTP

/// One direction of one channel: from the socket of one leg to the peer of the other leg.
///
/// It has everything a packet needs in reach: the source latch, the counters, and a copy of the destination, which
/// belongs to the opposite leg and is written here whenever that leg's latch or signalling changes (rarely) instead of
/// being looked up there (with every packet).
final class RelayPath {
    /// What the path expects on its socket.
    enum Content: UInt8 {
        /// RTP, and RTCP of a peer that multiplexes although nobody agreed to it (RFC 5761).
        case rtp
        case rtcp
        /// Datagrams of unknown kind, such as UDPTL: relayed by their source alone.
        case opaque
    }

    let content: Content
    /// Told when the latch changes, since the opposite paths send to what this one has learned.
    weak var stream: RelayStream?
    private let budget: ProvisionalBudget
    private let receiver: LegReceiver
    private let observer: ControlObserver
    /// Whether packets go through the receiver before anything else. A copy of what it says, for plain legs to read.
    var isSecured = false

    private let latch = AddressLatch()
    /// Where RTP or opaque datagrams go, and where RTCP goes.
    private let media = RelayOutput()
    private let control = RelayOutput()

    private let sequence = SequenceTracker()
    private var packets: UInt64 = 0
    private var bytes: UInt64 = 0
    private var controlPackets: UInt64 = 0
    private var droppedSource: UInt64 = 0
    private var droppedMalformed: UInt64 = 0
    private var droppedNoDestination: UInt64 = 0
    private var droppedAuthentication: UInt64 = 0
    private var droppedProtection: UInt64 = 0
    private var droppedSend: UInt64 = 0
    private var provisional: UInt64 = 0
    /// When the last packet came that was well-formed and from the peer.
    private(set) var lastValid: Instant?

    init(_ content: Content, budget: ProvisionalBudget, receiver: LegReceiver, observer: ControlObserver) {
        self.observer = observer
        self.content = content
        self.budget = budget
        self.receiver = receiver
    }
}

// MARK: Packets

extension RelayPath {
    /// Internal joints a packet may pass on its way out: an outside leg may lead to an inside leg and that to a peer,
    /// but legs that lead to each other in a circle end here.
    static let maximumJoints = 2

    /// Decides about one datagram that came from `source`: the first `length` octets of `slot`.
    ///
    /// Budget: no allocation, no lock, no look-up but where the source is new. `RelayBench` and `RelayCostTests` watch.
    func relay(
        _ slot: inout MutableSpan<UInt8>, _ length: Int, from source: SocketAddress, at now: Instant, joints: Int
    ) -> RelayVerdict {
        if isSecured { return relaySecured(&slot, length, from: source, at: now, joints: joints) }
        return relayPlain(&slot, length, from: source, at: now, joints: joints)
    }

    /// Nothing is done with a packet before its tag is verified, but to look whether its source could be the peer at all.
    private func relaySecured(
        _ slot: inout MutableSpan<UInt8>, _ length: Int, from source: SocketAddress, at now: Instant, joints: Int
    ) -> RelayVerdict {
        let kind = Self.kind(slot.span, length)
        if kind == .dtls { return shakeHands(slot.span, length, from: source, at: now) }
        guard kind == .rtp || kind == .rtcp else { return dropMalformed() }
        guard latch.isLocked(to: source) || latch.rank(of: source, at: now) != nil else {
            droppedSource &+= 1
            return .drop(.source)
        }
        guard let plain = receiver.open(&slot, length: length, isControl: kind == .rtcp, at: now) else {
            droppedAuthentication &+= 1
            return .drop(.authentication)
        }
        return relayPlain(&slot, plain, from: source, at: now, joints: joints)
    }

    /// Handshakes are only with who may be the peer; with whom of these they are, they find out.
    private func shakeHands(
        _ slot: Span<UInt8>, _ length: Int, from source: SocketAddress, at now: Instant
    ) -> RelayVerdict {
        guard let rank = latch.isLocked(to: source) ? 0 : latch.rank(of: source, at: now) else {
            droppedSource &+= 1
            return .drop(.source)
        }
        guard let stream,
            stream.receiveHandshake(
                slot.extracting(first: length), on: self, from: source, rank: rank,
                isProven: latch.component?.classify(source, at: now) != nil, at: now)
        else { return dropMalformed() }
        return .consumed
    }

    private func relayPlain(
        _ slot: inout MutableSpan<UInt8>, _ length: Int, from source: SocketAddress, at now: Instant, joints: Int
    ) -> RelayVerdict {
        switch content {
        case .rtp: relayMedia(&slot, length, from: source, at: now, joints: joints)
        case .rtcp: relayControl(&slot, length, from: source, at: now, joints: joints)
        case .opaque: relayOpaque(&slot, length, from: source, at: now, joints: joints)
        }
    }

    private func relayMedia(
        _ slot: inout MutableSpan<UInt8>, _ length: Int, from source: SocketAddress, at now: Instant, joints: Int
    ) -> RelayVerdict {
        guard Self.kind(slot.span, length) == .rtp else {
            return relayControl(&slot, length, from: source, at: now, joints: joints)
        }
        guard let header = Self.header(slot.span, length) else { return dropMalformed() }
        if latch.isLocked(to: source) {
            lastValid = now
            sequence.receive(header, at: now)
        } else {
            switch admit(source, at: now) {
            case .accepted, .latched: sequence.receive(header, at: now)
            case .provisional: break
            case .refused: return .drop(.source)
            }
        }
        packets &+= 1
        bytes &+= UInt64(truncatingIfNeeded: length)
        return send(&slot, length, media, isControl: false, at: now, joints: joints)
    }

    private func relayControl(
        _ slot: inout MutableSpan<UInt8>, _ length: Int, from source: SocketAddress, at now: Instant, joints: Int
    ) -> RelayVerdict {
        guard Self.isControl(slot.span, length) else { return dropMalformed() }
        guard isFromPeer(source, at: now) else { return .drop(.source) }
        controlPackets &+= 1
        bytes &+= UInt64(truncatingIfNeeded: length)
        // Not what a stranger may have sent.
        if latch.isLocked(to: source) {
            observer.take(&slot, length: length, about: stream?.source(oppositeTo: self), at: now)
        }
        guard control.dropsFeedback else {
            return send(&slot, length, control, isControl: true, at: now, joints: joints)
        }
        let rest = RTCPFeedback.remove(from: &slot, length: length)
        guard rest > 0 else {
            droppedNoDestination &+= 1
            return .drop(.noDestination)
        }
        return send(&slot, rest, control, isControl: true, at: now, joints: joints)
    }

    private func relayOpaque(
        _ slot: inout MutableSpan<UInt8>, _ length: Int, from source: SocketAddress, at now: Instant, joints: Int
    ) -> RelayVerdict {
        guard length > 0 else { return dropMalformed() }
        guard isFromPeer(source, at: now) else { return .drop(.source) }
        packets &+= 1
        bytes &+= UInt64(truncatingIfNeeded: length)
        return send(&slot, length, media, isControl: false, at: now, joints: joints)
    }

    // Functions of their own, so that no view of the slot outlives them.
    private static func kind(_ slot: Span<UInt8>, _ length: Int) -> PacketKind {
        PacketKind(slot.extracting(first: length))
    }

    private static func header(_ slot: Span<UInt8>, _ length: Int) -> RTPHeader? {
        RTPHeader(slot.extracting(first: length))
    }

    private static func isControl(_ slot: Span<UInt8>, _ length: Int) -> Bool {
        RTCPHeader(slot.extracting(first: length)) != nil
    }

    private func isFromPeer(_ source: SocketAddress, at now: Instant) -> Bool {
        if latch.isLocked(to: source) {
            lastValid = now
            return true
        }
        return admit(source, at: now) != .refused
    }

    /// The slow path: a source that is not the locked one.
    private func admit(_ source: SocketAddress, at now: Instant) -> AddressLatch.Admission {
        let admission = latch.admit(source, isAuthentic: receiver.isSecure, at: now)
        switch admission {
        case .accepted: lastValid = now
        case .latched:
            lastValid = now
            stream?.updateDestinations()
        case .provisional:
            guard budget.take() else {
                droppedSource &+= 1
                return .refused
            }
            provisional &+= 1
        case .refused: droppedSource &+= 1
        }
        return admission
    }

    private func dropMalformed() -> RelayVerdict {
        droppedMalformed &+= 1
        return .drop(.malformed)
    }

    private func send(
        _ slot: inout MutableSpan<UInt8>, _ length: Int, _ output: RelayOutput, isControl: Bool, at now: Instant,
        joints: Int
    ) -> RelayVerdict {
        guard output.isOpen else {
            droppedNoDestination &+= 1
            return .drop(.noDestination)
        }
        var length = length
        if let protector = output.protector {
            guard let protected = protect(&slot, length, protector, isControl: isControl) else {
                droppedProtection &+= 1
                return .drop(.protection)
            }
            length = protected
        }
        if let joined = output.joined {
            // A leg that is gone leaves its port to another call.
            guard joints < Self.maximumJoints, !joined.isClosed else {
                droppedNoDestination &+= 1
                return .drop(.noDestination)
            }
            return joined.receive(&slot, length: length, from: output.local, at: now, joints: joints + 1)
        }
        return .forward(length: length, to: output.destination, descriptor: output.descriptor)
    }

    private func protect(
        _ slot: inout MutableSpan<UInt8>, _ length: Int, _ protector: SRTPContext, isControl: Bool
    ) -> Int? {
        do throws(SRTPError) {
            return isControl
                ? try protector.protectControl(&slot, length: length) : try protector.protect(&slot, length: length)
        } catch { return nil }
    }

    /// Counts a packet that came from an unknown source, where the channel found no path for it.
    func countForeign() { droppedSource &+= 1 }

    /// Counts a packet that the sending socket refused.
    func countUnsent() { droppedSend &+= 1 }

    /// How well the path suits packets from `source`; see ``AddressLatch/rank(of:at:)``.
    func rank(of source: SocketAddress, at now: Instant) -> UInt8? { latch.rank(of: source, at: now) }
}

// MARK: Signalling

extension RelayPath {
    /// The source to report, and to send to where the destination isn't fixed.
    var latched: SocketAddress? { latch.latched }

    /// What checks have proved about the peer, where it speaks ICE.
    var component: ICEComponent? {
        get { latch.component }
        set {
            latch.component?.path = nil
            latch.component = newValue
            newValue?.path = self
        }
    }

    /// Checks have nominated another address.
    func destinationChanged(at now: Instant) {
        latch.unlock()
        stream?.destinationChanged(on: self, at: now)
    }

    func prepare(_ rules: SourceRules) { latch.prepare(rules) }
    func commit(generation: UInt32, at now: Instant) { _ = latch.commit(generation: generation, at: now) }
    func discard(generation: UInt32) { latch.discard(generation: generation) }

    /// A handshake has proved that `source` is the peer.
    func latch(authentic source: SocketAddress, at now: Instant) {
        if !latch.isLocked(to: source) { _ = latch.admit(source, isAuthentic: true, at: now) }
        lastValid = now
    }

    /// Points RTP (or opaque datagrams) and RTCP at the opposite leg's peer.
    func point(media: RelayTarget?, control: RelayTarget?) {
        self.media.point(at: media)
        self.control.point(at: control)
    }

    /// What the payload types of the peer's packets stand for.
    func describe(_ formats: some Sequence<PayloadFormat>) { sequence.describe(formats) }

    /// The source of the peer's last packet; nil before the first.
    var mediaSource: UInt32? { packets > 0 ? sequence.ssrc : nil }

    /// Adds what the path knows about the quality of the media to `quality`.
    func add(to quality: inout LegQuality) {
        quality.codec = sequence.codec
        quality.jitter = sequence.jitterMilliseconds
    }

    /// What timestamp units of the peer's media are in milliseconds.
    func milliseconds(of units: UInt32) -> Double? { sequence.milliseconds(of: units) }

    /// Adds what the path has counted to `counters`.
    func add(to counters: inout RelayCounters) {
        counters.packets += packets
        counters.bytes += bytes
        counters.controlPackets += controlPackets
        counters.lost += sequence.lost
        counters.outOfOrder += sequence.outOfOrder
        counters.jitter = max(counters.jitter, sequence.jitter)
        counters.droppedSource += droppedSource
        counters.droppedMalformed += droppedMalformed
        counters.droppedNoDestination += droppedNoDestination
        counters.droppedAuthentication += droppedAuthentication
        counters.droppedProtection += droppedProtection
        counters.droppedSend += droppedSend
        counters.provisional += provisional
        component?.add(to: &counters)
    }
}
