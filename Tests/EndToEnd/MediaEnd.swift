import Glibc
import NetworkTypes
import Testing

/// One end of an audio stream: a pair of ports, and the address that SDP gave it to send to.
final class MediaEnd {
    let rtp: LoopbackPeer
    let rtcp: LoopbackPeer
    var remote: SocketAddress?
    private var number: UInt16 = 0
    private static let mark: UInt8 = 7

    /// On an even port and the odd one above it.
    init(on ip: IPAddress) throws {
        for _ in 0..<100 {
            let port = UInt16.random(in: 20_000...31_000) & ~1
            guard let rtp = try? LoopbackPeer(at: SocketAddress(ip, port)),
                let rtcp = try? LoopbackPeer(at: SocketAddress(ip, port + 1))
            else { continue }
            (self.rtp, self.rtcp) = (rtp, rtcp)
            return
        }
        throw NoPorts(ip: ip)
    }

    struct NoPorts: Error { let ip: IPAddress }

    /// A session description that names this end.
    func description(direction: String = "sendrecv", version: Int = 1) -> String {
        let family = rtp.address.ip.family == .v4 ? "IP4" : "IP6"
        return """
            v=0
            o=- 1 \(version) IN \(family) \(rtp.address.ip)
            s=-
            c=IN \(family) \(rtp.address.ip)
            t=0 0
            m=audio \(rtp.address.port) RTP/AVP 0
            a=rtpmap:0 PCMU/8000
            a=\(direction)

            """
    }

    /// A packet like no other, 20 ms of G.711.
    func packet() -> [UInt8] {
        number &+= 1
        let (high, low) = (UInt8(number >> 8), UInt8(number & 0xff))
        let ssrc = [UInt8(truncatingIfNeeded: rtp.address.port >> 8), UInt8(truncatingIfNeeded: rtp.address.port)]
        return [0x80, 0, high, low, 0, 0, high, low, 0, 0] + ssrc + [UInt8](repeating: Self.mark, count: 160)
    }

    func send(_ packet: [UInt8]) throws { rtp.send(packet, to: try #require(remote)) }

    /// Everything that waits here, with its source.
    func drain() -> [(packet: [UInt8], source: SocketAddress?)] {
        var all: [(packet: [UInt8], source: SocketAddress?)] = []
        while let next = rtp.receive(within: 0) { all.append(next) }
        return all
    }
}
