import MediaRelay
import NetworkTypes

/// A relay core with simulated sockets and a clock that moves when told.
///
/// Stream `n` has its caller leg on 10.0.0.1 and its callee leg on 203.0.113.1, ports 10000 + 10n and up.
final class RelayScenario {
    let core: RelayCore
    private(set) var now = Instant(nanoseconds: 1_000_000_000)
    /// The channels that the core wants read, by descriptor.
    private(set) var channels: [Int32: MediaChannel] = [:]
    private(set) var closed: [Int32] = []
    private(set) var events: [RelayEvent] = []
    /// Datagrams of the relay's own.
    var sent: [(datagram: [UInt8], to: String, descriptor: Int32)] = []
    private var nextDescriptor: Int32 = 3

    init(hasSiblings: Bool = false) { core = RelayCore(hasSiblings: hasSiblings) }

    func advance(_ duration: Duration) {
        now += duration
        core.handleTimeout(at: now)
        drain()
    }

    func command(_ command: RelayCommand) {
        core.handle(command, at: now)
        drain()
    }

    private func drain() {
        while let effect = core.nextEffect() {
            switch effect {
            case .register(let channel): channels[channel.socket.descriptor] = channel
            case .close(let socket):
                channels[socket.descriptor] = nil
                closed.append(socket.descriptor)
            case .report(let event): events.append(event)
            case .send(let datagram, let destination, let descriptor):
                sent.append((datagram, "\(destination)", descriptor))
            case .shrunk: break
            }
        }
    }

    // MARK: Set-up

    func sockets(_ host: String, _ port: UInt16) -> LegSockets {
        defer { nextDescriptor += 2 }
        return LegSockets(
            rtp: RelaySocket(descriptor: nextDescriptor, local: address("\(host):\(port)")),
            rtcp: RelaySocket(descriptor: nextDescriptor + 1, local: address("\(host):\(port + 1)")))
    }

    /// Opens stream `index` of session `session` and says what its sockets are.
    @discardableResult
    func open(_ index: UInt16 = 0, session: UInt64 = 1, isOpaque: Bool = false) -> OpenedStream {
        let id = RelayStreamID(session: RelaySessionID(session), index: index)
        let port = 10_000 + 10 * index + 100 * UInt16(session)
        let caller = sockets("10.0.0.1", port)
        let callee = sockets("203.0.113.1", port)
        command(.open(stream: id, caller: caller, callee: callee, isOpaque: isOpaque))
        return OpenedStream(id: id, caller: caller, callee: callee)
    }

    /// Opens a stream between two peers that are signalled and never move: a PBX and a trunk.
    func openTrunk(_ index: UInt16 = 0, session: UInt64 = 1, isOpaque: Bool = false) -> OpenedStream {
        let stream = open(index, session: session, isOpaque: isOpaque)
        command(.prepare(stream: stream.id, leg: .caller, remote: remote(1, "10.0.0.2:4000")))
        command(.prepare(stream: stream.id, leg: .callee, remote: remote(1, "198.51.100.1:6000")))
        command(.commit(stream: stream.id, generation: 1))
        return stream
    }

    // MARK: Packets

    /// Hands a datagram to the socket `descriptor`; what becomes of it.
    func receive(_ packet: [UInt8], on descriptor: Int32, from source: String) -> RelayVerdict? {
        defer { drain() }
        return channels[descriptor]?.receive(packet, from: address(source), at: now)
    }

    /// The same, as where the packet leaves to: `10.0.0.2:4000 from 5`, or why it was dropped.
    func relay(_ packet: [UInt8] = rtp(1), on socket: RelaySocket, from source: String) -> String {
        switch receive(packet, on: socket.descriptor, from: source) {
        case .forward(_, let destination, let descriptor): "\(destination) from \(descriptor)"
        case .drop(let cause): "\(cause)"
        case .consumed: "consumed"
        case nil: "closed"
        }
    }

    func report(_ stream: OpenedStream, _ leg: LegEnd) -> LegReport? {
        core.reports(for: stream.id.session).first { $0.stream == stream.id && $0.leg == leg }
    }
}

extension MediaChannel {
    /// Hands a copy of `packet` to the channel, in a slot with room behind it.
    func receive(_ packet: [UInt8], from source: SocketAddress, at now: Instant) -> RelayVerdict {
        var slot = packet + [UInt8](repeating: 0, count: 148)
        var span = slot.mutableSpan
        return receive(&span, length: packet.count, from: source, at: now)
    }
}

struct OpenedStream {
    let id: RelayStreamID
    let caller: LegSockets
    let callee: LegSockets
}

func address(_ text: String) -> SocketAddress {
    guard let address = SocketAddress(text) else { preconditionFailure("not an address in a test: \(text)") }
    return address
}

/// A remote at `rtp` with RTCP on the next port.
func remote(
    _ generation: UInt32, _ rtp: String?, networks: [String] = [], signalling: String? = nil, any: Bool = false,
    fixed: Bool = true
) -> LegRemote {
    let media = rtp.map(address)
    return LegRemote(
        generation: generation, rtp: media, rtcp: media.map { SocketAddress($0.ip, $0.port + 1) },
        networks: networks.compactMap { IPNetwork($0) }, signallingAddress: signalling.flatMap { IPAddress($0) },
        acceptsAnySource: any, isDestinationFixed: fixed)
}

/// An RTP packet of 172 octets.
func rtp(_ number: Int, payloadType: UInt8 = 0) -> [UInt8] {
    var packet = [UInt8](repeating: 0xd5, count: 172)
    let timestamp = UInt32(truncatingIfNeeded: number * 160)
    packet[0] = 0x80
    packet[1] = payloadType
    packet[2] = UInt8(truncatingIfNeeded: number >> 8)
    packet[3] = UInt8(truncatingIfNeeded: number)
    for index in 0..<4 { packet[4 + index] = UInt8(truncatingIfNeeded: timestamp >> UInt32(24 - 8 * index)) }
    for index in 8..<12 { packet[index] = 0x5a }
    return packet
}

/// An empty receiver report.
let rtcp: [UInt8] = [0x80, 201, 0, 1, 0x5a, 0x5a, 0x5a, 0x5a]
let stun: [UInt8] = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
