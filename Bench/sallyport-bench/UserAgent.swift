import CBench
import NetworkTypes

/// What the two kinds of user agent share: a socket, branches and tags, and the deadlines of their calls.
class UserAgent {
    let end: CallEnd
    let side: Side
    let settings: CallSettings
    let scoreboard: Scoreboard
    let media: MediaEngine
    /// Makes Call-IDs, tags and branches of this run unlike those of any other.
    let runID: [UInt8]
    /// The value of Contact in what this user agent sends.
    let contactURI: [UInt8]
    var contact: [UInt8] { Array("<".utf8) + contactURI + Array(">".utf8) }

    /// Whether streams start by themselves when a call is answered.
    var playsAudio = true

    let socket: UDPSocket
    private let batch = DatagramBatch(capacity: 32, size: 8192)
    private var deadlines = DeadlineQueue<any TimedCall>()
    private var branches: UInt64 = 0

    init(
        _ end: CallEnd, settings: CallSettings, scoreboard: Scoreboard, media: MediaEngine, runID: [UInt8]
    ) throws(SystemError) {
        self.end = end
        self.settings = settings
        self.scoreboard = scoreboard
        self.media = media
        self.runID = runID
        side = settings.side(of: end)
        let address = settings.address(of: side)
        socket = try UDPSocket(ip: address.ip, port: address.port, receiveBuffer: 8 << 20)
        contactURI = Array("sip:\(end)@\(socket.address)".utf8)
    }

    /// Gets messages that belong to no call.
    var onOtherMessage: ((ReceivedMessage) -> Void)?
    /// The Contact URI that was registered with this user agent as a registrar.
    private(set) var registered: [UInt8]?

    final var address: SocketAddress { socket.address }

    /// The route that a PBX puts before its requests.
    final var outboundProxy: [UInt8]? {
        guard side == .inside, let proxy = settings.proxy else { return nil }
        return Array("<sip:\(proxy.inside);lr>".utf8)
    }

    /// Takes in one message; a subclass knows what it means.
    func handle(_ message: ReceivedMessage, from source: SocketAddress, arrived: Int64, at now: Instant) {}

    // MARK: Sockets

    /// Reads what waits at the socket.
    final func receive(at now: Instant) {
        for index in 0..<batch.receive(from: socket.descriptor) {
            let datagram = batch[index]
            guard let message = ReceivedMessage(datagram.content) else {
                scoreboard.strays += 1
                continue
            }
            handle(message, from: datagram.source, arrived: datagram.arrived, at: now)
        }
    }

    final func send(_ message: [UInt8], to destination: SocketAddress) { socket.send(message, to: destination) }

    final func sendAgain(_ retransmission: Retransmission) {
        scoreboard.retransmissions += 1
        send(retransmission.message, to: retransmission.destination)
    }

    /// Answers where RFC 3261 §18.2.2 and RFC 3581 say: the source of the request, at the port of `sent-by` unless
    /// `rport` was asked for.
    final func responseDestination(_ request: ReceivedMessage, from source: SocketAddress) -> SocketAddress {
        guard let via = request.values(.via).first, request.parameter("rport", of: via) == nil else { return source }
        let words = request.bytes[via].split(separator: UInt8(ascii: " "), maxSplits: 1)
        let sentBy = words.last?.prefix { $0 != UInt8(ascii: ";") } ?? []
        let address = SocketAddress(String(decoding: sentBy, as: UTF8.self))
        return SocketAddress(source.ip, address?.port ?? 5060)
    }

    /// What is wrong with the way a request within a dialog was routed here, if anything.
    final func routingFault(of request: ReceivedMessage, _ uri: Range<Int>) -> String? {
        if request.slice(uri) != contactURI { return "a Request-URI that isn't our Contact: \(request.text(uri))" }
        if request[.route] != nil { return "a Route left in it" }
        let hops = request[.maxForwards].flatMap { request.bytes.decimal($0, as: UInt16.self) }
        // A BYE with a Reason may be the proxy's own, for a call whose media has gone silent: it starts at 70.
        let isProxys = request[.reason] != nil
        let most: UInt16 = settings.proxy == nil || isProxys ? 70 : 69
        return hops.map { $0 <= most } == true ? nil : "no Max-Forwards, or one that was not counted down"
    }

    // MARK: Outside calls

    /// A message that belongs to no call.
    final func handleOther(_ message: ReceivedMessage, from source: SocketAddress) {
        switch message.start {
        case .request(.register, _): register(message, from: source)
        case .request(.ack, _): break
        case .request(.options, _): respond(200, "OK", to: message, from: source)
        case .request: respond(481, "Call/Transaction Does Not Exist", to: message, from: source)
        case .response: if let onOtherMessage { onOtherMessage(message) } else { scoreboard.strays += 1 }
        }
    }

    /// A registrar that grants what it is asked: the Contact comes back as it was received.
    private func register(_ request: ReceivedMessage, from source: SocketAddress) {
        var builder = MessageBuilder(status: 200, reason: "OK", to: request, tag: runID)
        for contact in request.values(.contact) {
            registered = request.slice(request.uri(of: contact))
            builder.field("Contact", request.slice(contact), Array(";expires=3600".utf8))
        }
        send(builder.finish(), to: responseDestination(request, from: source))
    }

    final func respond(_ status: Int, _ reason: StaticString, to request: ReceivedMessage, from source: SocketAddress) {
        var builder = MessageBuilder(status: status, reason: reason, to: request, tag: runID)
        send(builder.finish(), to: responseDestination(request, from: source))
    }

    // MARK: Names

    final func newBranch() -> [UInt8] {
        branches += 1
        return Array("z9hG4bK".utf8) + runID + Array(".\(end == .caller ? "c" : "a")\(branches)".utf8)
    }

    final func via(branch: [UInt8]) -> [UInt8] {
        Array("SIP/2.0/UDP \(socket.address);rport;branch=".utf8) + branch
    }

    final func tag(for call: UInt32) -> [UInt8] { runID + Array("\(end == .caller ? "c" : "a")\(call)".utf8) }

    // MARK: Deadlines

    final var nextDeadline: Instant { deadlines.next ?? .distantFuture }

    /// Puts a call into the queue again after anything happened to it.
    final func schedule(_ call: any TimedCall) {
        let deadline = call.nextDeadline
        guard deadline < call.scheduled else { return }
        call.scheduled = deadline
        deadlines.schedule(call, at: deadline)
    }

    final func handleTimeouts(at now: Instant) {
        while let call = deadlines.popDue(at: now) {
            call.scheduled = .distantFuture
            if call.nextDeadline <= now { call.handleTimeout(at: now) }
            schedule(call)
        }
    }
}

/// A call that waits for something.
protocol TimedCall: AnyObject {
    /// When something is to be done unless a message comes before.
    var nextDeadline: Instant { get }
    /// The earliest entry for this call in the queue of its user agent.
    var scheduled: Instant { get set }
    func handleTimeout(at now: Instant)
}

extension CallEnd: CustomStringConvertible {
    var description: String { self == .caller ? "caller" : "answerer" }
}
