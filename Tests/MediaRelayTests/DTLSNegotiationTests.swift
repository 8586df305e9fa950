import DTLS
import MediaRelay
import NetworkTypes
import SDP
import Testing

/// A PBX with plain RTP, and a trunk that may have DTLS.
@Suite("What is said about DTLS-SRTP, and what is made of it")
struct DTLSNegotiationTests {
    private static let fingerprint =
        "sha-256 "
        + (0..<32).map { $0 < 16 ? "0\(String($0, radix: 16))" : String($0, radix: 16) }.joined(separator: ":")
    private static let other = "sha-256 " + [String](repeating: "AB", count: 32).joined(separator: ":")
    private static let key = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
    private static let line = "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:\(key)"

    private func scenario(
        _ srtp: SRTPPolicy, _ keying: KeyManagement = .dtls, nat: Bool = false, isTLS: Bool = false
    ) -> AnchorScenario {
        var trunk = MediaPeer.trunk
        (trunk.srtp, trunk.keying, trunk.isNAT, trunk.isSignallingSecure) = (srtp, keying, nat, isTLS)
        return AnchorScenario(callee: trunk)
    }

    /// A body with one audio stream of another profile.
    private func body(_ host: String, _ port: Int, _ profile: String = "RTP/AVP", _ attributes: [String] = []) -> String
    {
        audio(host, port).replacing("RTP/AVP", with: profile) + attributes.map { "a=\($0)\r\n" }.joined()
    }

    private func pbx(_ attributes: String...) -> String { body("192.168.0.2", 4000, "RTP/AVP", attributes) }

    private func trunk(
        _ profile: String, _ attributes: String...
    ) -> String { body("198.51.100.7", 5000, profile, attributes) }

    private func media(_ body: String) throws -> MediaDescription {
        try #require(try SessionDescription(Array(body.utf8)).media.first)
    }

    /// What the trunk's leg was told last.
    private func remote(_ scenario: AnchorScenario) -> LegRemote? { scenario.remotes[.callee] }

    private func parameters(_ scenario: AnchorScenario) -> DTLSParameters? {
        guard case .dtls(let parameters)? = remote(scenario)?.security else { return nil }
        return parameters
    }

    @Test(
        "what is offered by policy and keying: profile, fingerprint, actpass, tls-id and rtcp-mux, and no keys",
        arguments: [
            (SRTPPolicy.required, "UDP/TLS/RTP/SAVP" as String?), (.optional, "RTP/AVP"), (.auto, "RTP/AVP"),
            (.off, nil),
        ])
    func offered(_ srtp: SRTPPolicy, _ profile: String?) throws {
        let scenario = scenario(srtp)
        let offer = try media(scenario.offer(pbx()))
        #expect(offer.profile?.name.description == profile ?? "RTP/AVP")
        #expect(offer.crypto.isEmpty)
        guard profile != nil else {
            #expect(offer.identity.fingerprintLines == 0 && !offer.isMultiplexed)
            return
        }
        #expect(offer.identity.fingerprints == [try #require(DTLSIdentity.process).fingerprint])
        #expect(offer.identity.setup == .actpass && offer.isMultiplexed)
        #expect((20...255).contains(offer.identity.tlsID?.count ?? 0))
        let feedback = self.scenario(.required)
        #expect(
            try media(feedback.offer(pbx().replacing("RTP/AVP", with: "RTP/AVPF"))).profile
                == RTPProfile(isSecure: true, hasFeedback: true, namesDTLS: true))
    }

    @Test(
        "who begins, by what an answer says",
        arguments: [
            ("setup:active", DTLSRole.passive), ("setup:passive", .active), ("setup:holdconn", .held),
            ("setup:actpass", .active), ("ptime:20", .active),
        ])
    func answered(_ setup: String, _ role: DTLSRole) throws {
        let scenario = scenario(.required)
        try scenario.offer(pbx())
        let answer = try scenario.answer(
            trunk("UDP/TLS/RTP/SAVP", "fingerprint:\(Self.fingerprint)", setup, "rtcp-mux"))
        #expect(parameters(scenario)?.role == role)
        #expect(remote(scenario)?.rtcp == SocketAddress("198.51.100.7:5000"))
        // Nothing of it crosses.
        let crossed = try media(answer)
        #expect(crossed.profile == RTPProfile() && crossed.identity == TransportIdentity() && !crossed.isMultiplexed)
    }

    @Test(
        "who begins, by what an offer says, and what is answered",
        arguments: [
            ("setup:active", false, DTLSRole.passive, "passive"), ("setup:passive", false, .active, "active"),
            ("setup:actpass", false, .active, "active"), ("setup:holdconn", false, .held, "holdconn"),
            ("ptime:20", false, .passive, "passive"), ("setup:ACTPASS", true, .passive, "passive"),
        ])
    func offers(_ setup: String, _ nat: Bool, _ role: DTLSRole, _ answered: String) throws {
        let scenario = scenario(.auto, .sdes, nat: nat)
        let offer = try scenario.offer(
            trunk("UDP/TLS/RTP/SAVPF", "fingerprint:\(Self.fingerprint)", setup, "rtcp-mux"), from: .callee)
        #expect(try media(offer).identity == TransportIdentity())
        let answer = try media(scenario.answer(pbx(), from: .caller))
        #expect(parameters(scenario)?.role == role)
        #expect(answer.identity.setup?.rawValue == answered)
        #expect(answer.profile == RTPProfile(isSecure: true, hasFeedback: true, namesDTLS: true))
        // Who has no tls-id is told none.
        #expect(answer.identity.tlsID == nil && answer.isMultiplexed)
        #expect(answer.identity.fingerprints.count == 1)
    }

    @Test("what is offered is answered in kind, whatever keying says, unless srtp is off")
    func kinds() throws {
        let both = [Self.line, "fingerprint:\(Self.fingerprint)", "setup:actpass"]
        for profile in ["RTP/SAVP", "RTP/AVP", "UDP/TLS/RTP/SAVP"] {
            for keying in KeyManagement.allCases {
                for offered in [[both[0]], Array(both[1...]), both] {
                    let scenario = scenario(.optional, keying, isTLS: true)
                    let offer = body("198.51.100.7", 5000, profile, offered)
                    let hasDTLS = offered.count > 1
                    let isRefused = profile.hasPrefix("UDP") && !hasDTLS
                    guard !isRefused else {
                        #expect(throws: MediaRefusal.notAcceptable(.secureMedia)) {
                            try scenario.offer(offer, from: .callee)
                        }
                        continue
                    }
                    try scenario.offer(offer, from: .callee)
                    let answer = try media(scenario.answer(pbx(), from: .caller))
                    let usesDTLS = hasDTLS && (offered.count == 2 || keying == .dtls || profile.hasPrefix("UDP"))
                    #expect(answer.crypto.isEmpty == usesDTLS && answer.identity.fingerprints.isEmpty != usesDTLS)
                    #expect(answer.profile?.name.description == profile)
                }
            }
        }
        let scenario = scenario(.off)
        #expect(throws: MediaRefusal.notAcceptable(.secureMedia)) {
            try scenario.offer(body("198.51.100.7", 5000, "UDP/TLS/RTP/SAVP", both), from: .callee)
        }
        try scenario.offer(body("198.51.100.7", 5000, "RTP/AVP", both), from: .callee)
        #expect(try media(scenario.answer(pbx(), from: .caller)).identity == TransportIdentity())
    }

    @Test(
        "security 6: an answer without a fingerprint that counts is refused where SRTP is required, and plain where not"
    )
    func missing() throws {
        let sha1 = "fingerprint:sha-1 " + [String](repeating: "AB", count: 20).joined(separator: ":")
        for line in ["ptime:20", sha1, "fingerprint:sha-256 AB:CD", Self.line] {
            let required = scenario(.required)
            try required.offer(pbx())
            #expect(throws: MediaRefusal.self) { try required.answer(trunk("UDP/TLS/RTP/SAVP", line)) }
            #expect(throws: MediaRefusal.self) { try required.answer(trunk("RTP/AVP", line)) }
            let optional = scenario(.optional)
            try optional.offer(pbx())
            try optional.answer(trunk("RTP/AVP", line))
            #expect(remote(optional)?.security == .plain)
        }
        let scenario = scenario(.optional)
        try scenario.offer(pbx())
        try scenario.answer(trunk("RTP/AVP", "fingerprint:\(Self.fingerprint)", "setup:active"))
        scenario.confirm()
        #expect(parameters(scenario) != nil)
        // Once secure, always secure.
        #expect(throws: MediaRefusal.notAcceptable(.missingKeys)) {
            try scenario.offer(trunk("RTP/AVP"), from: .callee)
        }
        #expect(try media(scenario.offer(pbx())).identity.fingerprints.count == 1)
    }

    @Test("of several fingerprints those of the strongest hash count")
    func strongest() throws {
        let scenario = scenario(.required)
        try scenario.offer(pbx())
        let strong = "sha-512 " + [String](repeating: "cd", count: 64).joined(separator: ":")
        let last = "SHA-512 " + [String](repeating: "EF", count: 64).joined(separator: ":")
        try scenario.answer(
            trunk(
                "UDP/TLS/RTP/SAVP", "fingerprint:\(Self.fingerprint)", "fingerprint:\(strong)", "fingerprint:\(last)",
                "setup:active"))
        #expect(
            parameters(scenario)?.fingerprints == [
                try #require(CertificateFingerprint(.sha512, [UInt8](repeating: 0xcd, count: 64))),
                try #require(CertificateFingerprint(.sha512, [UInt8](repeating: 0xef, count: 64))),
            ])
    }

    /// A call whose trunk offered; what was agreed on.
    private func call(_ attributes: [String]) throws -> (AnchorScenario, DTLSParameters, TransportIdentity) {
        let scenario = scenario(.auto)
        try scenario.offer(body("198.51.100.7", 5000, "UDP/TLS/RTP/SAVP", attributes), from: .callee)
        let answer = try media(scenario.answer(pbx(), from: .caller))
        scenario.confirm()
        return (scenario, try #require(parameters(scenario)), answer.identity)
    }

    private static let (id, newID) = ("tls-id:abc3de65cddef001be82", "tls-id:zzz3de65cddef001be82")

    @Test(
        "which re-INVITEs of the peer ask for a new association (RFC 8842)",
        arguments: [
            // With a tls-id it, the fingerprint and the roles count; without one the address does.
            (true as Bool?, ["fingerprint:\(fingerprint)", "setup:actpass", id], 5000, true),
            (true, ["fingerprint:\(fingerprint)", "setup:actpass", id], 5002, true),
            (true, ["fingerprint:\(fingerprint)", "setup:passive", id], 5000, true),
            (true, ["fingerprint:\(fingerprint)", "setup:active", id], 5000, false),
            (true, ["fingerprint:\(other)", "setup:actpass", id], 5000, false),
            (true, ["fingerprint:\(fingerprint)", "setup:actpass", newID], 5000, false),
            (false, ["fingerprint:\(fingerprint)", "setup:actpass"], 5000, true),
            (false, ["fingerprint:\(fingerprint)", "setup:actpass"], 5002, false),
            (false, ["fingerprint:\(other)", "setup:actpass"], 5000, false),
            // Where ICE finds the way, neither an address nor new checks mean anything (JSEP).
            (nil, ["fingerprint:\(fingerprint)", "setup:actpass", "ice-ufrag:new"], 5002, true),
        ])
    func reinvites(_ hasID: Bool?, _ attributes: [String], _ port: Int, _ isKept: Bool) throws {
        let first =
            ["fingerprint:\(Self.fingerprint)", "setup:actpass"]
            + (hasID.map { $0 ? [Self.id] : [] } ?? ["ice-ufrag:old"])
        let (scenario, before, said) = try call(first)
        try scenario.offer(body("198.51.100.7", port, "UDP/TLS/RTP/SAVP", attributes), from: .callee)
        let answer = try media(scenario.answer(pbx(), from: .caller))
        #expect((parameters(scenario) == before) == isKept)
        #expect((hasID == true) == (answer.identity.tlsID != nil))
        if hasID == true { #expect((answer.identity.tlsID == said.tlsID) == isKept) }
        #expect(answer.identity.setup == (parameters(scenario)?.role == .active ? .active : .passive))
    }

    @Test("who begins or ceases to use ICE keeps an association that has no name", arguments: [true, false])
    func turns(_ begins: Bool) throws {
        let line = ["fingerprint:\(Self.fingerprint)", "setup:active"]
        let (with, without) = (line + ["ice-ufrag:old"], line)
        let (scenario, before, _) = try call(begins ? without : with)
        func isKept(_ port: Int, _ attributes: [String]) throws -> Bool {
            try scenario.offer(body("198.51.100.7", port, "UDP/TLS/RTP/SAVP", attributes), from: .callee)
            try scenario.answer(pbx(), from: .caller)
            return parameters(scenario) == before
        }
        #expect(try isKept(5002, begins ? with : without))
        #expect(try isKept(5004, begins ? without : with))
        #expect(try isKept(5006, begins ? with : without))
        // The same again where neither has ICE, from another address.
        #expect(try isKept(begins ? 5008 : 5006, without))
        #expect(try !isKept(5010, without))
        let other = ["fingerprint:\(Self.other)", "setup:active"]
        #expect(try !isKept(5010, other))
    }

    @Test("an answer that is said again begins a handshake again that was given up")
    func givenUp() throws {
        let scenario = scenario(.required)
        try scenario.offer(pbx())
        let answer = trunk(
            "UDP/TLS/RTP/SAVP", "fingerprint:\(Self.fingerprint)", "setup:passive", "rtcp-mux")
        try scenario.answer(answer)
        #expect(scenario.sent.count == 1)
        scenario.core.handleTimeout(at: .zero + .seconds(200))
        scenario.drain()
        scenario.sent = []
        try scenario.answer(answer)
        #expect(scenario.sent.map(\.to) == [address("198.51.100.7:5000")])
        // There is one under way.
        try scenario.answer(answer)
        #expect(scenario.sent.count == 1)
    }

    @Test("re-INVITEs of ours and holds keep the association, and its name")
    func ours() throws {
        for first in [
            ["fingerprint:\(Self.fingerprint)", "setup:actpass", Self.id], ["fingerprint:\(Self.fingerprint)"],
        ] {
            let (scenario, before, said) = try call(first)
            let isActive = before.role == .active
            let offer = try media(scenario.offer(pbx()))
            #expect(offer.identity.setup == .actpass)
            if said.tlsID != nil { #expect(offer.identity.tlsID == said.tlsID) }
            let again = first.filter { !$0.hasPrefix("setup") } + ["setup:\(isActive ? "passive" : "active")"]
            try scenario.answer(body("198.51.100.7", 5000, "UDP/TLS/RTP/SAVP", again))
            #expect(parameters(scenario) == before)
            let hold = body("0.0.0.0", 5000, "UDP/TLS/RTP/SAVP", again)
            try scenario.offer(hold, from: .callee)
            try scenario.answer(pbx(), from: .caller)
            #expect(parameters(scenario) == before)
        }
    }

    @Test("rtcp-mux is answered where it is offered, with any profile, and is no more than that")
    func multiplexing() throws {
        for attribute in ["rtcp-mux", "rtcp-mux-only"] {
            let scenario = scenario(.off)
            try scenario.offer(trunk("RTP/AVP", attribute), from: .callee)
            #expect(try media(scenario.answer(pbx(), from: .caller)).isMultiplexed)
            #expect(remote(scenario)?.rtcp == SocketAddress("198.51.100.7:5000"))
            #expect(scenario.remotes[.caller]?.rtcp == SocketAddress("192.168.0.2:4001"))
            scenario.confirm()
            // It is offered from then on, and may be taken or left.
            #expect(try media(scenario.offer(pbx())).isMultiplexed)
            try scenario.answer(trunk("RTP/AVP"))
            #expect(remote(scenario)?.rtcp == SocketAddress("198.51.100.7:5001"))
            #expect(try !media(scenario.offer(pbx())).isMultiplexed)
        }
        let two = scenario(.required)
        try two.offer(pbx())
        try two.answer(trunk("UDP/TLS/RTP/SAVP", "fingerprint:\(Self.fingerprint)", "setup:active"))
        #expect(remote(two)?.rtcp == SocketAddress("198.51.100.7:5001"))
    }
}
