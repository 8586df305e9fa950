import DTLS
import MediaRelay
import NetworkTypes
import SDP
import SRTP
import Testing

/// How an agent does media.
enum MediaKind: CaseIterable, CustomStringConvertible {
    /// RTP/AVP; RTP/SAVP with keys; RTP/AVP with keys (RFC 8643); UDP/TLS/RTP/SAVP; RTP/AVP with a fingerprint.
    case plain, secure, opportunistic, dtls, opportunisticDTLS

    var description: String {
        switch self {
        case .plain: "RTP/AVP"
        case .secure: "SDES"
        case .opportunistic: "opportunistic SDES"
        case .dtls: "DTLS-SRTP"
        case .opportunisticDTLS: "opportunistic DTLS-SRTP"
        }
    }

    var policy: SRTPPolicy {
        switch self {
        case .plain: .off
        case .secure, .dtls: .required
        case .opportunistic, .opportunisticDTLS: .optional
        }
    }

    var keying: KeyManagement { hasHandshakes ? .dtls : .sdes }
    var hasHandshakes: Bool { self == .dtls || self == .opportunisticDTLS }
    var hasCryptoLines: Bool { self == .secure || self == .opportunistic }

    var profile: RTPProfile { RTPProfile(isSecure: policy == .required, namesDTLS: self == .dtls) }
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
    /// What it answers to an offer that leaves the choice who begins.
    var beginsHandshakes = true
    private(set) var handshake: Handshake

    init(_ kind: MediaKind, _ host: String, _ port: Int) {
        self.kind = kind
        self.host = host
        self.port = port
        keys = KeyingMaterial(random: suite)
        handshake = Handshake()
    }

    /// Takes a new key for what comes next; a new source as well, as phones do that start anew.
    func renewKeys() {
        keys = KeyingMaterial(random: suite)
        sender = nil
        handshake = Handshake()
    }

    // MARK: Session descriptions

    func offer() -> String { body(kind.profile, kind.hasCryptoLines ? 1 : nil, setup: "actpass") }

    /// Reads an offer and answers it.
    func answer(_ offer: String) throws -> String {
        let media = try read(offer)
        #expect(media.profile == kind.profile, "\(kind) was offered \(offer)")
        let line = kind.hasCryptoLines ? media.crypto.first { $0.keys.suite == suite } : nil
        if kind.hasCryptoLines { take(try #require(line).keys) } else { #expect(media.crypto.isEmpty) }
        #expect(media.identity.fingerprints.isEmpty != kind.hasHandshakes)
        guard kind.hasHandshakes else { return body(kind.profile, line?.tag, setup: "") }
        #expect(media.identity.setup == .actpass && media.isMultiplexed)
        let begins = handshake.begins ?? beginsHandshakes
        try handshake.agree(with: media.identity, begins: begins, from: target)
        return body(kind.profile, nil, setup: begins ? "active" : "passive")
    }

    /// Reads the answer to an offer.
    func accept(_ answer: String) throws {
        let media = try read(answer)
        #expect(media.profile == kind.profile)
        #expect(media.crypto.count == (kind.hasCryptoLines ? 1 : 0))
        if let line = media.crypto.first {
            #expect(line.tag == 1 && line.keys.suite == suite)
            take(line.keys)
        }
        #expect(media.identity.fingerprints.isEmpty != kind.hasHandshakes)
        guard kind.hasHandshakes else { return }
        #expect(media.identity.setup == .active || media.identity.setup == .passive)
        #expect(media.isMultiplexed)
        try handshake.agree(with: media.identity, begins: media.identity.setup == .passive, from: target)
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

    private func body(_ profile: RTPProfile, _ tag: UInt32?, setup: String) -> String {
        var lines: [UInt8] = []
        if let tag { CryptoAttribute(tag: tag, keys: keys).write(into: &lines) }
        if kind.hasHandshakes {
            handshake.identity.fingerprint.write(into: &lines)
            lines += Array("a=setup:\(setup)\r\na=tls-id:\(handshake.id)\r\na=rtcp-mux\r\n".utf8)
        }
        return sdp(
            "v=0", "o=- 1 1 IN IP4 \(host)", "s=-", "c=IN IP4 \(host)", "t=0 0",
            "m=audio \(port) \(profile.name) \(payloadType)", "a=\(direction)")
            + String(decoding: lines, as: UTF8.self)
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
        if kind.hasHandshakes { return try #require(handshake.sender) }
        if let sender { return sender }
        let context = try SRTPContext(keys, .sending)
        sender = context
        return context
    }

    private func opens(_ packet: [UInt8], as plain: [UInt8]) -> Bool {
        if kind == .plain { return packet == plain }
        // Nothing of the payload may be seen on the way.
        guard packet[12..<172] != plain[12..<172] else { return false }
        return (try? (kind.hasHandshakes ? handshake.receiver : receiver)?.opened(packet)) == plain
    }
}
