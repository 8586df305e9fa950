import MediaRelay
import NetworkTypes
import SDP
import Testing

@Suite("ICE through offers and answers")
struct ICENegotiationTests: CallsOfICEPhone {
    /// The same, once a check has nominated where the media goes.
    private func checkedCall(_ agent: inout CheckingAgent) throws -> AnchorScenario {
        let scenario = try call(&agent)
        _ = scenario.deliver(agent.check(), to: Self.ours, from: Self.mapped)
        _ = scenario.takeCommands()
        return scenario
    }

    @Test("Re-INVITEs from either side keep name and password, and the pair in use")
    func reINVITE() throws {
        var agent = CheckingAgent()
        let scenario = try checkedCall(&agent)
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
        let scenario = try checkedCall(&agent)
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
        let scenario = try checkedCall(&agent)
        let next = CheckingAgent(fragment: "other", password: "another+password+of+24+ch")
        try scenario.offer(Self.body(next.lines("10.9.9.9", 4_000)))
        scenario.rollback()
        #expect(scenario.media(to: Self.inside, from: Self.pbx) == Self.mapped)
        #expect(scenario.deliver(agent.check(), to: Self.ours, from: Self.mapped).destination == Self.mapped)
    }

    @Test("Hold by an unspecified address stops what is sent; the pair is there again after it")
    func hold() throws {
        var agent = CheckingAgent()
        let scenario = try checkedCall(&agent)
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
        let first = try checkedCall(&agent)
        let offer = try callBack(after: first)
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

    @Test("What a phone has shown to one shard all shards know; of another address nothing is known")
    func offeredByOthers() throws {
        var settings = AnchorScenario.settings
        settings.phonesWithICE = OwnPhonesWithICE()
        let shards = (0..<2).map { AnchorScenario(settings.shard($0, of: 2), caller: .pbx, callee: Self.phone) }
        #expect(try !shards[1].offer(audio("192.168.0.2", 4000)).contains("ice"))
        shards[1].rollback()
        (shards[0].caller, shards[0].callee) = (Self.phone, .pbx)
        try shards[0].offer(Self.body(CheckingAgent().lines("10.9.9.9", 4_000)))
        #expect(try shards[1].offer(audio("192.168.0.2", 4000)).contains("a=ice-ufrag:"))
        var neighbour = Self.phone
        neighbour.signallingAddress = ip("198.51.100.98")
        let other = AnchorScenario(settings.shard(1, of: 2), caller: .pbx, callee: neighbour)
        #expect(try !other.offer(audio("192.168.0.2", 4000)).contains("ice"))
    }

    @Test("An answer without ICE to our offer makes a plain leg")
    func plainAnswer() throws {
        var agent = CheckingAgent()
        let scenario = try checkedCall(&agent)
        let offer = try callBack(after: scenario)
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
        let scenario = try checkedCall(&seen)
        let offer = try callBack(after: scenario)
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
