import MediaRelay
import NetworkTypes
import Testing

/// Tests with a remote phone that has an ICE agent and is behind a NAT, and with its call to the PBX.
protocol CallsOfICEPhone {}

extension CallsOfICEPhone {
    static var ours: String { "203.0.113.1:10000" }
    static var inside: String { "192.168.0.1:10000" }
    static var pbx: String { "192.168.0.2:4000" }
    /// Where the phone's checks come from, which its SDP does not name.
    static var mapped: String { "198.51.100.99:40000" }

    static var phone: MediaPeer {
        var peer = MediaPeer.phone
        peer.isPhone = true
        return peer
    }

    /// A body of the phone, or of another host, with these attributes.
    static func body(_ lines: [String], host: String = "10.9.9.9", port: Int = 4_000) -> String {
        audio(host, port) + lines.map { "a=\($0)\r\n" }.joined()
    }

    /// A call to the PBX; what the phone gets as its answer has been read by the agent.
    func call(_ agent: inout CheckingAgent) throws -> AnchorScenario {
        let scenario = AnchorScenario(caller: Self.phone, callee: .pbx)
        let offered = try scenario.offer(Self.body(agent.lines("10.9.9.9", 4_000)))
        #expect(!offered.contains("ice") && !offered.contains("candidate"), "the PBX has shown none: \(offered)")
        try agent.read(try scenario.answer(audio("192.168.0.2", 4000)))
        scenario.confirm()
        return scenario
    }

    /// The call has ended, and the PBX calls the phone; what it is offered.
    func callBack(after scenario: AnchorScenario) throws -> String {
        scenario.close()
        scenario.session = scenario.anchor.open(caller: .pbx, callee: Self.phone)
        (scenario.caller, scenario.callee) = (.pbx, Self.phone)
        return try scenario.offer(audio("192.168.0.2", 4000))
    }
}
