import MediaRelay
import NetworkTypes
import Testing

/// Two confirmed calls of a PBX with two trunks, at 198.51.100.7:5000 and 198.51.100.8:6000.
@Suite("Direct media between trunks that the PBX puts together")
struct DirectMediaTests {
    private let scenario: AnchorScenario
    private let one: RelaySessionID
    private let two: RelaySessionID

    init() throws { try self.init(isOn: true) }

    private init(
        isOn: Bool, peer: MediaPeer = .trunk, _ first: [String] = [], _ second: [String] = [], isConfirmed: Bool = true
    ) throws {
        var settings = AnchorScenario.settings
        if isOn { settings.farEnds = OwnFarEnds() }
        scenario = AnchorScenario(settings, callee: peer)
        one = scenario.session
        two = scenario.anchor.open(caller: .pbx, callee: peer)
        for (session, host, port, attributes) in [
            (one, "198.51.100.7", 5000, first), (two, "198.51.100.8", 6000, second),
        ] as [(RelaySessionID, String, Int, [String])] {
            scenario.session = session
            try scenario.offer(audio("192.168.0.2", 4000))
            try scenario.answer(body(host, port, attributes))
            if isConfirmed { scenario.confirm() }
        }
        _ = scenario.takeCommands()
    }

    private func body(_ host: String, _ port: Int, _ attributes: [String]) -> String {
        audio(host, port) + attributes.map { "a=\($0)\r\n" }.joined()
    }

    /// The inside port of a call, as the PBX knows it.
    private func port(_ session: RelaySessionID) -> Int { session == one ? 10_000 : 10_002 }

    /// The PBX's re-INVITE in one call that names the other; what the trunk gets.
    @discardableResult
    private func join(_ session: RelaySessionID, _ other: Int) throws -> String {
        scenario.session = session
        return try scenario.offer(audio("192.168.0.1", other))
    }

    private let direct = (one: "c=IN IP4 198.51.100.8\r\n", two: "c=IN IP4 198.51.100.7\r\n")

    @Test("Each trunk is told the other's address, the PBX ours")
    func told() throws {
        let first = try join(one, port(two))
        #expect(first.contains("c=IN IP4 198.51.100.8\r\n") && first.contains("m=audio 6000 "))
        #expect(first.contains(" IN IP4 203.0.113.1\r\ns=") || !first.contains("o="))
        #expect(!first.contains("203.0.113.1\r\nt=") && !first.contains("192.168"))
        let answer = try scenario.answer(audio("198.51.100.7", 5000))
        #expect(answer == audio("192.168.0.1", 10_000))
        let second = try join(two, port(one))
        #expect(second.contains("c=IN IP4 198.51.100.7\r\n") && second.contains("m=audio 5000 "))
        #expect(try scenario.answer(audio("198.51.100.8", 6000)) == audio("192.168.0.1", 10_002))
    }

    @Test("A retransmission says the same")
    func retransmission() throws {
        let first = try join(one, port(two))
        #expect(try scenario.offer(audio("192.168.0.1", port(two)), exchange: scenario.latest) == first)
    }

    @Test("Silence is not watched while media flows past us, and is again when it is back")
    func watch() throws {
        try join(one, port(two))
        try scenario.answer(audio("198.51.100.7", 5000))
        #expect(scenario.takeCommands().contains { $0.hasPrefix("watch") && $0.hasSuffix("nothing") })
        let back = try scenario.offer(audio("192.168.0.2", 4000))
        #expect(back == audio("203.0.113.1", 10_000))
        try scenario.answer(audio("198.51.100.7", 5000))
        #expect(scenario.takeCommands().contains { $0.hasPrefix("watch") && !$0.hasSuffix("nothing") })
    }

    @Test("A trunk's own re-INVITE is answered with the other's address as well")
    func answered() throws {
        try join(one, port(two))
        try scenario.answer(audio("198.51.100.7", 5000))
        #expect(try scenario.offer(audio("198.51.100.7", 5000), from: .callee) == audio("192.168.0.1", 10_000))
        let answer = try scenario.answer(audio("192.168.0.1", port(two)), from: .caller)
        #expect(answer.contains(direct.one) && answer.contains("m=audio 6000 "))
    }

    @Test("A trunk that moves while another sends to it shows the PBX another port, in an offer and in an answer")
    func moves() throws {
        try join(one, port(two))
        try scenario.answer(audio("198.51.100.7", 5000))
        try join(two, port(one))
        // An answer with another port: what the PBX gets has another port, too.
        let moved = try scenario.answer(audio("198.51.100.8", 6002))
        #expect(moved == audio("192.168.0.1", 10_004))
        #expect(try join(one, 10_004).contains("m=audio 6002 "))
        try scenario.answer(audio("198.51.100.7", 5000))
        // An offer with another port.
        let offered = try scenario.offer(audio("198.51.100.7", 5002), from: .callee)
        #expect(offered == audio("192.168.0.1", 10_006))
        let answer = try scenario.answer(audio("192.168.0.1", 10_004), from: .caller)
        #expect(answer.contains(direct.one) && answer.contains("m=audio 6002 "))
        #expect(try join(two, 10_006).contains("m=audio 5002 "))
        try scenario.answer(audio("198.51.100.8", 6002))
        // Ports of before are free again: a pair on each side of a call.
        #expect(scenario.binder.bound.count == 8)
        for session in [one, two] {
            scenario.session = session
            scenario.close()
        }
        #expect(scenario.binder.bound.isEmpty)
    }

    @Test("Hold goes to the trunk as it is, and what follows it is direct again")
    func hold() throws {
        try join(one, port(two))
        try scenario.answer(audio("198.51.100.7", 5000))
        let hold = try scenario.offer(audio("0.0.0.0", port(two)))
        #expect(hold.contains("c=IN IP4 0.0.0.0\r\n"))
        try scenario.answer(audio("198.51.100.7", 5000))
        #expect(try join(one, port(two)).contains(direct.one))
    }

    @Test("A re-INVITE that fails changes nothing")
    func fails() throws {
        try join(one, port(two))
        scenario.rollback()
        #expect(!scenario.takeCommands().contains { $0.hasPrefix("watch") })
        #expect(try scenario.offer(audio("198.51.100.7", 5000), from: .callee) == audio("192.168.0.1", 10_000))
    }

    @Test("Nobody is told of a call that is over: its port is refused")
    func over() throws {
        scenario.session = two
        scenario.close()
        #expect(throws: MediaRefusal.self) { try join(one, port(two)) }
    }

    @Test("What is not plain, plainly reachable and between trunks stays relayed")
    func relayed() throws {
        let crypto = "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + String(repeating: "A", count: 40)
        var optional = MediaPeer.trunk
        (optional.srtp, optional.isSignallingSecure) = (.optional, true)
        let cases: [(String, DirectMediaTests)] = try [
            ("off", DirectMediaTests(isOn: false)),
            ("a phone", DirectMediaTests(isOn: true, peer: .phone)),
            ("the other has keys", DirectMediaTests(isOn: true, peer: optional, [], [crypto])),
            ("its own keys", DirectMediaTests(isOn: true, peer: optional, [crypto], [])),
            ("keys are offered", DirectMediaTests(isOn: true, peer: optional)),
            ("ICE of the other", DirectMediaTests(isOn: true, [], ["ice-ufrag:abcd"])),
            ("its own ICE", DirectMediaTests(isOn: true, ["candidate:1 1 UDP 1 198.51.100.7 5000 typ host"], [])),
            ("RTCP elsewhere", DirectMediaTests(isOn: true, [], ["rtcp:7000"])),
            ("not answered yet", DirectMediaTests(isOn: true, isConfirmed: false)),
        ]
        for (name, tests) in cases {
            let body = try tests.join(tests.one, tests.port(tests.two))
            #expect(body.contains("c=IN IP4 203.0.113.1\r\n") && body.contains("m=audio 10000 "), "\(name)")
            #expect(!body.contains("198.51.100.8"), "\(name)")
        }
    }

    @Test("security 13: who names a port of ours from outside learns nothing of who is behind it")
    func outsider() throws {
        scenario.session = one
        let offer = try scenario.offer(audio("203.0.113.1", 10_002), from: .callee)
        #expect(offer == audio("192.168.0.1", 10_000))
    }

    @Test("All streams of a body, or none")
    func allOrNone() throws {
        let video = "m=video 4002 RTP/AVP 96\r\nc=IN IP4 192.168.0.2\r\na=rtpmap:96 H264/90000\r\n"
        scenario.session = one
        let mixed = try scenario.offer(audio("192.168.0.1", port(two)) + video)
        #expect(mixed.contains("c=IN IP4 203.0.113.1\r\n") && !mixed.contains("198.51.100.8"))
        scenario.rollback()
        let refused = "m=video 0 RTP/AVP 96\r\n"
        #expect(try scenario.offer(audio("192.168.0.1", port(two)) + refused).contains(direct.one))
    }
}

/// Sendable, because each test has its own and one thread.
private final class OwnFarEnds: FarEndSharing, @unchecked Sendable {
    private var ends = FarEnds()

    func withFarEnds<Result: Sendable>(_ body: (inout FarEnds) -> Result) -> Result { body(&ends) }
}
