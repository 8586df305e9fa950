import MediaRelay
import NetworkTypes
import SDP
import SRTP
import Testing

/// How an agent does media.
enum MediaKind: CaseIterable, CustomStringConvertible {
    /// RTP/AVP; RTP/SAVP with keys; RTP/AVP with keys (RFC 8643).
    case plain, secure, opportunistic

    var description: String {
        switch self {
        case .plain: "RTP/AVP"
        case .secure: "SDES"
        case .opportunistic: "opportunistic"
        }
    }

    var policy: SRTPPolicy {
        switch self {
        case .plain: .off
        case .secure: .required
        case .opportunistic: .optional
        }
    }
}

/// One end of a call: writes offers and answers, and sends and receives packets as they say.
final class MediaAgent {
    let kind: MediaKind
    let host: String
    let port: Int
    var suite = CryptoSuite.aes128SHA1x80
    /// What a codec change or a hold changes.
    var payloadType = 0
    var direction = "sendrecv"
    private(set) var keys: KeyingMaterial
    private var sender: SRTPContext?
    private var receiver: SRTPContext?
    private var peerKeys: KeyingMaterial?
    /// Where the agent sends to.
    private(set) var target: SocketAddress?
    /// Near a roll-over, which no re-INVITE may disturb.
    var number = 65_530

    init(_ kind: MediaKind, _ host: String, _ port: Int) {
        self.kind = kind
        self.host = host
        self.port = port
        keys = KeyingMaterial(random: suite)
    }

    /// Takes a new key for what comes next; a new source as well, as phones do that start anew.
    func renewKeys() {
        keys = KeyingMaterial(random: suite)
        sender = nil
    }

    // MARK: Session descriptions

    func offer() -> String { body(secure: kind == .secure, kind == .plain ? nil : 1) }

    /// Reads an offer and answers it.
    func answer(_ offer: String) throws -> String {
        let media = try read(offer)
        let line = kind == .plain ? nil : media.crypto.first { $0.keys.suite == suite }
        let isSecure = try #require(media.profile).isSecure
        #expect(isSecure == (kind == .secure), "\(kind) was offered \(offer)")
        if kind != .plain { take(try #require(line).keys) } else { #expect(media.crypto.isEmpty) }
        return body(secure: isSecure, line?.tag)
    }

    /// Reads the answer to an offer.
    func accept(_ answer: String) throws {
        let media = try read(answer)
        #expect(media.profile == RTPProfile(isSecure: kind == .secure))
        #expect(media.crypto.count == (kind == .plain ? 0 : 1))
        if let line = media.crypto.first {
            #expect(line.tag == 1 && line.keys.suite == suite)
            take(line.keys)
        }
    }

    private func read(_ text: String) throws -> MediaDescription {
        let description = try SessionDescription(Array(text.utf8))
        let media = try #require(description.media.first)
        guard case .ip(let ip)? = media.connection?.address else {
            Issue.record("no address")
            return media
        }
        target = SocketAddress(ip, media.port)
        return media
    }

    private func take(_ keys: KeyingMaterial) {
        if keys == peerKeys { return }
        peerKeys = keys
        receiver = try? SRTPContext(keys, .receiving)
    }

    private func body(secure: Bool, _ tag: UInt32?) -> String {
        var crypto = ""
        if let tag {
            let description = try? SessionDescription(Array("v=0\r\n".utf8))
            guard let description else { return "" }
            var writer = SDPWriter(description)
            writer.insert([CryptoAttribute(tag: tag, keys: keys)], at: 5)
            crypto = String(decoding: writer.finish().dropFirst(5), as: UTF8.self)
        }
        let profile = secure ? "RTP/SAVP" : "RTP/AVP"
        return sdp(
            "v=0", "o=- 1 1 IN IP4 \(host)", "s=-", "c=IN IP4 \(host)", "t=0 0",
            "m=audio \(port) \(profile) \(payloadType)", "a=\(direction)") + crypto
    }

    // MARK: Packets

    var address: SocketAddress { SocketAddress(ip(host), UInt16(port)) }

    /// Sends a packet to `other` by way of the relay; whether it arrived as it was sent.
    func talk(to other: MediaAgent, through scenario: AnchorScenario) throws -> Bool {
        number += 1
        let plain = rtp(number, payloadType: UInt8(payloadType))
        let packet = kind == .plain ? plain : try context().sealed(plain)
        guard let target, let channel = scenario.channels[target] else { return false }
        var slot = packet + [UInt8](repeating: 0, count: SRTPContext.maximumOverhead)
        var span = slot.mutableSpan
        let verdict = channel.receive(&span, length: packet.count, from: address, at: .zero)
        guard case .forward(let length, let destination, _) = verdict, destination == other.address else {
            return false
        }
        return other.opens(Array(slot[..<length]), as: plain)
    }

    private func context() throws -> SRTPContext {
        if let sender { return sender }
        let context = try SRTPContext(keys, .sending)
        sender = context
        return context
    }

    private func opens(_ packet: [UInt8], as plain: [UInt8]) -> Bool {
        if kind == .plain { return packet == plain }
        // Nothing of the payload may be seen on the way.
        guard packet[12..<172] != plain[12..<172] else { return false }
        return (try? receiver?.opened(packet)) == plain
    }
}
