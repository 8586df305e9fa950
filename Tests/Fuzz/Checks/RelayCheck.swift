import MediaRelay
import NetworkTypes
import SRTP

/// What must hold for any datagrams that a relay stream gets: RTP, RTCP, UDPTL or none of them, between legs that are
/// plain or secure. What is not authentic goes nowhere, what is secure leaves as what came, and nothing is as long as no
/// slot is.
///
/// The first octet says what the stream is like. Then come datagrams, each behind an octet that says who sends it, and
/// how, and two octets of its length.
public enum RelayCheck {
    public static func run(_ input: [UInt8]) {
        guard let kind = input.first else { return }
        let stage = RelayStage(kind)
        var rest = input.dropFirst()
        while rest.count >= 3 {
            let head = Array(rest.prefix(3))
            let length = min(Int(head[1]) << 8 | Int(head[2]), rest.count - 3, 1_500)
            stage.receive(Array(rest.dropFirst(3).prefix(length)), how: head[0])
            rest = rest.dropFirst(3 + length)
        }
        stage.close()
    }
}

/// One stream with a peer at either end.
private final class RelayStage {
    private struct Leg {
        let end: LegEnd
        let sockets: LegSockets
        let peer: SocketAddress
        let keys: LegKeys?
        /// The peer's contexts.
        let sender: SRTPContext?
        let receiver: SRTPContext?

        func destination(_ isControl: Bool) -> SocketAddress {
            isControl ? SocketAddress(peer.ip, peer.port + 1) : peer
        }
    }

    private let core = RelayCore()
    private let now = Instant(nanoseconds: 1_000_000_000)
    private let id = RelayStreamID(session: RelaySessionID(1), index: 0)
    private let legs: [Leg]
    private let isOpaque: Bool
    private var channels: [Int32: MediaChannel] = [:]

    init(_ kind: UInt8) {
        isOpaque = kind & 4 != 0
        let suites: [CryptoSuite] = [.aes128SHA1x80, .aes128GCM]
        legs = [
            Self.leg(.caller, 3, 0x0a00_0001, isSecure: kind & 1 != 0 && !isOpaque, suites[Int(kind >> 6) & 1]),
            Self.leg(.callee, 5, 0xcb00_7101, isSecure: kind & 2 != 0 && !isOpaque, suites[Int(kind >> 7) & 1]),
        ]
        core.handle(
            .open(stream: id, caller: legs[0].sockets, callee: legs[1].sockets, isOpaque: isOpaque), at: now)
        for (number, leg) in legs.enumerated() {
            var remote = LegRemote(generation: 1, rtp: leg.peer, rtcp: leg.destination(true))
            remote.security = leg.keys.map { .srtp($0) } ?? .plain
            remote.hasFeedback = kind & (8 << number) != 0
            core.handle(.prepare(stream: id, leg: leg.end, remote: remote), at: now)
        }
        core.handle(.commit(stream: id, generation: 1), at: now)
        drain()
        precondition(channels.count == 4, "every socket is read")
    }

    private static func leg(
        _ end: LegEnd, _ descriptor: Int32, _ address: UInt32, isSecure: Bool, _ suite: CryptoSuite
    ) -> Leg {
        let sockets = (0..<2).map { number in
            RelaySocket(
                descriptor: descriptor + Int32(number),
                local: SocketAddress(IPAddress(v4: address), 10_000 + UInt16(number)))
        }
        let keys = (0..<2).map { octet in
            KeyingMaterial(
                suite, key: [UInt8](repeating: UInt8(octet + 1), count: suite.keyLength),
                salt: [UInt8](repeating: 9, count: suite.saltLength))
        }
        let legKeys = keys[0].flatMap { inbound in keys[1].map { LegKeys(inbound: inbound, outbound: $0) } }
        let used = isSecure ? legKeys : nil
        return Leg(
            end: end, sockets: LegSockets(rtp: sockets[0], rtcp: sockets[1]),
            peer: SocketAddress(IPAddress(v4: address + 8), 4_000), keys: used,
            sender: used.flatMap { try? SRTPContext($0.inbound, .sending) },
            receiver: used.flatMap { try? SRTPContext($0.outbound, .receiving) })
    }

    private func drain() {
        while let effect = core.nextEffect() {
            switch effect {
            case .register(let channel): channels[channel.socket.descriptor] = channel
            case .close(let socket):
                precondition(channels.removeValue(forKey: socket.descriptor) != nil, "a socket is closed once")
            case .report, .send, .shrunk: break
            }
        }
    }

    func close() {
        core.handle(.closeSession(id.session), at: now)
        drain()
        precondition(channels.isEmpty && core.sessionCount == 0, "everything is closed")
    }

    /// Bits of `how`: the leg, the socket, whether a stranger sends it, whether the peer protects it, as what.
    func receive(_ datagram: [UInt8], how: UInt8) {
        let (leg, other) = how & 1 == 0 ? (legs[0], legs[1]) : (legs[1], legs[0])
        let isControl = how & 2 != 0
        let isStranger = how & 4 != 0
        var packet = datagram
        var isAuthentic = leg.keys == nil
        if how & 8 != 0, let sender = leg.sender, let sealed = Self.sealed(datagram, by: sender, how & 16 != 0) {
            packet = sealed
            isAuthentic = true
        }
        let socket = isControl ? leg.sockets.rtcp : leg.sockets.rtp
        guard let channel = channels[socket.descriptor] else { preconditionFailure("a socket has its channel") }
        var slot = packet + [UInt8](repeating: 0, count: SRTPContext.maximumOverhead)
        let capacity = slot.count
        let stranger = SocketAddress(IPAddress(v4: 0xc633_6442), 4_000)
        var span = slot.mutableSpan
        let verdict = channel.receive(
            &span, length: packet.count, from: isStranger ? stranger : leg.destination(isControl), at: now)
        guard case .forward(let length, let destination, let descriptor) = verdict else { return }
        precondition(!isStranger, "a stranger's packet goes nowhere")
        precondition(isAuthentic, "what is not authentic goes nowhere")
        precondition(length > 0 && length <= capacity, "what leaves lies in its slot")
        precondition([other.destination(false), other.destination(true)].contains(destination), "it goes to the peer")
        precondition([other.sockets.rtp, other.sockets.rtcp].contains { $0.descriptor == descriptor }, "from our leg")
        check(Array(slot[..<length]), from: datagram, at: other)
    }

    private static func sealed(_ packet: [UInt8], by sender: SRTPContext, _ isControl: Bool) -> [UInt8]? {
        var slot = packet + [UInt8](repeating: 0, count: SRTPContext.maximumOverhead)
        var span = slot.mutableSpan
        let length =
            isControl
            ? try? sender.protectControl(&span, length: packet.count)
            : try? sender.protect(&span, length: packet.count)
        return length.map { Array(slot[..<$0]) }
    }

    /// The peer can read it, and it is what came; of RTCP something may have been taken away or put right, and the
    /// numbers of RTP go on where its source has begun anew.
    private func check(_ sent: [UInt8], from datagram: [UInt8], at leg: Leg) {
        var slot = sent
        var length = slot.count
        let isReport = !isOpaque && sent.count > 1 && (192...223).contains(sent[1])
        if let receiver = leg.receiver {
            var span = slot.mutableSpan
            let plain =
                isReport
                ? try? receiver.unprotectControl(&span, length: length)
                : try? receiver.unprotect(&span, length: length)
            guard let plain else { preconditionFailure("what leaves for a secure leg is authentic there") }
            length = plain
        }
        guard !isReport else { return }
        precondition(length == datagram.count, "nothing is cut off")
        for place in 0..<length where place != 2 && place != 3 || isOpaque {
            precondition(slot[place] == datagram[place], "what leaves is what came")
        }
    }
}
