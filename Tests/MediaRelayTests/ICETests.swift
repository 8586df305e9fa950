import MediaRelay
import NetworkTypes
import SDP
import STUN
import Testing

@Suite("ICE-lite (RFC 8445, RFC 8839)")
struct ICETests {
    private static let ours = "203.0.113.1:10000"
    private static let oursControl = "203.0.113.1:10001"
    private static let inside = "192.168.0.1:10000"
    private static let pbx = "192.168.0.2:4000"
    /// Where the phone's checks come from, which its SDP does not name.
    private static let mapped = "198.51.100.99:40000"

    private static var phone: MediaPeer {
        var peer = MediaPeer.phone
        peer.isPhone = true
        return peer
    }

    private static func body(_ host: String, _ port: Int, _ lines: [String]) -> String {
        audio(host, port) + lines.map { "a=\($0)\r\n" }.joined()
    }

    /// A call from a phone with an agent to the PBX; what the phone gets as its answer has been read by the agent.
    private func call(_ agent: inout CheckingAgent, more: String...) throws -> AnchorScenario {
        let scenario = AnchorScenario(caller: Self.phone, callee: .pbx)
        let lines = agent.lines("10.9.9.9", 4_000) + more
        let offered = try scenario.offer(Self.body("10.9.9.9", 4_000, lines))
        #expect(!offered.contains("ice") && !offered.contains("candidate"), "the PBX has shown none: \(offered)")
        let answered = try scenario.answer(audio("192.168.0.2", 4000))
        scenario.confirm()
        try agent.read(answered)
        return scenario
    }

    @Test("An offer with an agent is answered with a lite one: one candidate a component, the default one")
    func answered() throws {
        var agent = CheckingAgent()
        let scenario = AnchorScenario(caller: Self.phone, callee: .pbx)
        try scenario.offer(
            Self.body("10.9.9.9", 4_000, agent.lines("10.9.9.9", 4_000, "ice-options:trickle", "end-of-candidates")))
        let answer = try scenario.answer(audio("192.168.0.2", 4000))
        try agent.read(answer)
        #expect(agent.ourFragment.count == 8 && agent.ourPassword.count == 24)
        #expect(
            answer
                == sdp(
                    "v=0", "o=- 1 1 IN IP4 203.0.113.1", "s=-", "c=IN IP4 203.0.113.1", "t=0 0", "a=ice-lite",
                    "a=ice-options:ice2", "m=audio 10000 RTP/AVP 0", "a=ice-ufrag:\(agent.ourFragment)",
                    "a=ice-pwd:\(agent.ourPassword)", "a=candidate:1 1 UDP 2130706431 203.0.113.1 10000 typ host",
                    "a=candidate:1 2 UDP 2130706430 203.0.113.1 10001 typ host"))
        // The same again in the 200.
        #expect(try scenario.answer(audio("192.168.0.2", 4000)) == answer)
    }

    @Test("A check that is signed is answered with what it saw, signed; the nominated pair is where media goes")
    func nominated() throws {
        var agent = CheckingAgent()
        let scenario = try call(&agent)
        #expect(scenario.media(to: Self.inside, from: Self.pbx) == "noDestination", "nothing is sent before a check")
        let plain = agent.check(.init(nominates: false))
        let (answer, destination) = scenario.deliver(plain, to: Self.ours, from: Self.mapped)
        let message = try #require(STUNMessage(answer, for: .connectivityCheck))
        #expect(destination == Self.mapped && message.kind == .success && agent.trusts(answer))
        #expect(message.mappedAddress == address(Self.mapped) && answer.count <= plain.count)
        #expect(scenario.media(to: Self.inside, from: Self.pbx) == "noDestination", "and none before it is nominated")
        #expect(scenario.media(to: Self.ours, from: Self.mapped) == Self.pbx, "but a source that is proved is believed")
        _ = scenario.deliver(agent.check(), to: Self.ours, from: Self.mapped)
        #expect(scenario.media(to: Self.inside, from: Self.pbx) == Self.mapped)
        #expect(
            scenario.deliver(rtcp, to: "192.168.0.1:10001", from: "192.168.0.2:4001").destination == "noDestination")
        _ = scenario.deliver(agent.check(), to: Self.oursControl, from: "198.51.100.99:40001")
        #expect(
            scenario.deliver(rtcp, to: "192.168.0.1:10001", from: "192.168.0.2:4001").destination
                == "198.51.100.99:40001", "each component has its own pair")
        let report = scenario.core.reports(for: scenario.session).first { $0.leg == .caller }
        #expect(report?.counters.checks == 3 && report?.counters.packets == 1)
    }

    @Test("security 9: unsigned, wrong-password, misnamed and replayed checks do nothing")
    func forged() throws {
        var agent = CheckingAgent()
        let scenario = try call(&agent)
        let attacker = "192.0.2.66:6666"
        let forged: [CheckingAgent.Kind] = [
            .init(isSigned: false), .init(password: "another-password-of-24-ch"), .init(password: agent.password),
            .init(username: agent.fragment), .init(username: "\(agent.ourFragment)"),
            .init(username: "\(agent.fragment):\(agent.ourFragment)"), .init(username: "\(agent.ourFragment):other"),
            .init(username: "\(agent.ourFragment)x:\(agent.fragment)"), .init(username: ""), .init(username: ":"),
            .init(username: String(repeating: "a", count: 509)), .init(kind: .indication), .init(kind: .success),
            .init(kind: .error),
        ]
        for kind in forged {
            for source in [attacker, Self.mapped] {
                #expect(scenario.deliver(agent.check(kind), to: Self.ours, from: source).destination == "check")
            }
        }
        #expect(scenario.media(to: Self.ours, from: attacker) == "source")
        #expect(scenario.media(to: Self.inside, from: Self.pbx) == "noDestination")
        // What a stranger has overheard, from his own address, to either port.
        let good = agent.check()
        #expect(scenario.deliver(good, to: Self.ours, from: Self.mapped).destination == Self.mapped)
        for local in [Self.ours, Self.oursControl] {
            #expect(scenario.deliver(good, to: local, from: attacker).destination == "check")
        }
        #expect(scenario.deliver(good, to: Self.ours, from: Self.mapped).destination == Self.mapped, "a retransmission")
        #expect(scenario.media(to: Self.ours, from: attacker) == "source")
        #expect(scenario.media(to: Self.inside, from: Self.pbx) == Self.mapped)
    }

    @Test("security 9: any change of one octet makes a check nothing; what is behind the signature does not count")
    func mutated() throws {
        var agent = CheckingAgent()
        let scenario = try call(&agent)
        let good = agent.check()
        // A FINGERPRINT of eight octets is behind the signature.
        for position in good.indices.dropLast(8) {
            for change in [1, 0x80, 0xff] as [UInt8] {
                var bad = good
                bad[position] ^= change
                let verdict = scenario.deliver(bad, to: Self.ours, from: Self.mapped).destination
                #expect(["check", "source", "malformed"].contains(verdict), "octet \(position): \(verdict)")
            }
        }
        for length in good.indices.dropLast(8) {
            let verdict = scenario.deliver(Array(good.prefix(length)), to: Self.ours, from: Self.mapped).destination
            #expect(["check", "source", "malformed"].contains(verdict))
        }
        #expect(scenario.media(to: Self.inside, from: Self.pbx) == "noDestination")
        #expect(scenario.deliver(good, to: Self.ours, from: Self.mapped).destination == Self.mapped)
    }

    @Test(
        "security 13: a check from where nothing may be sent nominates nothing",
        arguments: [
            "192.168.0.9:4000", "127.0.0.1:4000", "169.254.1.1:4000", "203.0.113.1:10002", "198.51.100.99:0",
        ])
    func spoofedSource(source: String) throws {
        var agent = CheckingAgent()
        let scenario = try call(&agent)
        #expect(scenario.deliver(agent.check(), to: Self.ours, from: source).destination == "check")
        #expect(scenario.media(to: Self.inside, from: Self.pbx) == "noDestination")
    }

    @Test("On a leg with checks neither the signalled address, nor the SIP source, nor anybody else is believed")
    func onlyChecked() throws {
        var agent = CheckingAgent()
        let scenario = try call(&agent)
        for source in ["10.9.9.9:4000", "198.51.100.99:4000", "192.0.2.66:4000"] {
            #expect(scenario.media(to: Self.ours, from: source) == "source")
        }
        let report = scenario.core.reports(for: scenario.session).first { $0.leg == .caller }
        #expect(report?.counters.droppedSource == 3 && report?.counters.provisional == 0)
    }

    @Test("A peer that takes itself for controlled is told (487), what we don't know is named (420), both signed")
    func errors() throws {
        var agent = CheckingAgent()
        let scenario = try call(&agent)
        let controlled = agent.check(.init(role: .controlled(9)))
        let (answer, destination) = scenario.deliver(controlled, to: Self.ours, from: Self.mapped)
        let conflict = try #require(STUNMessage(answer, for: .connectivityCheck))
        #expect(
            conflict.kind == .error && conflict.errorCode == 487 && agent.trusts(answer) && destination == Self.mapped)
        #expect(scenario.media(to: Self.ours, from: Self.mapped) == "source", "it proves no pair")
        #expect(scenario.deliver(agent.check(), to: Self.ours, from: Self.mapped).destination == Self.mapped)
    }

    @Test("An aggressive agent's best pair wins; a pair that went quiet is given up")
    func aggressive() throws {
        var agent = CheckingAgent()
        let scenario = try call(&agent)
        let (best, other) = ("198.51.100.99:40000", "198.51.100.98:40000")
        _ = scenario.deliver(agent.check(.init(priority: 200)), to: Self.ours, from: best)
        _ = scenario.deliver(agent.check(.init(priority: 100)), to: Self.ours, from: other, at: 0.1)
        #expect(scenario.media(to: Self.inside, from: Self.pbx) == best)
        #expect(scenario.media(to: Self.ours, from: other) == Self.pbx, "media may come over any pair")
        _ = scenario.deliver(agent.check(.init(priority: 100)), to: Self.ours, from: other, at: 6)
        #expect(scenario.media(to: Self.inside, from: Self.pbx, at: 6) == other)
        _ = scenario.deliver(agent.check(.init(priority: 200)), to: Self.ours, from: best, at: 6.1)
        #expect(scenario.media(to: Self.inside, from: Self.pbx, at: 6.1) == best)
    }

    @Test("Checks are answered up to a budget, and more transactions are remembered than a day of them has")
    func budget() throws {
        var agent = CheckingAgent()
        let scenario = try call(&agent)
        let answered = (0..<1_000).filter { _ in
            scenario.deliver(agent.check(), to: Self.ours, from: Self.mapped).destination == Self.mapped
        }
        #expect(answered.count == 200)
        for second in 1...16_384 {
            let verdict = scenario.deliver(agent.check(), to: Self.ours, from: Self.mapped, at: Double(second))
            #expect(verdict.destination == Self.mapped)
        }
        #expect(
            scenario.deliver(agent.check(), to: Self.ours, from: "198.51.100.99:1", at: 20_000).destination == "check")
        for port in 1...40 {
            _ = scenario.deliver(agent.check(), to: Self.oursControl, from: "198.51.100.99:\(port)", at: 30_000)
        }
    }

    @Test("security 5, 9: 100,000 forged checks change nothing and find no answer; the next good one is answered")
    func flood() throws {
        var agent = CheckingAgent()
        let scenario = try call(&agent)
        let channel = try #require(scenario.channels[address(Self.ours)])
        let forged = [
            agent.check(.init(password: "another+password+of+24+ch")), agent.check(.init(isSigned: false)),
            agent.check(.init(username: "who:ever")), Array(agent.check().dropLast(3)),
        ]
        let source = address(Self.mapped)
        for number in 0..<100_000 {
            if case .forward = channel.receive(forged[number % 4], from: source, at: .zero) {
                Issue.record("answered")
                return
            }
        }
        #expect(scenario.deliver(agent.check(), to: Self.ours, from: Self.mapped).destination == Self.mapped)
        let report = scenario.core.reports(for: scenario.session).first { $0.leg == .caller }
        #expect(report?.counters.droppedChecks == 100_000 && report?.counters.packets == 0)
    }

    @Test("No more sources are believed than an agent has")
    func manySources() throws {
        var agent = CheckingAgent()
        let scenario = try call(&agent)
        let answered = (1...40).filter {
            scenario.deliver(agent.check(.init(nominates: false)), to: Self.ours, from: "198.51.100.99:\($0)")
                .destination != "check"
        }
        #expect(answered.count == 16)
    }
}

@Suite("ICE through offers and answers")
struct ICENegotiationTests {
    private static let ours = "203.0.113.1:10000"
    private static let inside = "192.168.0.1:10000"
    private static let pbx = "192.168.0.2:4000"
    private static let mapped = "198.51.100.99:40000"

    private static var phone: MediaPeer {
        var peer = MediaPeer.phone
        peer.isPhone = true
        return peer
    }

    private static func body(_ lines: [String], host: String = "10.9.9.9", port: Int = 4_000) -> String {
        audio(host, port) + lines.map { "a=\($0)\r\n" }.joined()
    }

    private func call(_ agent: inout CheckingAgent) throws -> AnchorScenario {
        let scenario = AnchorScenario(caller: Self.phone, callee: .pbx)
        try scenario.offer(Self.body(agent.lines("10.9.9.9", 4_000)))
        try agent.read(try scenario.answer(audio("192.168.0.2", 4000)))
        scenario.confirm()
        _ = scenario.deliver(agent.check(), to: Self.ours, from: Self.mapped)
        _ = scenario.takeCommands()
        return scenario
    }

    @Test("Re-INVITEs from either side keep name and password, and the pair in use")
    func reINVITE() throws {
        var agent = CheckingAgent()
        let scenario = try call(&agent)
        try scenario.offer(Self.body(agent.lines("10.9.9.9", 4_000)))
        var again = agent
        try again.read(try scenario.answer(audio("192.168.0.2", 4000)))
        #expect(again.ourFragment == agent.ourFragment && again.ourPassword == agent.ourPassword)
        let offered = try scenario.offer(audio("192.168.0.2", 4000), from: .callee)
        try again.read(offered)
        #expect(again.ourFragment == agent.ourFragment && offered.contains("a=ice-lite\r\n"))
        try scenario.answer(Self.body(agent.lines("10.9.9.9", 4_000)), from: .caller)
        #expect(scenario.media(to: Self.inside, from: Self.pbx) == Self.mapped)
        #expect(scenario.media(to: Self.ours, from: Self.mapped) == Self.pbx)
    }

    @Test("An ICE restart gets a new name and password; the old pair is used until a new one is nominated")
    func restart() throws {
        var agent = CheckingAgent()
        let scenario = try call(&agent)
        var next = CheckingAgent(fragment: "other", password: "another+password+of+24+ch")
        let stale = agent.check()
        try scenario.offer(Self.body(next.lines("10.9.9.9", 4_000)))
        try next.read(try scenario.answer(audio("192.168.0.2", 4000)))
        #expect(next.ourFragment != agent.ourFragment && next.ourPassword != agent.ourPassword)
        #expect(scenario.media(to: Self.inside, from: Self.pbx) == Self.mapped)
        #expect(scenario.media(to: Self.ours, from: Self.mapped) == Self.pbx)
        #expect(scenario.deliver(stale, to: Self.ours, from: Self.mapped).destination == "check")
        let moved = "198.51.100.120:40000"
        #expect(scenario.deliver(next.check(), to: Self.ours, from: moved).destination == moved)
        #expect(scenario.media(to: Self.inside, from: Self.pbx) == moved)
        #expect(scenario.media(to: Self.ours, from: Self.mapped, at: 1.9) == Self.pbx)
        #expect(scenario.media(to: Self.ours, from: Self.mapped, at: 2.1) == "source")
        #expect(scenario.media(to: Self.ours, from: moved, at: 2.1) == Self.pbx)
    }

    @Test("A restart that fails leaves the pair, the name and the password as they were")
    func failedRestart() throws {
        var agent = CheckingAgent()
        let scenario = try call(&agent)
        let next = CheckingAgent(fragment: "other", password: "another+password+of+24+ch")
        try scenario.offer(Self.body(next.lines("10.9.9.9", 4_000)))
        scenario.rollback()
        #expect(scenario.media(to: Self.inside, from: Self.pbx) == Self.mapped)
        #expect(scenario.deliver(agent.check(), to: Self.ours, from: Self.mapped).destination == Self.mapped)
    }

    @Test("Hold by an unspecified address stops what is sent; the pair is there again after it")
    func hold() throws {
        var agent = CheckingAgent()
        let scenario = try call(&agent)
        try scenario.offer(Self.body(agent.lines("10.9.9.9", 4_000), host: "0.0.0.0"))
        try scenario.answer(audio("192.168.0.2", 4000))
        #expect(scenario.media(to: Self.inside, from: Self.pbx) == "noDestination")
        try scenario.offer(Self.body(agent.lines("10.9.9.9", 4_000)))
        try scenario.answer(audio("192.168.0.2", 4000))
        #expect(scenario.media(to: Self.inside, from: Self.pbx) == Self.mapped)
    }

    @Test("A phone that showed ICE is offered it in later calls; checks that come before its answer count")
    func offeredToPhones() throws {
        var agent = CheckingAgent()
        let first = try call(&agent)
        first.close()
        first.session = first.anchor.open(caller: .pbx, callee: Self.phone)
        (first.caller, first.callee) = (.pbx, Self.phone)
        let offer = try first.offer(audio("192.168.0.2", 4000))
        let port = try #require(offer.split(separator: "\r\n").first { $0.hasPrefix("m=") }?.split(separator: " ")[1])
        let (ours, inside) = ("203.0.113.1:\(port)", "192.168.0.1:10002")
        try agent.read(offer)
        #expect(first.deliver(agent.check(), to: ours, from: Self.mapped).destination == Self.mapped)
        #expect(first.media(to: ours, from: Self.mapped) == "source", "media waits for the answer")
        try first.answer(Self.body(agent.lines("10.9.9.9", 4_000)))
        first.confirm()
        #expect(first.media(to: ours, from: Self.mapped) == Self.pbx)
        #expect(first.media(to: inside, from: Self.pbx) == Self.mapped)
    }

    @Test("An answer without ICE to our offer makes a plain leg")
    func plainAnswer() throws {
        var agent = CheckingAgent()
        let scenario = try call(&agent)
        scenario.close()
        scenario.session = scenario.anchor.open(caller: .pbx, callee: Self.phone)
        (scenario.caller, scenario.callee) = (.pbx, Self.phone)
        let offer = try scenario.offer(audio("192.168.0.2", 4000))
        try agent.read(offer)
        try scenario.answer(audio("198.51.100.99", 5000))
        scenario.confirm()
        #expect(scenario.deliver(agent.check(), to: "203.0.113.1:10002", from: Self.mapped).destination == "malformed")
        #expect(scenario.media(to: "203.0.113.1:10002", from: "198.51.100.99:5000") == Self.pbx)
        #expect(scenario.media(to: "192.168.0.1:10002", from: Self.pbx) == "198.51.100.99:5000")
        let again = try scenario.offer(audio("192.168.0.2", 4000))
        #expect(!again.contains("ice-ufrag") || again.contains(agent.ourFragment))
    }

    @Test("Trunks are offered no ICE, and get it in their own dialogs when they offered it")
    func trunks() throws {
        let scenario = AnchorScenario(caller: .trunk, callee: .pbx)
        var agent = CheckingAgent()
        try scenario.offer(Self.body(agent.lines("198.51.100.7", 4_000), host: "198.51.100.7"))
        try agent.read(try scenario.answer(audio("192.168.0.2", 4000)))
        scenario.confirm()
        #expect(try scenario.offer(audio("192.168.0.2", 4000), from: .callee).contains(agent.ourFragment))
        let other = AnchorScenario()
        #expect(try !other.offer(audio("192.168.0.2", 4000)).contains("ice"))
    }

    @Test("Of two lite agents each takes the other's default candidates")
    func bothLite() throws {
        let scenario = AnchorScenario(caller: .trunk, callee: .pbx)
        var agent = CheckingAgent()
        let lines = agent.lines("198.51.100.7", 4_000)
        let body =
            "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\na=ice-lite\r\n"
            + "m=audio 4000 RTP/AVP 0\r\n" + lines.map { "a=\($0)\r\n" }.joined()
        try scenario.offer(body)
        try agent.read(try scenario.answer(audio("192.168.0.2", 4000)))
        #expect(scenario.media(to: Self.inside, from: Self.pbx) == "198.51.100.7:4000")
        #expect(scenario.media(to: Self.ours, from: "198.51.100.7:4000") == Self.pbx)
    }

    @Test("A default address that is no candidate: ice-mismatch, and a plain leg")
    func mismatch() throws {
        let scenario = AnchorScenario(caller: .trunk, callee: .pbx)
        let agent = CheckingAgent()
        try scenario.offer(Self.body(agent.lines("10.9.9.9", 4_000), host: "198.51.100.7"))
        let answer = try scenario.answer(audio("192.168.0.2", 4000))
        #expect(answer.contains("a=ice-mismatch\r\n") && !answer.contains("ice-ufrag") && !answer.contains("ice-lite"))
        #expect(scenario.media(to: Self.inside, from: Self.pbx) == "198.51.100.7:4000")
    }

    @Test("A trickling agent names no address yet: not on hold, and its checks tell where it is")
    func trickle() throws {
        let scenario = AnchorScenario(caller: Self.phone, callee: .pbx)
        var agent = CheckingAgent()
        let lines = ["ice-ufrag:\(agent.fragment)", "ice-pwd:\(agent.password)", "ice-options:trickle ice2"]
        let offered = try scenario.offer(Self.body(lines, host: "0.0.0.0", port: 9))
        #expect(offered.contains("c=IN IP4 192.168.0.1\r\n") && !offered.contains("trickle"))
        let answer = try scenario.answer(audio("192.168.0.2", 4000))
        scenario.confirm()
        #expect(!answer.contains("trickle") && !answer.contains("end-of-candidates"))
        try agent.read(answer)
        #expect(scenario.takeCommands().contains { $0.hasPrefix("watch 60") }, "it is not on hold")
        _ = scenario.deliver(agent.check(), to: Self.ours, from: Self.mapped)
        #expect(scenario.media(to: Self.inside, from: Self.pbx) == Self.mapped)
        #expect(scenario.media(to: Self.ours, from: Self.mapped) == Self.pbx)
    }

    @Test(
        "Names and passwords as no agent has them are no ICE",
        arguments: [
            ("abc", "abcdefghijklmnopqrstuv"), ("abcd", "abcdefghijklmnopqrstu"), ("ab cd", "abcdefghijklmnopqrstuv"),
            ("abcd", "abcdefghijklmnopqrst-uv"), ("", ""),
            (String(repeating: "a", count: 257), "abcdefghijklmnopqrstuv"),
        ])
    func malformed(fragment: String, password: String) throws {
        let scenario = AnchorScenario(caller: .trunk, callee: .pbx)
        try scenario.offer(Self.body(["ice-ufrag:\(fragment)", "ice-pwd:\(password)"], host: "198.51.100.7"))
        #expect(try !scenario.answer(audio("192.168.0.2", 4000)).contains("ice"))
    }

    @Test("security 17: of thousands of candidates 64 are looked at, and a body's limit holds")
    func manyCandidates() throws {
        let lines = (0..<900).map { "candidate:\($0) 1 UDP 1 192.0.2.1 \($0 + 1) typ host" }
        let description = try SessionDescription(
            Array(Self.body(["ice-ufrag:abcd", "ice-pwd:abcdefghijklmnopqrstuv"] + lines).utf8))
        #expect(description.media[0].ice.candidates.count == 64)
        #expect(throws: SDPError.tooManyFields) {
            try SessionDescription(Array(Self.body(Array(repeating: "candidate:1", count: 1_100)).utf8))
        }
    }

    @Test("BUNDLE is refused by leaving the group out; a bundle-only stream is refused (RFC 9143)")
    func bundle() throws {
        let scenario = AnchorScenario(caller: Self.phone, callee: .pbx)
        let offered = try scenario.offer(
            sdp(
                "v=0", "o=- 1 1 IN IP4 10.9.9.9", "s=-", "c=IN IP4 10.9.9.9", "t=0 0", "a=group:BUNDLE a v",
                "m=audio 4000 RTP/AVP 0", "a=mid:a", "m=video 0 RTP/AVP 96", "a=mid:v", "a=bundle-only",
                "a=rtpmap:96 VP8/90000"))
        #expect(!offered.contains("BUNDLE") && !offered.contains("bundle-only") && offered.contains("m=video 0 "))
        let answer = try scenario.answer(
            sdp(
                "v=0", "o=- 1 1 IN IP4 192.168.0.2", "s=-", "c=IN IP4 192.168.0.2", "t=0 0", "m=audio 4000 RTP/AVP 0",
                "a=mid:a", "m=video 0 RTP/AVP 96", "a=mid:v"))
        #expect(!answer.contains("group") && answer.contains("m=video 0 ") && answer.contains("a=mid:a\r\n"))
    }

    @Test("Forks that share a leg: each answerer's checks are its own")
    func forks() throws {
        var seen = CheckingAgent()
        let scenario = try call(&seen)
        scenario.close()
        scenario.session = scenario.anchor.open(caller: .pbx, callee: Self.phone)
        (scenario.caller, scenario.callee) = (.pbx, Self.phone)
        let offer = try scenario.offer(audio("192.168.0.2", 4000))
        var agents = [CheckingAgent(fragment: "one1"), CheckingAgent(fragment: "two2")]
        let sources = ["198.51.100.31:1000", "198.51.100.32:2000"]
        for index in agents.indices {
            try agents[index].read(offer)
            try scenario.answer(Self.body(agents[index].lines("10.9.9.9", 4_000)), fork: UInt32(index))
        }
        for index in agents.indices {
            let check = agents[index].check()
            #expect(
                scenario.deliver(check, to: "203.0.113.1:10002", from: sources[index]).destination == sources[index])
        }
        let inner = scenario.channels.keys.filter { $0.ip == ip("192.168.0.1") && $0.port % 2 == 0 }.sorted {
            $0.port < $1.port
        }
        #expect(inner.count == 2)
        for (index, local) in inner.enumerated() {
            #expect(scenario.media(to: local.description, from: Self.pbx) == sources[index])
        }
    }
}
