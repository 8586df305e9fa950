import Foundation
import NetworkTypes
import SDP
import SRTP
import Testing

/// One end of an audio stream: a pair of ports, and the address that SDP gave it to send to.
final class MediaEnd {
    let rtp: LoopbackPeer
    let rtcp: LoopbackPeer
    var remote: SocketAddress?
    /// What it sends with, where its media is SRTP, and the two contexts.
    private var keys: KeyingMaterial?
    private var sender: SRTPContext?
    private var receiver: SRTPContext?
    private var peerKeys: KeyingMaterial?
    private var number: UInt16 = 0
    /// Its DTLS-SRTP, where that is how it gets its keys.
    private var handshake: MediaHandshake?
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

    /// From now on it does SRTP and nothing else.
    func secure() throws {
        let keys = KeyingMaterial(random: .aes128SHA1x80)
        self.keys = keys
        sender = try SRTPContext(keys, .sending)
    }

    /// From now on it does DTLS-SRTP and nothing else.
    func secure(beginning: Bool) throws { handshake = try MediaHandshake(prefersToBegin: beginning) }

    /// Gets its keys, where they come by a handshake.
    func shakeHands() throws { try handshake?.shake(on: rtp, with: try #require(remote)) }

    /// Reads where to send to, and what the peer sends with.
    func take(_ message: WireMessage) throws {
        remote = message.audioAddress
        if let handshake {
            return try handshake.take(try #require(try SessionDescription(Array(message.body.utf8)).media.first))
        }
        guard keys != nil else { return }
        let media = try #require(try SessionDescription(Array(message.body.utf8)).media.first)
        #expect(media.profile?.isSecure == true, "\(message)")
        let line = try #require(media.crypto.first { $0.keys.suite == .aes128SHA1x80 }, "\(message)")
        if line.keys == peerKeys { return }
        peerKeys = line.keys
        receiver = try SRTPContext(line.keys, .receiving)
    }

    private var profile: String {
        handshake == nil ? keys == nil ? "RTP/AVP" : "RTP/SAVP" : "UDP/TLS/RTP/SAVP"
    }

    private var cryptoLine: String {
        keys.map { "a=crypto:1 \($0.suite.name) inline:\(Data($0.key + $0.salt).base64EncodedString())\n" } ?? ""
    }

    /// A session description that names this end.
    func description(direction: String = "sendrecv", version: Int = 1) -> String {
        let family = rtp.address.ip.family == .v4 ? "IP4" : "IP6"
        return """
            v=0
            o=- 1 \(version) IN \(family) \(rtp.address.ip)
            s=-
            c=IN \(family) \(rtp.address.ip)
            t=0 0
            m=audio \(rtp.address.port) \(profile) 0
            a=rtpmap:0 PCMU/8000
            a=\(direction)

            """ + cryptoLine + (handshake?.lines ?? "")
    }

    /// A packet like no other, 20 ms of G.711.
    func packet() -> [UInt8] {
        number &+= 1
        let (high, low) = (UInt8(number >> 8), UInt8(number & 0xff))
        let ssrc = [UInt8(truncatingIfNeeded: rtp.address.port >> 8), UInt8(truncatingIfNeeded: rtp.address.port)]
        return [0x80, 0, high, low, 0, 0, high, low, 0, 0] + ssrc + [UInt8](repeating: Self.mark, count: 160)
    }

    /// Sends it as it is to be, and returns what that was.
    @discardableResult
    func send(_ packet: [UInt8]) throws -> [UInt8] {
        let sealed = try sealed(packet)
        rtp.send(sealed, to: try #require(remote))
        return sealed
    }

    private func sealed(_ packet: [UInt8]) throws -> [UInt8] {
        guard let sender = handshake?.sender ?? sender else { return packet }
        var slot = packet + [UInt8](repeating: 0, count: SRTPContext.maximumOverhead)
        var span = slot.mutableSpan
        let length = try sender.protect(&span, length: packet.count)
        return Array(slot[..<length])
    }

    /// The next packet, decrypted where it has to be; nil if none comes, or none that is authentic.
    func receive(within milliseconds: Int32) throws -> (packet: [UInt8], source: SocketAddress?)? {
        guard let arrived = rtp.receive(within: milliseconds) else { return nil }
        if let remote, let handshake, try handshake.receive(arrived.packet, on: rtp, from: remote) {
            return try receive(within: milliseconds)
        }
        guard keys != nil || handshake != nil else { return arrived }
        var slot = arrived.packet
        var span = slot.mutableSpan
        let length = try #require(handshake?.receiver ?? receiver).unprotect(&span, length: arrived.packet.count)
        return (Array(slot[..<length]), arrived.source)
    }

    /// Everything that waits here, with its source.
    func drain() -> [(packet: [UInt8], source: SocketAddress?)] {
        var all: [(packet: [UInt8], source: SocketAddress?)] = []
        while let next = rtp.receive(within: 0) { all.append(next) }
        return all
    }
}
