import MediaRelay
import NetworkTypes
import OutboundProxy
import Synchronization
import TLS

@testable import sallyport

/// The edge under test: the real proxy core, media anchor and relay core, joined as the daemon joins them, but for
/// sockets and the clock.
final class Edge {
    static let inside = SocketAddress("192.168.0.1:5060")!
    static let outside = SocketAddress("203.0.113.1:5060")!
    static let outside6 = SocketAddress("[2001:db8::1]:5060")!
    /// An answered call lasts no longer (`limits.call_duration`).
    static let callDuration = Duration.seconds(900)
    /// Without media for that long a call is ended (`media.timeout`).
    static let silence = Duration.seconds(60)
    static let ports: ClosedRange<UInt16> = 10_000...10_999

    let core: ProxyCore
    let relay = RelayCore()
    let binder = CountingBinder()
    private let media: MediaAdapter
    private var channels: [SocketAddress: MediaChannel] = [:]

    /// A message leaves for an address.
    var onSend: (_ bytes: [UInt8], _ side: Side, _ peer: SocketAddress) -> Void = { _, _, _ in }
    var onLocate: (_ query: LocationQuery) -> Void = { _ in }
    var onHealth: (_ target: Target, _ state: TargetState) -> Void = { _, _ in }

    /// `key` names the process: branches and tags are its own. `contact` is where the trunk wants the tokens.
    init(key: UInt64, contact: ContactMode) {
        let insideNetworks = [IPNetwork("192.168.0.0/24")!]
        let listeners = [
            Listener(id: ListenerID(0), side: .inside, transport: .udp, local: Self.inside),
            Listener(id: ListenerID(1), side: .outside, transport: .udp, local: Self.outside),
            Listener(id: ListenerID(2), side: .outside, transport: .udp, local: Self.outside6),
        ]
        let trunk = TrunkSettings(
            name: "itsp", domain: "itsp.example",
            networks: [IPNetwork("203.0.113.0/24")!, IPNetwork("2001:db8::/32")!], contact: contact)
        let settings = ProxySettings(
            listeners: listeners, insideNetworks: insideNetworks,
            pbxs: ["192.168.0.2", "192.168.0.3"].map { PBXSettings(host: $0, port: 5060) }, trunks: [trunk],
            callDuration: Self.callDuration)
        let relaySettings = RelaySettings(
            inside: .init(v4: .init(Self.inside.ip), networks: insideNetworks),
            outside: .init(v4: .init(Self.outside.ip), v6: .init(Self.outside6.ip)), ports: Self.ports,
            silence: Self.silence)
        media = MediaAdapter(MediaAnchor(settings: relaySettings, binder: binder))
        let secret = DeterministicCipher.Key(id: 1, octets: Array(repeating: 7, count: DeterministicCipher.Key.length))!
        core = ProxyCore(
            settings: settings,
            tokens: TokenCodec(cipher: DeterministicCipher(current: secret), store: MemoryTokens()), media: media,
            hash: KeyedHash(key0: key, key1: 2))
    }

    /// A binding that the state directory knows (see `RegistrationJournal`).
    func restore(_ binding: Binding, at now: Instant) {
        core.apply(.bind(binding))
        drain(at: now)
    }

    // MARK: Events

    func receive(_ bytes: [UInt8], from peer: SocketAddress, on side: Side, at now: Instant) {
        core.receive(bytes, from: flow(side, peer), at: now)
        drain(at: now)
    }

    /// A datagram for a media port of ours: where it goes on to, if anywhere.
    func receive(media packet: [UInt8], from source: SocketAddress, at local: SocketAddress, now: Instant)
        -> SocketAddress?
    {
        guard let channel = channels[local] else { return nil }
        var slot = packet
        var span = slot.mutableSpan
        guard
            case .forward(_, let destination, _) = channel.receive(
                &span, length: packet.count, from: source, at: now)
        else { return nil }
        return destination
    }

    func handleTimeout(at now: Instant) {
        if let due = core.nextDeadline, due <= now { core.handleTimeout(at: now) }
        if let due = relay.nextDeadline, due <= now { relay.handleTimeout(at: now) }
        drain(at: now)
    }

    func located(_ query: LocationQuery, _ location: Location, at now: Instant) {
        core.located(query, location, at: now)
        drain(at: now)
    }

    func transportFailed(_ side: Side, _ peer: SocketAddress, at now: Instant) {
        core.transportFailed(flow(side, peer), at: now)
        drain(at: now)
    }

    var nextDeadline: Instant? {
        guard let one = core.nextDeadline, let other = relay.nextDeadline else {
            return core.nextDeadline ?? relay.nextDeadline
        }
        return min(one, other)
    }

    private func flow(_ side: Side, _ peer: SocketAddress) -> Flow {
        Flow(listener: ListenerID(side == .inside ? 0 : peer.ip.family == .v4 ? 1 : 2), peer: peer)
    }

    // MARK: Decisions

    private func drain(at now: Instant) {
        repeat {
            for output in core.takeOutputs() { carryOut(output) }
            for command in media.anchor.takeCommands() { relay.handle(command, at: now) }
            while let effect = relay.nextEffect() { carryOut(effect, at: now) }
        } while core.hasOutputs
    }

    private func carryOut(_ output: ProxyOutput) {
        switch output {
        case .send(let bytes, let flow), .sendOnly(let bytes, let flow):
            onSend(bytes, flow.listener.index == 0 ? .inside : .outside, flow.peer)
        case .locate(let query): onLocate(query)
        case .event(.target(let target, let state)): onHealth(target, state)
        case .directory, .event, .open, .shrunk: break
        }
    }

    private func carryOut(_ effect: RelayEffect, at now: Instant) {
        switch effect {
        case .register(let channel): channels[channel.socket.local] = channel
        case .close(let socket):
            channels[socket.local] = nil
            binder.close(socket.descriptor)
        case .report(.silent(let session)): core.mediaSilent(session: session.value, at: now)
        case .send, .report(.ended), .shrunk: break
        }
    }

    /// Its timers run out with nobody listening, as transactions that are under way hold each other.
    func windDown(from now: Instant) {
        onSend = { _, _, _ in }
        onLocate = { _ in }
        while let due = nextDeadline, due < now + .seconds(7200) { handleTimeout(at: due) }
    }

    // MARK: Books

    /// Whether a media port is open.
    func isOpen(_ local: SocketAddress) -> Bool { channels[local] != nil }

    /// What should be nothing once all calls are over.
    var leftovers: [String] {
        let counts: [(String, Int)] = [
            ("transactions", core.transactionCount), ("calls", core.callCount),
            ("anchored sessions", media.anchor.sessionCount), ("relay sessions", relay.sessionCount),
            ("relay sockets", relay.socketCount), ("open ports", binder.count), ("channels", channels.count),
            ("taken inside pairs", taken(.inside, .v4)), ("taken outside pairs", taken(.outside, .v4)),
            ("taken outside pairs (IPv6)", taken(.outside, .v6)),
        ]
        let calls = core.callSummaries.map { "\($0.state) \($0.callID) to \($0.to)" }
        return counts.filter { $0.1 != 0 }.map { "\($0.1) \($0.0)" } + calls + binder.faults
    }

    private func taken(_ side: Side, _ family: IPAddress.Family) -> Int {
        media.anchor.pairs(on: side, family) - media.anchor.freePairs(on: side, family)
    }
}

/// Binds nothing, but keeps books: what is bound can't be bound again, and is closed once.
final class CountingBinder: PortBinder {
    private var bound: [Int32: SocketAddress] = [:]
    private var addresses: Set<SocketAddress> = []
    private(set) var faults: [String] = []
    private var next: Int32 = 3

    var count: Int { bound.count }

    func bind(_ address: SocketAddress) -> Int32? {
        guard addresses.insert(address).inserted else {
            faults.append("\(address) is bound twice")
            return nil
        }
        next += 1
        bound[next] = address
        return next
    }

    func close(_ descriptor: Int32) {
        guard let address = bound.removeValue(forKey: descriptor) else {
            faults.append("descriptor \(descriptor) is closed twice")
            return
        }
        addresses.remove(address)
    }
}

/// A token store without a disk.
final class MemoryTokens: TokenStore {
    private let originals = Mutex<[TokenHandle: [UInt8]]>([:])

    func keep(_ original: [UInt8], under handle: TokenHandle) { originals.withLock { $0[handle] = original } }
    func original(under handle: TokenHandle) -> [UInt8]? { originals.withLock { $0[handle] } }
}
