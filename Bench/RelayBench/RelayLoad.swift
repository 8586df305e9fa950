import MediaRelay
import NetworkTypes

/// Sessions with signalled addresses on both legs, and packets that go round them.
struct RelayLoad {
    /// More than the first-level cache holds.
    static let sessions = 500

    private let core = RelayCore()
    private var channels: ContiguousArray<MediaChannel> = []
    private var packet = [UInt8](repeating: 0xd5, count: 172)
    private let phone: UInt32 = 0xc000_0201
    private let trunk: UInt32 = 0xc633_6401

    init() {
        packet[0] = 0x80
        packet[1] = 0
        for number in 0..<Self.sessions { open(number) }
        while let effect = core.nextEffect() {
            // The RTP channels, which have the even ports.
            if case .register(let channel) = effect, channel.socket.local.port % 2 == 0 { channels.append(channel) }
        }
    }

    private func open(_ number: Int) {
        let stream = RelayStreamID(session: RelaySessionID(UInt64(number)), index: 0)
        let caller = sockets(0x0a00_0001, number)
        core.handle(
            .open(stream: stream, caller: caller, callee: sockets(0x0a00_0002, number), isOpaque: false), at: .zero)
        core.handle(.prepare(stream: stream, leg: .caller, remote: remote(phone, number)), at: .zero)
        core.handle(.prepare(stream: stream, leg: .callee, remote: remote(trunk, number)), at: .zero)
        core.handle(.commit(stream: stream, generation: 1), at: .zero)
    }

    /// Relays `count` packets, every other one from the other leg; how many were forwarded.
    func relay(_ count: Int, from start: Int) -> Int {
        var forwarded = 0
        let channels = channels
        var packet = packet
        var slot = packet.mutableSpan
        for index in start..<start + count {
            let number = (index / 2) % Self.sessions
            let sequence = index / channels.count
            slot[2] = UInt8(truncatingIfNeeded: sequence >> 8)
            slot[3] = UInt8(truncatingIfNeeded: sequence)
            let source = Self.address(index % 2 == 0 ? phone : trunk, 20_000 + 2 * number)
            let now = Instant(nanoseconds: Int64(index) * 20_000)
            let verdict = channels[2 * number + index % 2].receive(&slot, length: 172, from: source, at: now)
            if case .forward = verdict { forwarded += 1 }
        }
        return forwarded
    }

    private static func address(_ host: UInt32, _ port: Int) -> SocketAddress {
        SocketAddress(IPAddress(v4: host), UInt16(truncatingIfNeeded: port))
    }

    private func remote(_ host: UInt32, _ number: Int) -> LegRemote {
        LegRemote(
            generation: 1, rtp: Self.address(host, 20_000 + 2 * number), rtcp: Self.address(host, 20_001 + 2 * number))
    }

    private func sockets(_ host: UInt32, _ number: Int) -> LegSockets {
        let port = 10_000 + 2 * number
        let descriptor = Int32(truncatingIfNeeded: host & 0xff) * 100_000 + Int32(2 * number)
        return LegSockets(
            rtp: RelaySocket(descriptor: descriptor, local: Self.address(host, port)),
            rtcp: RelaySocket(descriptor: descriptor + 1, local: Self.address(host, port + 1)))
    }
}
