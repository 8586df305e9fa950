import DTLS
import NetworkTypes

/// The handshakes on one socket of a leg, until one of them has brought the keys (RFC 5764).
///
/// As the end that waits, it lets several sources try at once, since any of them may be the peer and the first need not
/// be (CVE-2023-51443): the one with the signalled certificate wins, and all others are forgotten. As the end that
/// begins, it begins again when a forged answer has spoilt a handshake.
final class KeyExchange {
    /// One handshake, and whom it is with.
    private struct Attempt {
        let association: DTLSAssociation
        var source: SocketAddress?
        /// How good the source is, as ``AddressLatch/rank(of:at:)`` says; less is better.
        let rank: UInt8
        /// Whether checks have proved that the source is the peer's (RFC 8445).
        var isProven = false
        let began: Instant
    }

    /// Handshakes at a time.
    static let maximumAttempts = 4
    /// How long one handshake may take.
    static let attemptTime: Duration = .seconds(10)
    /// How long we go on trying to begin one: a phone may ring for three minutes (timer C) before anybody listens there.
    /// Who waits for the other to begin may wait for ever.
    static let totalTime: Duration = .seconds(180)
    /// How long before a spoilt handshake is begun again.
    private static let pause: Duration = .milliseconds(500)
    /// How long a peer may still ask for our last flight, where the last one is ours: it has tried four times by then.
    /// An association takes 50 kB, so those that are of no more use are not kept for the call.
    static let lingering: Duration = .seconds(15)

    /// What cookies are made of where checks have proved the source: the peer may bring one from another pair.
    private static let anyPair = SocketAddress(IPAddress(v4: 0), 0)

    /// The worst rank of sources that signalling or checks name: others' handshakes take nothing away from theirs.
    private static let certainRank = 2 * SourceClass.signalled.rawValue + 1
    /// How many handshakes others may begin: each costs us a key pair and a signature.
    private static let budget = TokenBucket(every: .seconds(1), burst: 16)

    let parameters: DTLSParameters
    private let identity: DTLSIdentity
    private let secret = KeyedHash.random()
    private var attempts: [Attempt] = []
    /// Answers whoever has shown no cookie yet.
    private var listener: DTLSAssociation?
    private var certain = budget
    private var others = budget
    private(set) var keys: LegKeys?
    /// Whom the keys were agreed on with.
    private(set) var winner: SocketAddress?
    /// Whether keys are wanted, and until when.
    private var isWanted = false
    private var ends = Instant.zero
    private var beginsAgain: Instant?
    private(set) var output: [(datagram: [UInt8], destination: SocketAddress)] = []

    init(_ parameters: DTLSParameters, _ identity: DTLSIdentity) {
        self.parameters = parameters
        self.identity = identity
    }

    func takeOutput() -> [(datagram: [UInt8], destination: SocketAddress)] {
        if output.isEmpty { return [] }
        defer { output = [] }
        return output
    }

    private var isPending: Bool { keys == nil && isWanted }
}

// MARK: Signalling and time

extension KeyExchange {
    /// Signalling says that the keys are wanted; also again, with as much time as the first time.
    func begin(to destination: SocketAddress?, at now: Instant) {
        guard keys == nil, parameters.role != .held else { return }
        isWanted = true
        ends = parameters.role == .active ? now + Self.totalTime : .distantFuture
        if parameters.role == .active, attempts.isEmpty { start(to: destination, at: now) }
    }

    /// When ``handleTimeout(to:at:)`` wants to be called.
    var deadline: Instant? {
        if keys != nil { return attempts.isEmpty ? nil : ends }
        guard isPending else { return nil }
        var next = ends
        // A queue of deadlines has no use for those that never come.
        if attempts.isEmpty, next == .distantFuture { return nil }
        if let beginsAgain { next = min(next, beginsAgain) }
        for attempt in attempts {
            next = min(next, attempt.association.deadline ?? next, attempt.began + Self.attemptTime)
        }
        return next
    }

    /// Sends anew what may have been lost, to wherever the peer is now; gives up what takes too long.
    func handleTimeout(to destination: SocketAddress?, at now: Instant) {
        if ends <= now { return close() }
        guard keys == nil else { return }
        for attempt in attempts { attempt.association.handleTimeout(at: now) }
        attempts.removeAll { $0.association.state == .failed || $0.began + Self.attemptTime <= now }
        if parameters.role == .active {
            if let beginsAgain, beginsAgain <= now { self.beginsAgain = nil }
            if attempts.isEmpty, beginsAgain == nil { start(to: destination, at: now) }
        }
        collect(to: destination)
    }

    /// The peer is gone, has had time enough, or signalling has left the association: nothing is kept but the keys.
    func close() {
        attempts = []
        listener = nil
        beginsAgain = nil
        isWanted = false
    }

    /// Checks have nominated another address: what is under way goes on there, and what had none begins.
    func move(to destination: SocketAddress, at now: Instant) {
        for index in attempts.indices where isOfPeer(attempts[index]) {
            attempts[index].source = destination
            attempts[index].isProven = true
        }
        guard isPending, parameters.role == .active, attempts.isEmpty else { return }
        beginsAgain = nil
        start(to: destination, at: now)
    }

    private func start(to destination: SocketAddress?, at now: Instant) {
        guard destination != nil else {
            beginsAgain = now + Self.pause
            return
        }
        guard let association = try? DTLSAssociation(client: identity, expecting: parameters.fingerprints) else {
            return
        }
        association.start(at: now)
        attempts.append(Attempt(association: association, source: nil, rank: 0, began: now))
        collect(to: destination)
    }
}

// MARK: Datagrams

extension KeyExchange {
    /// Takes a datagram from a source that is believed to be the peer, more or less as `rank` says, or that checks have
    /// proved to be; whether the keys are there for it.
    func receive(
        _ datagram: Span<UInt8>, from source: SocketAddress, rank: UInt8, isProven: Bool,
        to destination: SocketAddress?, at now: Instant
    ) -> Bool {
        guard isPending || keys != nil else { return false }
        if let index = attempt(with: source, isProven: isProven) {
            // Once the end that we speak to has answered, no other one does; but a pair may give way to a better one.
            if isProven || source == destination { attempts[index].source = source }
            if isProven { attempts[index].isProven = true }
            return proceed(index, datagram, from: source, to: destination, at: now)
        }
        if keys == nil, parameters.role == .passive { listen(datagram, from: source, rank, isProven, at: now) }
        return false
    }

    /// The handshake that is with `source`; wherever the peer's checks come from, it is one and the same peer.
    private func attempt(with source: SocketAddress, isProven: Bool) -> Int? {
        if let index = attempts.firstIndex(where: { $0.source == source || $0.source == nil }) { return index }
        return isProven ? attempts.lastIndex(where: isOfPeer) : nil
    }

    /// Whether a handshake is with the peer, and not with somebody who may be the peer.
    private func isOfPeer(_ attempt: Attempt) -> Bool {
        attempt.isProven || parameters.role == .active || keys != nil
    }

    private func proceed(
        _ index: Int, _ datagram: Span<UInt8>, from source: SocketAddress, to destination: SocketAddress?,
        at now: Instant
    ) -> Bool {
        let association = attempts[index].association
        association.receive(datagram, from: source, at: now)
        // What a failed one still has to say, an alert, is for whoever failed.
        collect(to: destination)
        switch association.state {
        case .established: return keys == nil && succeed(association, with: source, at: now)
        case .failed:
            attempts.remove(at: index)
            if parameters.role == .active { beginsAgain = now + Self.pause }
            return false
        case .listening, .handshaking: return false
        }
    }

    private func succeed(_ association: DTLSAssociation, with source: SocketAddress, at now: Instant) -> Bool {
        guard let agreed = association.keys else { return false }
        keys = LegKeys(inbound: agreed.inbound, outbound: agreed.outbound)
        winner = source
        attempts.removeAll { parameters.role == .active || $0.association !== association }
        listener = nil
        beginsAgain = nil
        ends = now + Self.lingering
        return true
    }

    /// A source that no handshake is with. One whose cookie is right takes the place of a worse one, if there are many.
    private func listen(
        _ datagram: Span<UInt8>, from source: SocketAddress, _ rank: UInt8, _ isProven: Bool, at now: Instant
    ) {
        if listener == nil {
            listener = try? DTLSAssociation(server: identity, expecting: parameters.fingerprints, secret: secret)
        }
        let isCertain = rank <= Self.certainRank
        guard let listener, makesRoom(for: rank, at: now),
            isCertain ? certain.hasToken(at: now) : others.hasToken(at: now)
        else { return }
        listener.receive(datagram, from: isProven ? Self.anyPair : source, at: now)
        output += listener.takeOutput().map { ($0, source) }
        switch listener.state {
        case .listening: return
        case .handshaking, .established:
            spend(isCertain, at: now)
            if attempts.count == Self.maximumAttempts, let worst = worstAttempt { attempts.remove(at: worst) }
            attempts.append(Attempt(association: listener, source: source, rank: rank, isProven: isProven, began: now))
        case .failed: spend(isCertain, at: now)
        }
        self.listener = nil
    }

    private func spend(_ isCertain: Bool, at now: Instant) {
        _ = isCertain ? certain.take(at: now) : others.take(at: now)
    }

    private func makesRoom(for rank: UInt8, at now: Instant) -> Bool {
        attempts.removeAll { $0.began + Self.attemptTime <= now }
        guard attempts.count == Self.maximumAttempts, let worst = worstAttempt else { return true }
        return rank < attempts[worst].rank
    }

    private var worstAttempt: Int? { attempts.indices.max { attempts[$0].rank < attempts[$1].rank } }

    /// A client speaks to wherever the peer is said to be, or was seen; a server to who spoke to it.
    private func collect(to destination: SocketAddress?) {
        for attempt in attempts {
            let datagrams = attempt.association.takeOutput()
            guard !datagrams.isEmpty, let target = attempt.source ?? destination else { continue }
            output += datagrams.map { ($0, target) }
        }
    }
}
