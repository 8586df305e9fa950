import MediaRelay
import NetworkTypes

/// Binds nothing, but keeps books: a port that is bound can't be bound again.
final class FakeBinder: PortBinder {
    private(set) var bound: [Int32: SocketAddress] = [:]
    /// Addresses that another process has.
    var taken: Set<SocketAddress> = []
    /// Whether descriptors have run out.
    var isExhausted = false
    private(set) var attempts = 0
    private var next: Int32 = 3

    func bind(_ address: SocketAddress) -> Int32? {
        attempts += 1
        guard !isExhausted, !taken.contains(address), !bound.values.contains(address) else { return nil }
        next += 1
        bound[next] = address
        return next
    }

    func close(_ descriptor: Int32) {
        precondition(bound.removeValue(forKey: descriptor) != nil, "closed twice")
    }
}

/// What the anchors of one thread remember.
final class OwnPhonesWithICE: PhonesWithICESharing, @unchecked Sendable {
    private var phones = PhonesWithICE()

    func withPhones<Result: Sendable>(_ body: (inout PhonesWithICE) -> Result) -> Result { body(&phones) }
}

/// An anchor and the packet side behind it, which opens and closes what the anchor's commands say.
///
/// The caller is a PBX inside (192.168.0.2), the callee a trunk outside (198.51.100.7), unless told otherwise.
final class AnchorScenario {
    let binder = FakeBinder()
    let anchor: MediaAnchor
    let core = RelayCore()
    var session: RelaySessionID
    var caller: MediaPeer
    var callee: MediaPeer
    /// What was commanded since ``takeCommands()``, in words.
    private var log: [String] = []
    /// The sockets that are read, by their address.
    private(set) var channels: [SocketAddress: MediaChannel] = [:]
    /// Datagrams of the relay's own.
    var sent: [(datagram: [UInt8], to: SocketAddress, descriptor: Int32)] = []
    /// What the worker was told last about each leg's peer.
    private(set) var remotes: [LegEnd: LegRemote] = [:]
    private var exchange: UInt64 = 0

    static let settings = RelaySettings(
        inside: .init(
            v4: .init(ip("192.168.0.1")), v6: .init(ip("fd00::1")),
            networks: [IPNetwork("192.168.0.0/24")!, IPNetwork("fd00::/64")!]),
        outside: .init(v4: .init(ip("203.0.113.1")), v6: .init(ip("2001:db8::1"))), ports: 10_000...10_039)

    init(
        _ settings: RelaySettings = AnchorScenario.settings, caller: MediaPeer = .pbx, callee: MediaPeer = .trunk
    ) {
        var settings = settings
        settings.phonesWithICE = settings.phonesWithICE ?? OwnPhonesWithICE()
        anchor = MediaAnchor(settings: settings, binder: binder, firstSession: 7, sessionStride: 4)
        self.caller = caller
        self.callee = callee
        session = anchor.open(caller: caller, callee: callee)
    }

    private func peer(_ end: LegEnd) -> MediaPeer { end == .caller ? caller : callee }

    // MARK: Signalling

    /// The number of the latest exchange.
    var latest: UInt64 { exchange }

    @discardableResult
    func offer(
        _ body: String, from end: LegEnd = .caller, exchange: UInt64? = nil, fork: UInt32 = 0
    ) throws(MediaRefusal) -> String {
        self.exchange = exchange ?? self.exchange + 1
        defer { drain() }
        let written = try anchor.offer(
            ArraySlice(body.utf8), in: session, from: end, exchange: self.exchange, fork: fork, sender: peer(end),
            receiver: peer(end.opposite))
        return String(decoding: written, as: UTF8.self)
    }

    @discardableResult
    func answer(
        _ body: String, from end: LegEnd = .callee, exchange: UInt64? = nil, fork: UInt32 = 0
    ) throws(MediaRefusal) -> String {
        defer { drain() }
        let written = try anchor.answer(
            ArraySlice(body.utf8), in: session, from: end, exchange: exchange ?? self.exchange, fork: fork,
            sender: peer(end))
        return String(decoding: written, as: UTF8.self)
    }

    func confirm(fork: UInt32 = 0) {
        anchor.confirm(session, fork: fork)
        drain()
    }

    func rollback(_ exchange: UInt64? = nil) {
        anchor.rollback(session, exchange: exchange ?? self.exchange)
        drain()
    }

    func close() {
        anchor.close(session)
        drain()
    }

    /// An answered call with one audio stream: caller 192.168.0.2:4000, callee 198.51.100.7:5000.
    func call() throws {
        try offer(audio("192.168.0.2", 4000))
        try answer(audio("198.51.100.7", 5000))
        confirm()
        _ = takeCommands()
    }

    // MARK: The packet side

    /// Does what the anchor and the core have decided.
    func drain() {
        for command in anchor.takeCommands() {
            if let words = describe(command) { log.append(words) }
            if case .prepare(_, let leg, let remote) = command { remotes[leg] = remote }
            core.handle(command, at: .zero)
        }
        while let effect = core.nextEffect() {
            switch effect {
            case .register(let channel): channels[channel.socket.local] = channel
            case .close(let socket):
                if channels[socket.local]?.socket == socket { channels[socket.local] = nil }
                binder.close(socket.descriptor)
            case .send(let datagram, let destination, let descriptor):
                sent.append((datagram, destination, descriptor))
            case .report, .shrunk: break
            }
        }
    }

    func takeCommands() -> [String] {
        defer { log = [] }
        return log
    }

    /// nil for what changes no packet's way.
    private func describe(_ command: RelayCommand) -> String? {
        switch command {
        case .open(let stream, let caller, let callee, let isOpaque):
            "open \(stream.index): \(caller.rtp.local) \(callee.rtp.local)\(isOpaque ? " opaque" : "")"
        case .fork(let stream, let original, let shared, let own):
            "fork \(stream.index) of \(original.index) sharing \(shared): \(own.rtp.local)"
        case .expectChecks(let stream, let leg, _): "expect checks \(stream.index) \(leg)"
        case .prepare(let stream, let leg, let remote):
            "prepare \(stream.index) \(leg) \(remote.rtp.map(\.description) ?? "nothing") for \(remote.generation)"
        case .commit(let stream, let generation): "commit \(stream.index) to \(generation)"
        case .discard(let stream, let generation): "discard \(stream.index) \(generation)"
        case .describe: nil
        case .close(let stream): "close \(stream.index)"
        case .closeSession(let session): "close session \(session.value)"
        case .watch(_, let silence): "watch \(silence.map { "\($0.components.seconds)" } ?? "nothing")"
        }
    }

    /// Free pairs of the inside and the outside IPv4 address; all 20 when nothing is in use.
    var free: [Int] { [anchor.freePairs(on: .inside, .v4), anchor.freePairs(on: .outside, .v4)] }
}

extension MediaPeer {
    static let pbx = MediaPeer(side: .inside, family: .v4, signallingAddress: ip("192.168.0.2"))
    static let trunk = MediaPeer(side: .outside, family: .v4, signallingAddress: ip("198.51.100.7"))
    static let phone = MediaPeer(side: .outside, family: .v4, signallingAddress: ip("198.51.100.99"), isNAT: true)
}

func ip(_ text: String) -> IPAddress { IPAddress(text)! }

func sdp(_ lines: String...) -> String { lines.map { $0 + "\r\n" }.joined() }

/// A body with one audio stream.
func audio(_ host: String, _ port: Int, _ attributes: String...) -> String {
    let family = host.contains(":") ? "IP6" : "IP4"
    return sdp(
        "v=0", "o=- 1 1 IN \(family) \(host)", "s=-", "c=IN \(family) \(host)", "t=0 0", "m=audio \(port) RTP/AVP 0")
        + attributes.map { "a=\($0)\r\n" }.joined()
}
