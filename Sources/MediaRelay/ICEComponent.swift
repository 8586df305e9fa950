import NetworkTypes
import STUN

/// RTP or RTCP of a leg whose peer speaks ICE: the addresses that checks have proved to be the peer's, and the one that
/// was nominated (RFC 8445 §7.3.2).
final class ICEComponent {
    /// An address from which an authentic check came.
    private struct Source {
        let address: SocketAddress
        var credentials: ICECredentials
        var peerFragment: [UInt8]
        var priority: UInt32
        var lastCheck: Instant
    }

    static let maximumSources = 16
    /// A nomination of less priority than the last displaces it once that has been quiet for so long. An agent of
    /// RFC 5245 may nominate several pairs at once, and means the best.
    static let quiet: Duration = .seconds(5)

    /// Told when the nominated address changes.
    weak var path: RelayPath?
    private let agent: ICEAgent
    private var sources: ContiguousArray<Source> = []
    private var nominatedSource: Source?
    /// Those of before an ICE restart: used until there is a new one, and believed for a moment longer.
    private var previous: SocketAddress?
    private var previousUntil: Instant?
    private var answered: UInt64 = 0
    private var refused: UInt64 = 0

    init(_ agent: ICEAgent) { self.agent = agent }
}

// MARK: Checks

extension ICEComponent {
    /// Where media goes.
    var destination: SocketAddress? { nominatedSource?.address ?? previous }

    /// Why a source is believed, if it is.
    func classify(_ source: SocketAddress, at now: Instant) -> SourceClass? {
        if source == destination { return .nominated }
        if sources.contains(where: { $0.address == source }) { return .validated }
        guard source == previous, let previousUntil, now < previousUntil else { return nil }
        return .validated
    }

    /// Answers a check in its place; nil for what is none, or not for this agent.
    func receive(
        _ slot: inout MutableSpan<UInt8>, length: Int, from source: SocketAddress, at now: Instant
    ) -> Int? {
        guard let check = agent.check(&slot, length, from: source, at: now) else { return nil }
        let message = check.message
        let answer: Int?
        if case .controlled? = message.role {
            // The peer of a lite agent is in control (RFC 8445 §6.1.1, §7.3.1.1).
            answer = message.writeError(487, "Role Conflict", in: &slot) { agent.sign(&$0, &$1, check) }
        } else {
            if message.unknownAttributes.isEmpty { guard note(check, from: source, at: now) else { return nil } }
            answer = message.writeResponse(to: source, in: &slot) { agent.sign(&$0, &$1, check) }
        }
        if answer != nil { answered &+= 1 }
        return answer
    }

    /// Believes the source of an authentic check, and takes up its nomination; false where there is no room for it.
    private func note(_ check: ICEAgent.Check, from address: SocketAddress, at now: Instant) -> Bool {
        let source = Source(
            address: address, credentials: check.credentials, peerFragment: check.peerFragment,
            priority: check.message.priority ?? 0, lastCheck: now)
        if let index = sources.firstIndex(where: { $0.address == address }) {
            sources[index] = source
        } else {
            guard sources.count < Self.maximumSources else { return false }
            sources.append(source)
        }
        if check.message.usesCandidate {
            nominate(source, at: now)
        } else if nominatedSource?.address == address {
            nominatedSource?.lastCheck = now
        }
        return true
    }

    private func nominate(_ source: Source, at now: Instant) {
        if let present = nominatedSource, present.address != source.address,
            present.credentials == source.credentials, source.priority < present.priority,
            now < present.lastCheck + Self.quiet
        {
            return
        }
        let isMoved = destination != source.address
        nominatedSource = source
        if previousUntil == nil { previousUntil = now + AddressLatch.overlap }
        if isMoved { path?.destinationChanged(at: now) }
    }
}

// MARK: Signalling

extension ICEComponent {
    /// What was agreed on: what checks with other credentials have proved, or those of another fork's peer, is history,
    /// but for the address in use.
    func commit(_ parameters: ICEParameters) {
        func isCurrent(_ source: Source) -> Bool {
            source.credentials == parameters.credentials && source.peerFragment == parameters.peerFragment
        }
        sources.removeAll { !isCurrent($0) }
        guard let nominated = nominatedSource, !isCurrent(nominated) else { return }
        let isRestart = nominated.credentials != parameters.credentials
        nominatedSource = nil
        previous = isRestart ? nominated.address : nil
        previousUntil = nil
    }

    func countRefused() { refused &+= 1 }

    func add(to counters: inout RelayCounters) {
        counters.checks += answered
        counters.droppedChecks += refused
    }
}
