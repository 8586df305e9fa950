import MediaRelay
import NetworkTypes
import SDP
import STUN
import Testing

@Suite("ICE-lite (RFC 8445, RFC 8839)")
struct ICETests: CallsOfICEPhone {
    private static let oursControl = "203.0.113.1:10001"

    @Test("An offer with an agent is answered with a lite one: one candidate a component, the default one")
    func answered() throws {
        var agent = CheckingAgent()
        let scenario = AnchorScenario(caller: Self.phone, callee: .pbx)
        try scenario.offer(
            Self.body(agent.lines("10.9.9.9", 4_000, "ice-options:trickle", "end-of-candidates")))
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
