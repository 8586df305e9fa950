import MediaRelay
import NetworkTypes
import SDP
import Testing

@Suite("SRTP left to choice: two media descriptions, or one of two forms")
struct TwinOfferTests {
    private static let key = "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"

    private func scenario(_ policy: SRTPPolicy, isTLS: Bool, offer: SRTPOffer = .opportunistic) -> AnchorScenario {
        var callee = MediaPeer.trunk
        (callee.srtp, callee.isSignallingSecure, callee.srtpOffer) = (policy, isTLS, offer)
        return AnchorScenario(caller: .pbx, callee: callee)
    }

    private let plain = "m=audio 5002 RTP/AVP 0\r\n"
    private let secure = "m=audio 5000 RTP/SAVP 0\r\na=\(Self.key)\r\n"
    private let session = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n"

    private func media(_ body: String) throws -> [MediaDescription] {
        try SessionDescription(Array(body.utf8)).media
    }

    @Test(
        "of a stream offered twice the one is taken that policy wants, the other refused in both directions",
        arguments: [
            (SRTPPolicy.auto, true, true), (.auto, false, false), (.off, true, false), (.optional, true, true),
            (.required, true, true), (.required, false, true),
        ])
    func twins(policy: SRTPPolicy, isTLS: Bool, isSecureTaken: Bool) throws {
        for isSecureFirst in [true, false] {
            let scenario = scenario(policy, isTLS: isTLS)
            let offered = try media(
                scenario.offer(session + (isSecureFirst ? secure + plain : plain + secure), from: .callee))
            let taken = isSecureFirst == isSecureTaken ? 0 : 1
            #expect(offered[taken].port != 0 && offered[1 - taken].port == 0)
            #expect(offered[taken].profile == RTPProfile() && offered.allSatisfy { $0.crypto.isEmpty })
            let own = "m=audio \(taken == 0 ? 4000 : 0) RTP/AVP 0\r\nm=audio \(taken == 1 ? 4000 : 0) RTP/AVP 0\r\n"
            let body = session.replacing("198.51.100.7", with: "192.168.0.2") + own
            let answered = try media(scenario.answer(body, from: .caller))
            #expect(answered[taken].port != 0 && answered[1 - taken].port == 0)
            #expect(answered[taken].profile?.isSecure == isSecureTaken)
            #expect(answered[taken].crypto.count == (isSecureTaken ? 1 : 0))
        }
    }

    @Test("another stream is no twin: without its audio a call is refused as a whole (security 6), video goes alone")
    func others() throws {
        let (other, video) = ("m=audio 5004 RTP/AVP 8\r\n", "m=video 5004 RTP/AVP 31\r\n")
        #expect(throws: MediaRefusal.notAcceptable(.missingKeys)) {
            try scenario(.required, isTLS: true).offer(session + secure + other, from: .callee)
        }
        #expect(throws: MediaRefusal.notAcceptable(.secureMedia)) {
            try scenario(.off, isTLS: true).offer(session + secure + other, from: .callee)
        }
        #expect(throws: MediaRefusal.notAcceptable(.missingKeys)) {
            try scenario(.required, isTLS: true).offer(session + plain + video, from: .callee)
        }
        let alone = try media(scenario(.required, isTLS: true).offer(session + secure + video, from: .callee))
        #expect(alone.map { $0.port != 0 } == [true, false])
        // Where both may be, both are.
        for line in [other, video] {
            let offered = try media(scenario(.auto, isTLS: true).offer(session + secure + line, from: .callee))
            #expect(offered.allSatisfy { $0.port != 0 })
        }
    }

    @Test("a line that nobody relays does not take the call's audio with it")
    func strangeLines() throws {
        for line in ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n", "m=video 9 RTP/SAVP 31\r\n"] {
            let offered = try media(scenario(.auto, isTLS: true).offer(session + secure + line, from: .callee))
            #expect(offered.map { $0.port != 0 } == [true, false])
        }
        #expect(throws: MediaRefusal.self) {
            try scenario(.auto, isTLS: true).offer(
                session + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n", from: .callee)
        }
    }

    @Test("a dialog whose stream was secure does not lose that to a twin (security 6)")
    func downgrade() throws {
        let scenario = scenario(.auto, isTLS: true)
        try scenario.offer(session + secure, from: .callee)
        let own = session.replacing("198.51.100.7", with: "192.168.0.2")
        try scenario.answer(own + "m=audio 4000 RTP/AVP 0\r\n", from: .caller)
        scenario.confirm()
        #expect(throws: MediaRefusal.self) { try scenario.offer(session + plain, from: .callee) }
        let offered = try media(scenario.offer(session + secure + plain, from: .callee))
        #expect(offered.map { $0.port != 0 } == [true, false])
    }

    @Test(
        "what the one form of an offer says, and the other",
        arguments: [
            (SRTPPolicy.auto, true, SRTPOffer.secure, "RTP/SAVP", 4), (.auto, true, .opportunistic, "RTP/AVP", 4),
            (.optional, true, .secure, "RTP/SAVP", 4), (.auto, false, .secure, "RTP/AVP", 0),
            (.off, true, .secure, "RTP/AVP", 0), (.required, false, .opportunistic, "RTP/SAVP", 4),
        ])
    func forms(policy: SRTPPolicy, isTLS: Bool, offer: SRTPOffer, profile: String, keys: Int) throws {
        let scenario = scenario(policy, isTLS: isTLS, offer: offer)
        let body = try scenario.offer(
            session.replacing("198.51.100.7", with: "192.168.0.2") + "m=audio 4000 RTP/AVP 0\r\n")
        #expect(body.contains(" \(profile) 0\r\n"))
        #expect(try media(body)[0].crypto.count == keys)
    }
}
