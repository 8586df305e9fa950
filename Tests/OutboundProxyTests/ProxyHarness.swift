import NetworkTypes
import SIP
import TLS
import Testing

@testable import OutboundProxy

/// A proxy core on a virtual clock between a PBX and an ITSP: messages are text, what leaves is kept.
final class ProxyHarness {
    static let pbx = address("192.168.0.2:5060")
    static let itsp = address("203.0.113.10:5060")
    static let stranger = address("198.51.100.66:5060")

    let core: ProxyCore
    let media = FakeMedia()
    var now = Instant(nanoseconds: 1_000_000_000)
    var events: [ProxyEvent] = []
    /// The names that are being located, and the questions about them.
    var resolving: [String] { locating.map(\.host) }
    var locating: [LocationQuery] = []
    /// The connections that are to be opened.
    var opening: [Flow] = []
    var updates: [DirectoryUpdate] = []
    var timesShrunk = 0
    /// Whether each message that leaves outside is scanned for inside addresses (design §3).
    var scansOutside = true
    private(set) var leaks: [String] = []
    /// Fields with such addresses that came from outside: a response repeats its request's (RFC 3261 §8.2.6.2).
    private var repeatable: Set<String> = []
    /// What inside addresses start with.
    var insidePrefixes = ["192.168.0.", "fd00:168:"]
    /// The one socket of a host on which both sides have the same address and port.
    var sharedSocket: ListenerID?

    static func address(_ text: String) -> SocketAddress {
        SocketAddress(text) ?? SocketAddress(.unspecified(.v4), 0)
    }

    static let listeners = [
        Listener(id: ListenerID(0), side: .inside, transport: .udp, local: address("192.168.0.1:5060")),
        Listener(id: ListenerID(1), side: .outside, transport: .udp, local: address("203.0.113.1:5060")),
        Listener(id: ListenerID(2), side: .inside, transport: .udp, local: address("[fd00:168::1]:5060")),
        Listener(id: ListenerID(3), side: .outside, transport: .udp, local: address("[2001:db8:113::1]:5060")),
    ]

    /// The same addresses by TCP, for tests that want them.
    static let streams = listeners.map { udp in
        Listener(
            id: ListenerID(udp.id.index + UInt16(listeners.count)), side: udp.side, transport: .tcp, local: udp.local)
    }

    init(
        pbxs: [PBXSettings] = [PBXSettings(host: "192.168.0.2", port: 5060)], trunks: [TrunkSettings] = [],
        store: MemoryTokenStore = MemoryTokenStore(), change: (inout ProxySettings) -> Void = { _ in }
    ) {
        var settings = ProxySettings(
            listeners: Self.listeners,
            insideNetworks: ["192.168.0.0/24", "fd00:168::/64"].compactMap { IPNetwork($0) }, pbxs: pbxs, trunks: trunks
        )
        change(&settings)
        let key = DeterministicCipher.Key(id: 1, octets: Array(repeating: 7, count: DeterministicCipher.Key.length))
        core = ProxyCore(
            settings: settings,
            tokens: TokenCodec(
                cipher: DeterministicCipher(current: key ?? DeterministicCipher.Key(randomWithID: 1)),
                store: store),
            media: media, hash: KeyedHash(key0: 1, key1: 2))
    }

    // MARK: Sending in

    /// A message arrives on a side. Lines may end with "\n".
    @discardableResult
    func receive(
        _ text: String, on side: Side, from source: SocketAddress? = nil, by transport: TransportProtocol = .udp
    ) -> [Sent] {
        receive(wire(text), on: side, from: source, by: transport)
    }

    @discardableResult
    func receive(
        _ bytes: [UInt8], on side: Side, from source: SocketAddress? = nil, by transport: TransportProtocol = .udp,
        listener: UInt16? = nil
    ) -> [Sent] {
        let source = source ?? (side == .inside ? Self.pbx : Self.itsp)
        let index: UInt16 = (side == .inside ? 0 : 1) + (source.ip.family == .v6 ? 2 : 0)
        let common = ListenerID(index + (transport == .udp ? 0 : UInt16(Self.listeners.count)))
        let id = listener.map { ListenerID($0) } ?? sharedSocket ?? common
        return receive(bytes, on: side, from: Flow(listener: id, peer: source))
    }

    @discardableResult
    func receive(_ bytes: [UInt8], on side: Side, from flow: Flow) -> [Sent] {
        if side == .outside, bytes.contains(anyOf: insidePrefixes) { note(bytes) }
        core.receive(bytes, from: flow, at: now)
        return drain()
    }

    /// The time passes, from one deadline of the core to the next.
    @discardableResult
    func advance(_ duration: Duration) -> [Sent] {
        let end = now + duration
        var all: [Sent] = []
        while let next = core.nextDeadline, next <= end {
            now = max(now, next)
            core.handleTimeout(at: now)
            all += drain()
        }
        now = end
        core.handleTimeout(at: now)
        return all + drain()
    }

    /// The name's addresses are these, by UDP and in that order; none: it does not exist.
    @discardableResult
    func resolve(_ name: String, _ addresses: [String]) -> [Sent] {
        for query in takeLocating(name) {
            let targets = addresses.compactMap { IPAddress($0) }.filter { query.families.contains($0.family) }
                .enumerated().map { LocatedTarget(Target(.udp, SocketAddress($1, query.port ?? 5060)), rank: $0) }
            core.located(query, targets.isEmpty ? .unknownName : .targets(targets), at: now)
        }
        return drain()
    }

    /// The name leads there.
    @discardableResult
    func locate(_ name: String, _ location: Location) -> [Sent] {
        for query in takeLocating(name) { core.located(query, location, at: now) }
        return drain()
    }

    private func takeLocating(_ name: String) -> [LocationQuery] {
        defer { locating.removeAll { $0.host == name } }
        return locating.filter { $0.host == name }
    }

    private func note(_ bytes: [UInt8]) {
        for line in bytes.split(separator: 10) { repeatable.insert(asItCame(String(decoding: line, as: UTF8.self))) }
    }

    /// The field's value without what a response adds (the real source in Via, a tag in To, the long name) or leaves
    /// out: white space around it.
    private func asItCame(_ line: String) -> String {
        let value = String(line.drop { $0 != ":" }.dropFirst().filter { !$0.isWhitespace })
        return value.replacing(/;(received|rport)(=[^;,]*)?/, with: "").replacing(/;tag=[^;]*$/, with: "")
    }

    func drain() -> [Sent] {
        var list: [Sent] = []
        for output in core.takeOutputs() {
            switch output {
            case .send(let bytes, let flow), .sendOnly(let bytes, let flow):
                let listener = core.settings.listeners[Int(flow.listener.index)]
                var side = listener.side
                if let sharedSocket {
                    #expect(flow.listener == sharedSocket)
                    side = flow.peer.ip.isPrivate ? .inside : .outside
                }
                let message = Sent(
                    bytes: bytes, to: flow.peer, side: side, transport: listener.transport, from: listener.local)
                var shown =
                    side == .outside && scansOutside && bytes.count > 4 ? message.lines(with: insidePrefixes) : []
                if !message.isRequest, !repeatable.isEmpty { shown.removeAll { repeatable.contains(asItCame($0)) } }
                if !shown.isEmpty {
                    leaks += shown
                    Issue.record("an inside address leaves: \(shown)\n\(message.text)")
                }
                list.append(message)
            case .locate(let query): locating.append(query)
            case .open(let flow): opening.append(flow)
            case .directory(let update): updates.append(update)
            case .event(let event): events.append(event)
            case .shrunk: timesShrunk += 1
            }
        }
        return list
    }
}

/// Octets of a message written with "\n".
func wire(_ text: String) -> [UInt8] {
    var out: [UInt8] = []
    for octet in text.utf8 {
        if octet == 10, out.last != 13 { out.append(13) }
        out.append(octet)
    }
    return out
}

/// One message that left the proxy.
struct Sent {
    let bytes: [UInt8]
    let to: SocketAddress
    let side: Side
    let transport: TransportProtocol
    /// The listener that it left by.
    var from = SocketAddress(.unspecified(.v4), 0)

    var text: String { String(decoding: bytes, as: UTF8.self) }
    var message: Message? { try? MessageParser.parse(datagram: bytes) }
    var start: String { String(text.prefix { $0 != "\r\n" }) }
    var status: Int { message?.status ?? 0 }
    var method: Method { message?.method ?? .other }
    var isRequest: Bool { message?.isRequest ?? false }
    var requestURI: String { message.map { $0.bytes.text($0.requestURI) } ?? "" }
    var body: String { message.map { $0.bytes.text($0.body) } ?? "" }

    func values(_ name: HeaderName) -> [String] { message.map { m in m.values(name).map { m.bytes.text($0) } } ?? [] }
    func header(_ name: HeaderName) -> String { message?.text(name) ?? "" }

    /// The URI of the first value of the field.
    func uri(_ name: HeaderName) -> String {
        guard let message, let first = message.values(name).first, let value = NameAddress(first, in: bytes) else {
            return ""
        }
        return bytes.text(value.uri)
    }

    /// The lines in which any of the words stands: inside addresses, wherever in the message they are (design §3).
    func lines(with words: [String]) -> [String] {
        // Most have none, and text is slow.
        guard bytes.contains(anyOf: words) else { return [] }
        return text.split(separator: "\r\n").map(String.init).filter { line in words.contains { line.contains($0) } }
    }
}

extension [UInt8] {
    fileprivate func contains(anyOf words: [String]) -> Bool { words.contains { contains(Array($0.utf8)) } }

    /// Whether the text stands anywhere in the octets.
    private func contains(_ text: [UInt8]) -> Bool {
        guard count >= text.count else { return false }
        return (0...(count - text.count)).contains {
            self[$0] == text[0] && self[$0..<($0 + text.count)].elementsEqual(text)
        }
    }
}

/// Media without a relay: each body leaves with another address in its c= line and another port in its m= line.
final class FakeMedia: MediaAnchoring {
    enum Event: Equatable {
        case open(Side, Side)
        case offer(UInt64, fromCaller: Bool)
        case answer(UInt64, fromCaller: Bool, fork: UInt32)
        case confirm(UInt64, fork: UInt32)
        case rollback(UInt64)
        case close(UInt64)
    }

    var events: [Event] = []
    /// Both ends of each session as it was opened.
    var peers: [MediaPeer] = []
    /// To whom each offer went.
    private(set) var receivers: [MediaPeer] = []
    var failure: MediaFailure?
    /// What every body becomes, where that is not to depend on what it was.
    var replacement: [UInt8]?
    /// The sessions that calls for help have.
    var emergencies: [UInt64] = []
    private var next: UInt64 = 0
    private(set) var open: Set<UInt64> = []

    func open(caller: MediaPeer, callee: MediaPeer, isEmergency: Bool) -> UInt64 {
        next += 1
        open.insert(next)
        if isEmergency { emergencies.append(next) }
        events.append(.open(caller.side, callee.side))
        peers += [caller, callee]
        return next
    }

    func offer(
        _ body: ArraySlice<UInt8>, session: UInt64, fromCaller: Bool, exchange: UInt64, sender: MediaPeer,
        receiver: MediaPeer, now: Instant
    ) throws(MediaFailure) -> [UInt8] {
        if let failure { throw failure }
        events.append(.offer(session, fromCaller: fromCaller))
        receivers.append(receiver)
        return rewritten(body, for: receiver.side)
    }

    func answer(
        _ body: ArraySlice<UInt8>, session: UInt64, fromCaller: Bool, exchange: UInt64, fork: UInt32,
        sender: MediaPeer, now: Instant
    ) throws(MediaFailure) -> [UInt8] {
        if let failure { throw failure }
        events.append(.answer(session, fromCaller: fromCaller, fork: fork))
        return rewritten(body, for: sender.side.opposite)
    }

    func confirm(session: UInt64, fork: UInt32) { events.append(.confirm(session, fork: fork)) }
    func rollback(session: UInt64, exchange: UInt64) { events.append(.rollback(session)) }

    func close(session: UInt64) {
        open.remove(session)
        events.append(.close(session))
    }

    private func rewritten(_ body: ArraySlice<UInt8>, for side: Side) -> [UInt8] {
        if let replacement { return replacement }
        let address = side == .inside ? "192.168.0.1" : "203.0.113.1"
        let lines = String(decoding: body, as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: false)
        let out = lines.map { line in
            let words = line.split(separator: " ")
            if line.hasPrefix("c=") { return "c=IN IP4 \(address)" }
            if line.hasPrefix("o=") { return words.dropLast().joined(separator: " ") + " \(address)" }
            if line.hasPrefix("m=audio") { return "m=audio 30000 " + words.dropFirst(2).joined(separator: " ") }
            return String(line)
        }
        return Array(out.joined(separator: "\r\n").utf8)
    }
}
