import Glibc
import NetworkTypes
import OutboundProxy
import Reactor
import SIP
import TLS

/// Who is told when what was sent could not be: the shard, and the flow as it named it.
struct SendOrigin: Hashable, Sendable {
    let flow: Flow
    let shard: Int
}

/// What a connection tells the transport it belongs to.
protocol StreamConnectionOwner: AnyObject {
    /// Whether a step of a TLS handshake may be taken in this turn; else the connection is told to go on later.
    func mayShakeHands(on connection: StreamConnection) -> Bool
    /// The TLS handshake is over, and the peer who it should be.
    func secured(_ connection: StreamConnection, isResumed: Bool)
    /// A connection of ours is open.
    func opened(_ connection: StreamConnection)
    func received(_ message: [UInt8], on connection: StreamConnection)
    func malformed(_ failure: StreamFramer.Failure, on connection: StreamConnection)
    /// All messages of one read have been handed over.
    func wasRead(_ connection: StreamConnection)
    /// Nothing new goes to the peer on it any more.
    func peerFinished(_ connection: StreamConnection)
    /// Its deadline is now sooner than it was.
    func hurried(_ connection: StreamConnection)
    /// These answers went to a peer that had gone: they are to be sent by another way (RFC 3261 §18.2.2).
    func undelivered(_ answers: [(message: [UInt8], origin: SendOrigin)], on connection: StreamConnection)
    func closed(_ connection: StreamConnection, _ end: StreamConnection.End)
}

/// One connection that carries SIP: its octets become messages, its keep-alives are answered (RFC 5626 §3.5.1), and its
/// peer gets no more time and memory than the limits say.
final class StreamConnection: TCPConnectionOwner {
    /// Why it is no longer there.
    enum End {
        case unreachable(SystemError), broken(SystemError), peerClosed, idle, unfinished, overflowed, malformed
        /// TLS failed: before it was open, or later.
        case insecure(TLSFailure)
    }

    /// Its own identity: the listener that took it or that it was opened beside, the peer, and the connection.
    let flow: Flow
    let isKnown: Bool
    var id: UInt64 { flow.connection }
    var isOpening: Bool { tcp?.state == .opening || isOurs && isShakingHands }
    /// Whether TLS is not ready yet.
    var isShakingHands: Bool { tls?.state == .handshaking }
    /// Whether it is to be secured and was not yet.
    var isUnsecured: Bool { tls != nil && !wasSecured }
    /// Whether we have opened it.
    let isOurs: Bool
    /// Whether requests may be sent on it.
    var isUsable: Bool { isOpen && !isPeerFinished }
    /// Whether anything may be sent on it.
    var isOpen: Bool { tcp?.state == .open || tcp?.state == .opening }
    /// What the next connection to the same peer may begin with.
    var session: TLSSession? { tls?.session }
    /// Whether it ended with messages that the kernel had not taken.
    private(set) var hasUnsent = false
    /// Who has sent requests on it.
    private(set) var origins: [SendOrigin] = []
    /// Who wants to know when it is open.
    private(set) var waiting: [SendOrigin] = []
    /// When the timer queue will look at it.
    var scheduled = Instant.distantFuture

    private let limits: StreamLimits
    private let loop: EventLoop
    private unowned let owner: any StreamConnectionOwner
    private var tcp: TCPConnection?
    private let tls: TLSEngine?
    /// What waits for the handshake: text that is to be sent, and octets that came in a turn that had no time for them.
    private var unsecured: [UInt8] = []
    private var delayed: [UInt8] = []
    private var framer = StreamFramer()
    /// Requests whose final response is still to come from us.
    private var unanswered = 0
    private var isPeerFinished = false
    /// What was sent to a peer that has ended its side. It may be gone altogether, which only the network can tell.
    private var lateAnswers: [(message: [UInt8], origin: SendOrigin)] = []
    private var isCongested = false
    private var isHeld = false
    private var wasOpened = false
    private var wasSecured = false
    private let begun: Instant
    private var lastTraffic: Instant
    private var partialSince: Instant?
    private var stalledSince: Instant?
    private var endsAt: Instant?
    /// Whether the peer can't connect to us; and when the last message went or came.
    private let isOnlyWay: Bool
    private var lastMessage: Instant
    private static let pong: [UInt8] = [13, 10]
    private static let ping: [UInt8] = [13, 10, 13, 10]
    /// More flows than a peer can have with a listener: the newest are told.
    private static let mostOrigins = 64

    private init(
        _ flow: Flow, isKnown: Bool, isOurs: Bool, isOnlyWay: Bool = false, tls: TLSEngine?, limits: StreamLimits,
        loop: EventLoop, owner: any StreamConnectionOwner
    ) {
        self.flow = flow
        self.isOurs = isOurs
        self.tls = tls
        self.isKnown = isKnown
        self.limits = limits
        self.loop = loop
        self.owner = owner
        self.isOnlyWay = isOnlyWay
        begun = loop.now
        lastTraffic = loop.now
        lastMessage = loop.now
    }

    /// One that a listener took.
    convenience init(
        _ accepted: AcceptedConnection, _ flow: Flow, isKnown: Bool, tls: TLSEngine?, limits: StreamLimits,
        on loop: EventLoop, buffer: ReceiveBuffer, owner: any StreamConnectionOwner
    ) throws(SystemError) {
        self.init(flow, isKnown: isKnown, isOurs: false, tls: tls, limits: limits, loop: loop, owner: owner)
        if !isKnown { partialSince = loop.now }
        wasOpened = true
        tcp = try TCPConnection(accepted, on: loop, buffer: buffer, owner: self)
    }

    /// One of ours, from a listener's address to the peer.
    convenience init(
        opening flow: Flow, from listener: Listener, options: TCPOptions, tls: TLSEngine?, limits: StreamLimits,
        on loop: EventLoop, buffer: ReceiveBuffer, owner: any StreamConnectionOwner
    ) throws(SystemError) {
        self.init(
            flow, isKnown: true, isOurs: true, isOnlyWay: !listener.isOpen, tls: tls, limits: limits, loop: loop,
            owner: owner)
        tcp = try TCPConnection(
            to: flow.peer, from: listener.local.ip, options: options, on: loop, buffer: buffer, owner: self)
    }

    // MARK: Sending

    /// Queues a message; where that is too much, the connection ends.
    func send(_ message: [UInt8], for origin: SendOrigin) {
        if message.isResponse {
            if message.isFinalResponse { unanswered = max(0, unanswered - 1) }
            if isPeerFinished { lateAnswers.append((message, origin)) }
        } else if !origins.contains(origin) {
            if origins.count == Self.mostOrigins { origins.removeFirst() }
            origins.append(origin)
        }
        lastMessage = loop.now
        queue(message)
    }

    /// Tells the origin when the connection is open, unless it is.
    func await(for origin: SendOrigin) -> Bool {
        guard isOpening else { return true }
        waiting.append(origin)
        if !origins.contains(origin) { origins.append(origin) }
        return false
    }

    private func queue(_ bytes: [UInt8]) {
        guard let tcp else { return }
        let unsent = tcp.unsent + unsecured.count
        guard unsent + bytes.count <= (isKnown ? limits.overflow : limits.strangerOverflow) else {
            return end(.overflowed)
        }
        if isShakingHands { return unsecured.append(contentsOf: bytes) }
        guard let tls else { return put(bytes, on: tcp) }
        do throws(TLSFailure) { try tls.send(bytes) } catch { return end(.insecure(error)) }
        put(tls.takeOutput(), on: tcp)
    }

    private func put(_ octets: [UInt8], on tcp: TCPConnection) {
        tcp.send(octets)
        lastTraffic = loop.now
        if stalledSince == nil { stalledSince = loop.now }
        if tcp.unsent > limits.congestion, !isCongested {
            isCongested = true
            adjustReading()
        }
    }

    /// Reads nothing until it is told to go on: who should take the messages is behind.
    func hold(_ isHeld: Bool) {
        self.isHeld = isHeld
        adjustReading()
    }

    private func adjustReading() {
        guard let tcp, tcp.state == .open, !isPeerFinished else { return }
        if isCongested || isHeld || !delayed.isEmpty {
            tcp.stopReading()
        } else if !tcp.isReading {
            do { try tcp.startReading() } catch { end(.broken(error)) }
        }
    }

    /// Sends what is queued, and ends.
    func finish() {
        if let tls, let tcp {
            tls.finish()
            let farewell = tls.takeOutput()
            if !farewell.isEmpty { tcp.send(farewell) }
        }
        tcp?.finish()
        hurry(limits.farewell)
    }

    private func hurry(_ patience: Duration) {
        endsAt = loop.now + patience
        owner.hurried(self)
    }

    /// Ends at once.
    func end(_ end: End) {
        guard let tcp, tcp.state != .closed else { return }
        hasUnsent = tcp.unsent > 0 || !unsecured.isEmpty
        // The peer is told what it has done wrong, as far as that needs no waiting.
        tcp.close(sending: tls?.takeOutput() ?? [])
        owner.closed(self, end)
    }

    // MARK: Time

    /// When the connection should be looked at.
    var deadline: Instant {
        if let endsAt { return endsAt }
        if isOpening { return begun + limits.opening }
        if isShakingHands { return begun + limits.handshake }
        var deadline = lastTraffic + (isOnlyWay ? limits.keepAlive : limits.idle)
        if let partialSince { deadline = min(deadline, partialSince + messageTime) }
        if let stalledSince { deadline = min(deadline, stalledSince + limits.stalled) }
        return deadline
    }

    private var messageTime: Duration { isKnown ? limits.message : limits.strangerMessage }

    /// Ends what has outstayed its time.
    func handleTimeout() {
        let now = loop.now
        guard deadline <= now else { return }
        if endsAt != nil { return endLate() }
        if isShakingHands, tcp?.state == .open {
            return end(.insecure(TLSFailure("the handshake was not over in time")))
        }
        if isOpening { return end(.unreachable(SystemError("connect to \(flow.peer)", code: ETIMEDOUT))) }
        if let stalledSince, stalledSince + limits.stalled <= now { return end(.overflowed) }
        if let partialSince, partialSince + messageTime <= now { return end(.unfinished) }
        if isOnlyWay, lastMessage + limits.lease > now { return queue(Self.ping) }
        end(.idle)
    }

    private func endLate() {
        let answers = tcp?.isBroken == true ? lateAnswers : []
        end(.peerClosed)
        if !answers.isEmpty { owner.undelivered(answers, on: self) }
    }

    // MARK: What TCP tells

    func opened(_ connection: TCPConnection) {
        wasOpened = true
        lastTraffic = loop.now
        stalledSince = connection.unsent > 0 ? loop.now : nil
        adjustReading()
        guard let tls else { return tellOpened() }
        do throws(TLSFailure) { try tls.start() } catch { return end(.insecure(error)) }
        put(tls.takeOutput(), on: connection)
    }

    private func tellOpened() {
        owner.opened(self)
        waiting = []
    }

    func received(_ bytes: UnsafeRawBufferPointer, on connection: TCPConnection) {
        lastTraffic = loop.now
        guard let tls else { return read([UInt8](bytes), on: connection) }
        if isShakingHands, !owner.mayShakeHands(on: self) {
            delayed = [UInt8](bytes)
            return adjustReading()
        }
        decrypt(bytes, tls, on: connection)
    }

    /// Goes on with the handshake that had to wait.
    func resumeHandshake() {
        guard let tls, let tcp, tcp.state == .open, !delayed.isEmpty else { return }
        let octets = delayed
        delayed = []
        octets.withUnsafeBytes { decrypt($0, tls, on: tcp) }
        adjustReading()
    }

    private func decrypt(_ octets: UnsafeRawBufferPointer, _ tls: TLSEngine, on connection: TCPConnection) {
        let wasShakingHands = isShakingHands
        var text: [UInt8] = []
        do throws(TLSFailure) { try tls.receive(octets, into: &text) } catch { return end(.insecure(error)) }
        let answer = tls.takeOutput()
        if !answer.isEmpty { put(answer, on: connection) }
        if wasShakingHands, !isShakingHands { secured(tls) }
        if !text.isEmpty, connection.state == .open { read(text, on: connection) }
        if tls.isPeerFinished, !isPeerFinished, connection.state == .open {
            connection.stopReading()
            peerFinished(connection)
        }
    }

    private func secured(_ tls: TLSEngine) {
        wasSecured = true
        if !isKnown { partialSince = loop.now }
        let text = unsecured
        unsecured = []
        if !text.isEmpty { queue(text) }
        owner.secured(self, isResumed: tls.isResumed)
        if isOurs { tellOpened() }
    }

    private func read(_ text: [UInt8], on connection: TCPConnection) {
        framer.append(text)
        var isProgress = false
        do throws(StreamFramer.Failure) {
            while let unit = try framer.next() {
                isProgress = true
                take(unit)
                guard connection.state == .open else { return owner.wasRead(self) }
            }
            if framer.isIdle {
                partialSince = nil
            } else if isProgress || partialSince == nil {
                partialSince = loop.now
            }
        } catch {
            owner.malformed(error, on: self)
        }
        owner.wasRead(self)
    }

    private func take(_ unit: StreamFramer.Unit) {
        switch unit {
        case .ping: queue(Self.pong)
        case .message(let message):
            lastMessage = loop.now
            if message.wantsResponse { unanswered += 1 }
            owner.received(message, on: self)
        }
    }

    func sent(on connection: TCPConnection) {
        stalledSince = connection.unsent > 0 ? loop.now : nil
        lastTraffic = loop.now
        if isCongested, connection.unsent <= limits.congestion / 2 {
            isCongested = false
            adjustReading()
        }
        if isPeerFinished { endIfAnswered() }
    }

    func peerFinished(_ connection: TCPConnection) {
        guard !isShakingHands else {
            return end(.insecure(TLSFailure("the peer closed in the middle of the handshake")))
        }
        isPeerFinished = true
        owner.peerFinished(self)
        hurry(limits.answers)
        endIfAnswered()
    }

    /// Who has ended its side still gets the answers that it waits for.
    private func endIfAnswered() {
        guard unanswered == 0, tcp?.unsent == 0 else { return }
        if lateAnswers.isEmpty { end(.peerClosed) } else { hurry(limits.doubt) }
    }

    func closed(_ connection: TCPConnection, _ error: SystemError?) {
        hasUnsent = connection.unsent > 0 || !unsecured.isEmpty
        let answers = isPeerFinished ? lateAnswers : []
        defer { if !answers.isEmpty { owner.undelivered(answers, on: self) } }
        guard let error else { return owner.closed(self, .peerClosed) }
        owner.closed(self, wasOpened ? .broken(error) : .unreachable(error))
    }
}

extension [UInt8] {
    fileprivate var isResponse: Bool { count > 8 && equals(0..<8, ignoringCase: "SIP/2.0 ") }

    /// Of a response: whether it ends its transaction.
    fileprivate var isFinalResponse: Bool { self[8] > UInt8(ascii: "1") }

    /// Whether the message is a request that gets responses: any but ACK.
    fileprivate var wantsResponse: Bool { !isResponse && count > 4 && !equals(0..<4, ignoringCase: "ACK ") }
}
