import MediaRelay
import NetworkTypes
import SDP
import Testing

@Suite("security 13: the relay is no door into a network")
struct MediaTargetTests {
    /// Our outside end has both families, so that no spelling fails for its family alone.
    private func refusal(_ body: String, _ peer: MediaPeer, _ settings: RelaySettings = AnchorScenario.settings)
        -> MediaRefusal?
    {
        let scenario = AnchorScenario(settings, caller: peer, callee: peer.side == .inside ? .trunk : .pbx)
        do {
            try scenario.offer(body)
            return nil
        } catch {
            #expect(scenario.binder.bound.isEmpty)
            return error
        }
    }

    private func reason(_ refusal: MediaRefusal?) -> ForbiddenTarget? {
        if case .forbiddenAddress(_, let reason)? = refusal { return reason }
        return nil
    }

    @Test(
        "Addresses that a trunk may not name, in every spelling",
        arguments: [
            ("127.0.0.1", ForbiddenTarget.loopback), ("127.255.255.254", .loopback), ("::1", .loopback),
            ("0:0:0:0:0:0:0:1", .loopback), ("::ffff:127.0.0.1", .loopback), ("::ffff:7f00:1", .loopback),
            ("::127.0.0.1", .loopback), ("64:ff9b::127.0.0.1", .loopback), ("2002:7f00:1::", .loopback),
            ("::ffff:0:127.0.0.1", .loopback), ("64:ff9b:1::127.0.0.1", .loopback),
            ("fd99::200:5efe:127.0.0.1", .loopback), ("2001:0:7f00:1::", .loopback),
            ("2001:0:c633:6407::80ff:fffe", .loopback),
            ("0.0.0.1", .unspecified), ("::ffff:0.0.0.0", .unspecified), ("64:ff9b::", .unspecified),
            ("64:ff9b::0.1.2.3", .unspecified), ("2002::", .unspecified),
            ("224.0.0.1", .multicast), ("239.255.255.255", .multicast), ("255.255.255.255", .multicast),
            ("ff02::1", .multicast), ("ff15::101", .multicast), ("::ffff:224.0.0.1", .multicast),
            ("2002:e000:1::", .multicast),
            ("169.254.169.254", .linkLocal), ("fe80::1", .linkLocal), ("FEBF::1", .linkLocal),
            ("::ffff:169.254.169.254", .linkLocal), ("64:ff9b::a9fe:a9fe", .linkLocal),
            ("2002:a9fe:a9fe::1", .linkLocal),
            ("192.168.0.2", .otherSide), ("192.168.0.255", .otherSide), ("::ffff:192.168.0.2", .otherSide),
            ("::ffff:c0a8:2", .otherSide), ("::192.168.0.2", .otherSide), ("64:ff9b::192.168.0.2", .otherSide),
            ("2002:c0a8:2::1", .otherSide), ("fd00::2", .otherSide), ("fd00:0:0:0:ffff::9", .otherSide),
            ("64:ff9b:1:c0a8:0:200::", .otherSide),
            ("192.168.0.1", .ourOwn), ("203.0.113.1", .ourOwn), ("::ffff:203.0.113.1", .ourOwn),
            ("2001:db8::1", .ourOwn),
            ("2002:cb00:7101::", .ourOwn), ("fd00::1", .ourOwn),
        ])
    func forbidden(_ host: String, _ expected: ForbiddenTarget) {
        #expect(reason(refusal(audio(host, 5000), .trunk)) == expected)
        #expect(reason(refusal(audio(host, 5000), .phone)) == (expected == .otherSide ? nil : expected))
        if ip(host).family == .v4 {
            let rtcp = audio("198.51.100.7", 5000, "rtcp:5001 IN IP4 \(host)")
            #expect(reason(refusal(rtcp, .trunk)) == expected)
        }
        let second = audio("198.51.100.7", 5000) + "m=video 5002 RTP/AVP 31\r\nc=IN IP4 \(host)\r\n"
        #expect(refusal(second, .trunk) != nil)
    }

    @Test(
        "Spellings that are no address are refused as such",
        arguments: [
            "127.1", "2130706433", "0x7f000001", "0177.0.0.1.", "0x7f.0.0.1", "017700000001", "[::1", "::1%lo",
            "1.2.3.4.5",
        ])
    func noAddresses(_ host: String) {
        #expect(refusal(audio(host, 5000), .trunk) == .malformed(.malformedConnection))
    }

    @Test(
        "Addresses that anybody may name",
        arguments: [
            "198.51.100.7", "8.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.2", "2001:db8:1::7", "fd01::2",
            "2002:c633:6407::1", "64:ff9b::8.8.8.8",
            "64:ff9b:1::8.8.8.8", "64:ff9b:1:808:8:800::",
        ])
    func allowed(_ host: String) {
        #expect(refusal(audio(host, 5000), .trunk) == nil)
    }

    @Test(
        "The inside may name its own network, and what lies beyond the outside",
        arguments: ["192.168.0.50", "198.51.100.7", "fd00::7"])
    func inside(_ host: String) {
        #expect(refusal(audio(host, 5000), .pbx) == nil)
    }

    @Test("The inside may not name the networks of the outside, nor the other usual suspects")
    func insideForbidden() {
        var settings = AnchorScenario.settings
        settings.outside.networks = [IPNetwork("203.0.113.0/24")!]
        #expect(reason(refusal(audio("203.0.113.9", 5000), .pbx, settings)) == .otherSide)
        #expect(reason(refusal(audio("203.0.113.1", 5000), .pbx, settings)) == .ourOwn)
        #expect(reason(refusal(audio("127.0.0.1", 5000), .pbx, settings)) == .loopback)
    }

    @Test("media.allow excepts networks")
    func exceptions() {
        var settings = AnchorScenario.settings
        settings.allowed = [IPNetwork("192.168.0.64/26")!, IPNetwork("127.0.0.1")!]
        #expect(refusal(audio("192.168.0.65", 5000), .trunk, settings) == nil)
        #expect(refusal(audio("127.0.0.1", 5000), .trunk, settings) == nil)
        #expect(reason(refusal(audio("192.168.0.2", 5000), .trunk, settings)) == .otherSide)
        #expect(reason(refusal(audio("127.0.0.2", 5000), .trunk, settings)) == .loopback)
    }

    @Test("A side that is this host itself has its peers on loopback addresses")
    func loopbackSide() {
        let settings = RelaySettings(
            inside: .init(v4: .init(ip("127.0.0.1")), networks: [IPNetwork("127.0.0.0/8")!]),
            outside: .init(v4: .init(ip("127.0.0.2"))), ports: 10_000...10_039)
        #expect(refusal(audio("127.0.0.3", 5000), .trunk, settings) == nil)
        #expect(refusal(audio("127.0.0.3", 5000), .pbx, settings) == nil)
    }

    @Test("A phone behind NAT may have an address that means somebody else here; media goes where its SIP comes from")
    func ambiguous() throws {
        let scenario = AnchorScenario(caller: .phone, callee: .pbx)
        try scenario.offer(audio("192.168.0.2", 5000))
        #expect(scenario.takeCommands().last == "prepare 0 caller 198.51.100.99:5000 for 1")
    }

    @Test("Unless that is no better")
    func spoofed() {
        var phone = MediaPeer.phone
        phone.signallingAddress = ip("192.168.0.9")
        #expect(reason(refusal(audio("192.168.0.2", 5000), phone)) == .otherSide)
        #expect(reason(refusal(audio("phone.example.org", 5000), phone)) == .otherSide)
    }

    @Test("A live media port of ours on the same side joins two sessions; any other port of ours is refused")
    func hairpin() throws {
        var settings = AnchorScenario.settings
        settings.inside.v4 = .init(ip("192.168.0.1"), advertised: ip("192.168.0.111"))
        let scenario = AnchorScenario(settings, caller: .phone, callee: .pbx)
        #expect(try scenario.offer(audio("10.0.0.9", 5000)) == audio("192.168.0.111", 10_000))
        _ = scenario.takeCommands()
        scenario.caller = .pbx
        scenario.callee = .trunk
        scenario.session = scenario.anchor.open(caller: .pbx, callee: .trunk)
        #expect(throws: MediaRefusal.forbiddenAddress(ip("192.168.0.111"), .ourOwn)) {
            try scenario.offer(audio("192.168.0.111", 10_002))
        }
        #expect(throws: MediaRefusal.forbiddenAddress(ip("192.168.0.111"), .ourOwn)) {
            try scenario.offer(audio("192.168.0.111", 5060))
        }
        #expect(throws: MediaRefusal.forbiddenAddress(ip("203.0.113.1"), .ourOwn)) {
            try scenario.offer(audio("203.0.113.1", 10_000))
        }
        try scenario.offer(audio("192.168.0.111", 10_000))
        #expect(scenario.takeCommands().last == "prepare 0 caller 192.168.0.1:10000 for 1")
        #expect(throws: MediaRefusal.forbiddenAddress(ip("192.168.0.1"), .ourOwn)) {
            try scenario.answer(audio("192.168.0.1", 10_000))
        }
    }

    @Test("A port of another shard is taken for live")
    func otherShard() {
        let settings = AnchorScenario.settings.shard(0, of: 2)
        #expect(refusal(audio("192.168.0.1", 10_030), .pbx, settings) == nil)
        #expect(reason(refusal(audio("192.168.0.1", 10_010), .pbx, settings)) == .ourOwn)
        #expect(reason(refusal(audio("192.168.0.1", 10_050), .pbx, settings)) == .ourOwn)
    }

    @Test("An answer is held to the same rules, and refused without a change")
    func answers() throws {
        let scenario = AnchorScenario()
        try scenario.offer(audio("192.168.0.2", 4000))
        _ = scenario.takeCommands()
        #expect(throws: MediaRefusal.forbiddenAddress(ip("192.168.0.9"), .otherSide)) {
            try scenario.answer(audio("192.168.0.9", 5000))
        }
        #expect(scenario.takeCommands() == [])
        try scenario.answer(audio("198.51.100.7", 5000))
    }
}
