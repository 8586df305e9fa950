import NetworkTypes
import OutboundProxy
import SIP

/// What must hold for any datagrams that a proxy core is fed: whatever leaves it can be read, nothing answers an answer
/// or an ACK, and nothing is left when the timers have run out.
///
/// An octet 0xFE ends a datagram. Each goes in from the PBX, from the ITSP and from a stranger.
public enum ProxyCheck {
    public static func run(_ bytes: [UInt8]) {
        let media = BodyRelay()
        let core = ProxyCore(
            settings: settings, tokens: TokenCodec(cipher: OpenCipher(), store: NoStore()), media: media,
            hash: KeyedHash(key0: 1, key1: 2))
        var now = Instant(nanoseconds: 1_000_000_000)
        for datagram in bytes.split(separator: 0xfe).prefix(8) {
            for flow in flows {
                core.receive(Array(datagram), from: flow, at: now)
                drain(core, answersTo: Array(datagram), at: now)
                now = now + .milliseconds(50)
            }
        }
        settle(core, from: now)
        precondition(core.transactionCount == 0, "transactions end")
        precondition(core.callCount == 0 && media.isEmpty, "calls end and their media with them")
    }

    private static func drain(_ core: ProxyCore, answersTo datagram: [UInt8], at now: Instant) {
        var answers = 0
        while core.hasOutputs {
            for output in core.takeOutputs() {
                switch output {
                case .locate(let query):
                    // Two targets: what the first leaves goes to the second.
                    let targets = [0xcb00_710a, 0xcb00_710b].map { address in
                        LocatedTarget(Target(.udp, SocketAddress(IPAddress(v4: address), query.port ?? 5060)))
                    }
                    core.located(query, .targets(targets), at: now)
                case .send(let bytes, _):
                    guard let sent = try? MessageParser.parse(datagram: bytes) else {
                        preconditionFailure("what leaves can be read")
                    }
                    precondition(!sent.isRequest || sent.defect == nil, "a request that leaves is sound")
                    if !sent.isRequest { answers += 1 }
                default: break
                }
            }
        }
        guard answers > 0, let message = try? MessageParser.parse(datagram: datagram) else { return }
        precondition(!message.isRequest || message.method != .ack, "an ACK is not answered")
    }

    /// Runs all timers, an hour of retransmissions at most.
    private static func settle(_ core: ProxyCore, from start: Instant) {
        let end = start + .seconds(90_000)
        while let next = core.nextDeadline, next <= end {
            core.handleTimeout(at: next)
            drain(core, answersTo: [], at: next)
        }
    }

    // MARK: Where the core stands

    private static func listener(_ index: UInt16, _ side: Side, _ address: UInt32) -> Listener {
        Listener(
            id: ListenerID(index), side: side, transport: .udp, local: SocketAddress(IPAddress(v4: address), 5060))
    }

    private static let settings = ProxySettings(
        listeners: [listener(0, .inside, 0xc0a8_0001), listener(1, .outside, 0xcb00_7101)],
        insideNetworks: ["192.168.0.0/24"].compactMap { IPNetwork($0) },
        pbxs: [PBXSettings(host: "192.168.0.2", port: 5060)],
        trunks: [TrunkSettings(name: "itsp", domain: "203.0.113.10")])

    private static let flows = [(0, 0xc0a8_0002), (1, 0xcb00_710a), (1, 0xc633_6442)].map { (index, address) in
        Flow(listener: ListenerID(index), peer: SocketAddress(IPAddress(v4: address), 5060))
    }
}

/// Seals nothing: so a fuzzer reaches what lies behind forged tokens, too.
private struct OpenCipher: TokenCipher {
    func seal(_ plaintext: [UInt8], associatedData: [UInt8]) -> [UInt8] {
        Array(repeating: 1, count: 17) + plaintext
    }

    func open(_ sealed: [UInt8], associatedData: [UInt8]) -> [UInt8]? {
        sealed.count < 17 ? nil : Array(sealed[17...])
    }
}

private final class NoStore: TokenStore {
    func keep(_ original: [UInt8], under handle: TokenHandle) {}
    func original(under handle: TokenHandle) -> [UInt8]? { nil }
}

/// Passes bodies on and counts open sessions.
private final class BodyRelay: MediaAnchoring {
    private var open: Set<UInt64> = []
    private var next: UInt64 = 0

    var isEmpty: Bool { open.isEmpty }

    func open(caller: MediaPeer, callee: MediaPeer, isEmergency: Bool) -> UInt64 {
        next += 1
        open.insert(next)
        return next
    }

    func offer(
        _ body: ArraySlice<UInt8>, session: UInt64, fromCaller: Bool, exchange: UInt64, sender: MediaPeer,
        receiver: MediaPeer, now: Instant
    ) throws(MediaFailure) -> [UInt8] {
        precondition(open.contains(session), "an offer is made in an open session")
        return Array(body)
    }

    func answer(
        _ body: ArraySlice<UInt8>, session: UInt64, fromCaller: Bool, exchange: UInt64, fork: UInt32,
        sender: MediaPeer, now: Instant
    ) throws(MediaFailure) -> [UInt8] {
        precondition(open.contains(session), "an answer is given in an open session")
        return Array(body)
    }

    func confirm(session: UInt64, fork: UInt32) { precondition(open.contains(session), "an open session is confirmed") }
    func rollback(session: UInt64, exchange: UInt64) {}
    func close(session: UInt64) { precondition(open.remove(session) != nil, "a session is closed once") }
}
