import MediaRelay
import NetworkTypes
import SDP
import Testing

@Suite("What is offered and accepted by policy")
struct SecurityPolicyTests {
    private func scenario(
        pbx: SRTPPolicy = .off, trunk: SRTPPolicy = .off, isTLS: Bool = true
    ) -> AnchorScenario {
        var (caller, callee) = (MediaPeer.pbx, MediaPeer.trunk)
        caller.srtp = pbx
        callee.srtp = trunk
        callee.isSignallingSecure = isTLS
        return AnchorScenario(caller: caller, callee: callee)
    }

    private static let key = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
    private static let line = "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:\(key)"

    private func secure(_ body: String) -> String { body.replacing("RTP/AVP", with: "RTP/SAVP") }

    private var offer: String { audio("192.168.0.2", 4000) }
    private var answer: String { audio("198.51.100.7", 5000) }

    private func media(_ body: String) throws -> MediaDescription {
        try #require(try SessionDescription(Array(body.utf8)).media.first)
    }

    @Test(
        "what a trunk is offered",
        arguments: [
            (SRTPPolicy.off, true, "RTP/AVP", 0), (.auto, true, "RTP/AVP", 4), (.auto, false, "RTP/AVP", 0),
            (.optional, true, "RTP/AVP", 4), (.optional, false, "RTP/AVP", 0), (.required, true, "RTP/SAVP", 4),
            (.required, false, "RTP/SAVP", 4),
        ])
    func offered(_ policy: SRTPPolicy, _ isTLS: Bool, _ profile: String, _ lines: Int) throws {
        let body = try scenario(trunk: policy, isTLS: isTLS).offer(offer)
        #expect(body.contains("m=audio 10000 \(profile) 0\r\n"))
        #expect(try media(body).crypto.count == lines)
    }

    @Test(
        "what the inside is offered: its signalling is believed to be read by nobody",
        arguments: [
            (SRTPPolicy.off, "RTP/AVP", 0), (.auto, "RTP/AVP", 0), (.optional, "RTP/AVP", 4),
            (.required, "RTP/SAVP", 4),
        ])
    func offeredInside(_ policy: SRTPPolicy, _ profile: String, _ lines: Int) throws {
        let body = try scenario(pbx: policy).offer(answer, from: .callee)
        #expect(body.contains(" \(profile) 0\r\n"))
        #expect(try media(body).crypto.count == lines)
    }

    @Test("an answer without keys: plain where policy has it so, else refused (security 6)")
    func answerWithoutKeys() throws {
        for policy in [SRTPPolicy.auto, .optional] {
            let scenario = scenario(trunk: policy)
            try scenario.offer(offer)
            let written = try scenario.answer(answer)
            #expect(!written.contains("crypto") && written.contains("RTP/AVP 0"))
        }
        let required = scenario(trunk: .required)
        try required.offer(offer)
        let before = required.takeCommands()
        #expect(!before.isEmpty)
        for body in [answer, secure(answer), secure(answer) + "a=crypto:1 F8_128 inline:x\r\n"] {
            let error = #expect(throws: MediaRefusal.self) { try required.answer(body) }
            #expect(error?.statusCode == 488)
        }
        #expect(required.takeCommands().isEmpty)
    }

    @Test("security 6: keys in an answer count only under a tag and suite that were offered")
    func wrongTag() throws {
        let scenario = scenario(trunk: .required)
        try scenario.offer(offer)
        for line in [
            "crypto:2 AES_CM_128_HMAC_SHA1_80 inline:\(Self.key)",
            "crypto:9 AES_CM_128_HMAC_SHA1_80 inline:\(Self.key)",
            "crypto:1 AES_CM_128_HMAC_SHA1_32 inline:\(Self.key)",
        ] {
            #expect(throws: MediaRefusal.notAcceptable(.secureMedia)) {
                try scenario.answer(secure(audio("198.51.100.7", 5000, line)))
            }
        }
        try scenario.answer(secure(audio("198.51.100.7", 5000, Self.line)))
    }

    @Test("an offer with keys is answered with keys where they may be seen, plain elsewhere; RTP/SAVP is refused there")
    func offersWithKeys() throws {
        let body = audio("198.51.100.7", 5000, Self.line)
        for (policy, isTLS, isTaken) in [
            (SRTPPolicy.off, true, false), (.auto, true, true), (.auto, false, false), (.optional, true, true),
            (.optional, false, false), (.required, true, true), (.required, false, true),
        ] {
            let opportunistic = scenario(trunk: policy, isTLS: isTLS)
            #expect(try !opportunistic.offer(body, from: .callee).contains("crypto"))
            let written = try opportunistic.answer(offer, from: .caller)
            #expect(written.contains("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:") == isTaken)
            #expect(!written.contains(Self.key) && written.contains("RTP/AVP 0"))
            let demanding = scenario(trunk: policy, isTLS: isTLS)
            if isTaken {
                #expect(try demanding.offer(secure(body), from: .callee).contains("RTP/AVP 0"))
                #expect(try demanding.answer(offer, from: .caller).contains("RTP/SAVP 0\r\na=crypto:1 "))
            } else {
                #expect(throws: MediaRefusal.notAcceptable(.secureMedia)) {
                    try demanding.offer(secure(body), from: .callee)
                }
            }
        }
    }

    @Test("security 6: a leg that was secure stays secure: re-offers and answers without keys are refused")
    func downgrade() throws {
        for policy in [SRTPPolicy.optional, .required] {
            let scenario = scenario(trunk: policy)
            let keyed = audio("198.51.100.7", 5000, Self.line)
            try scenario.offer(offer)
            try scenario.answer(policy == .required ? secure(keyed) : keyed)
            scenario.confirm()
            _ = scenario.takeCommands()
            #expect(throws: MediaRefusal.notAcceptable(.missingKeys)) { try scenario.offer(answer, from: .callee) }
            #expect(try media(scenario.offer(audio("192.168.0.2", 4004))).crypto.count == 4)
            #expect(throws: MediaRefusal.notAcceptable(.missingKeys)) { try scenario.answer(answer) }
            scenario.rollback()
        }
    }

    @Test("security 6: not even by way of a fax")
    func fax() throws {
        let scenario = scenario(trunk: .optional)
        try scenario.offer(offer)
        try scenario.answer(audio("198.51.100.7", 5000, Self.line))
        scenario.confirm()
        func fax(_ body: String) -> String {
            body.replacing("m=audio", with: "m=image").replacing("RTP/AVP 0", with: "udptl t38")
        }
        try scenario.offer(fax(answer), from: .callee)
        try scenario.answer(fax(offer), from: .caller)
        #expect(throws: MediaRefusal.notAcceptable(.missingKeys)) { try scenario.offer(answer, from: .callee) }
        try scenario.offer(audio("198.51.100.7", 5000, Self.line), from: .callee)
    }

    @Test("a leg that DTLS has secured over clear signalling is never offered keys in the clear, nor taken up on them")
    func noKeysInClear() throws {
        let scenario = scenario(trunk: .auto, isTLS: false)
        let print = (0..<32).map { _ in "AB" }.joined(separator: ":")
        let identity = "fingerprint:sha-256 \(print)\r\na=setup:actpass"
        func dtls(_ body: String) -> String { body.replacing("RTP/AVP", with: "UDP/TLS/RTP/SAVP") }
        func fax(_ body: String) -> String {
            body.replacing("m=audio", with: "m=image").replacing("RTP/AVP 0", with: "udptl t38")
        }
        try scenario.offer(dtls(audio("198.51.100.7", 5000, identity)), from: .callee)
        try scenario.answer(offer, from: .caller)
        scenario.confirm()
        try scenario.offer(fax(offer))
        try scenario.answer(fax(answer))
        let again = try scenario.offer(offer)
        #expect(!again.contains("a=crypto") && again.contains("a=fingerprint:") && again.contains("UDP/TLS/RTP/SAVP"))
        scenario.rollback()
        #expect(throws: MediaRefusal.self) {
            try scenario.offer(secure(audio("198.51.100.7", 5000, Self.line)), from: .callee)
        }
    }

    @Test("an offer is the same when it is sent again, and so is its answer")
    func retransmissions() throws {
        let scenario = scenario(pbx: .required, trunk: .required)
        let offered = try scenario.offer(secure(audio("192.168.0.2", 4000, Self.line)))
        #expect(try scenario.offer(secure(audio("192.168.0.2", 4000, Self.line)), exchange: 1) == offered)
        let answered = try scenario.answer(secure(audio("198.51.100.7", 5000, Self.line)))
        #expect(try scenario.answer(secure(audio("198.51.100.7", 5000, Self.line))) == answered)
        scenario.confirm()
        #expect(try scenario.answer(secure(audio("198.51.100.7", 5000, Self.line))) == answered)
        // One whose exchange is history.
        #expect(try scenario.answer(secure(audio("198.51.100.7", 5000, Self.line)), exchange: 99) == answered)
        #expect(try media(offered).crypto[0].keys != media(answered).crypto[0].keys)
    }

    @Test("forks get keys of their own towards the caller, and share those towards them")
    func forks() throws {
        let scenario = scenario(pbx: .required, trunk: .required)
        try scenario.offer(secure(audio("192.168.0.2", 4000, Self.line)))
        let answers = try (0...1).map {
            try media(scenario.answer(secure(audio("198.51.100.\(7 + $0)", 5000, Self.line)), fork: UInt32($0))).crypto
        }
        #expect(answers[0] != answers[1] && answers.allSatisfy { $0.count == 1 })
    }

    @Test("RTP/SAVPF of a phone reaches a PBX without SRTP as RTP/AVP: Asterisk refuses RTP/AVPF unless it is told")
    func feedbackOfSecureMedia() throws {
        let scenario = scenario(trunk: .auto)
        let body = audio("198.51.100.7", 5000, Self.line) + "a=rtcp-fb:* nack\r\na=rtcp-rsize\r\n"
        let offered = try scenario.offer(body.replacing("RTP/AVP", with: "RTP/SAVPF"), from: .callee)
        #expect(offered.contains("RTP/AVP 0\r\n") && !offered.contains("a=rtcp-"))
        #expect(try scenario.answer(offer, from: .caller).contains("RTP/SAVPF 0\r\na=crypto:1 "))
    }

    @Test("profiles with feedback: kept where both speak it, with a=rtcp-fb; taken out where one doesn't")
    func feedback() throws {
        let scenario = scenario(trunk: .required)
        let feedback = audio("192.168.0.2", 4000, "rtcp-fb:* nack").replacing("RTP/AVP", with: "RTP/AVPF")
        #expect(try scenario.offer(feedback).contains("RTP/SAVPF 0\r\na=rtcp-fb:* nack\r\n"))
        // An answer that has none, which is as much as a refusal of feedback.
        #expect(try scenario.answer(secure(audio("198.51.100.7", 5000, Self.line))).contains("RTP/AVPF 0"))
        scenario.confirm()
        let again = try scenario.offer(feedback)
        #expect(again.contains("RTP/SAVP 0\r\n") && !again.contains("rtcp-fb"))
    }

    @Test("keyed by DTLS, or not at all: refused so far")
    func others() throws {
        let scenario = scenario(pbx: .required)
        #expect(throws: MediaRefusal.notAcceptable(.secureMedia)) {
            try scenario.offer(offer.replacing("RTP/AVP", with: "UDP/TLS/RTP/SAVP"))
        }
        #expect(throws: MediaRefusal.notAcceptable(.missingKeys)) { try scenario.offer(offer) }
    }
}
