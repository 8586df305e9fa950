import MediaRelay
import NetworkTypes
import Testing

/// Both ends of a call, each with its own kind of media, and the relay between them.
private struct Call {
    let scenario: AnchorScenario
    let caller: MediaAgent
    let callee: MediaAgent

    init(_ caller: MediaKind, _ callee: MediaKind) {
        self.caller = MediaAgent(caller, "192.168.0.2", 4000)
        self.callee = MediaAgent(callee, "198.51.100.7", 5000)
        var (pbx, trunk) = (MediaPeer.pbx, MediaPeer.trunk)
        (pbx.srtp, pbx.keying) = (caller.policy, caller.keying)
        (trunk.srtp, trunk.keying) = (callee.policy, callee.keying)
        trunk.isSignallingSecure = true
        // Whoever answers begins outside and waits inside.
        self.caller.beginsHandshakes = false
        scenario = AnchorScenario(caller: pbx, callee: trunk)
    }

    private func agent(_ end: LegEnd) -> MediaAgent { end == .caller ? caller : callee }

    func exchange(from end: LegEnd) throws {
        let (offerer, answerer) = (agent(end), agent(end.opposite))
        let answer = try answerer.answer(scenario.offer(offerer.offer(), from: end))
        try offerer.accept(scenario.answer(answer, from: end.opposite))
        try scenario.shakeHands(caller, callee)
    }

    /// Both hear each other, over as many packets as pass a roll-over.
    func talk() throws {
        for _ in 0..<4 {
            #expect(try caller.talk(to: callee, through: scenario))
            #expect(try callee.talk(to: caller, through: scenario))
        }
    }
}

struct MatrixCase: CustomTestStringConvertible {
    let caller: MediaKind
    let callee: MediaKind
    /// The end that makes the first offer: the callee where it comes with the 200.
    let offerer: LegEnd

    var testDescription: String { "\(caller) to \(callee), offer of the \(offerer)" }

    static let all = MediaKind.allCases.flatMap { caller in
        MediaKind.allCases.flatMap { callee in
            LegEnd.allCases.map { MatrixCase(caller: caller, callee: callee, offerer: $0) }
        }
    }
}

@Suite("Each leg has its own profile and keys")
struct SecurityMatrixTests {
    private func call(_ matrix: MatrixCase) throws -> Call {
        let call = Call(matrix.caller, matrix.callee)
        try call.exchange(from: matrix.offerer)
        call.scenario.confirm()
        return call
    }

    @Test("a call, with media both ways at once", arguments: MatrixCase.all)
    func plainCall(_ matrix: MatrixCase) throws { try call(matrix).talk() }

    @Test("re-INVITEs from either end with the same keys: the roll-over counts go on", arguments: MatrixCase.all)
    func reinvite(_ matrix: MatrixCase) throws {
        let call = try call(matrix)
        for end in LegEnd.allCases + LegEnd.allCases {
            try call.talk()
            _ = call.scenario.takeCommands()
            try call.exchange(from: end)
            #expect(call.scenario.takeCommands().allSatisfy { $0.hasPrefix("commit") })
        }
        try call.talk()
    }

    @Test("re-INVITEs from either end with new keys: they start at 0", arguments: MatrixCase.all)
    func newKeys(_ matrix: MatrixCase) throws {
        let call = try call(matrix)
        for (end, number) in [(LegEnd.caller, 10), (.callee, 20), (.caller, 30)] {
            try call.talk()
            let agent = end == .caller ? call.caller : call.callee
            agent.renewKeys()
            if agent.kind != .plain { agent.number = number }
            try call.exchange(from: end)
        }
        try call.talk()
    }

    @Test("hold and retrieval by either end", arguments: MatrixCase.all)
    func hold(_ matrix: MatrixCase) throws {
        let call = try call(matrix)
        for end in LegEnd.allCases {
            let (holder, held) = end == .caller ? (call.caller, call.callee) : (call.callee, call.caller)
            (holder.direction, held.direction) = ("sendonly", "recvonly")
            try call.exchange(from: end)
            #expect(try holder.talk(to: held, through: call.scenario))
            (holder.direction, held.direction) = ("sendrecv", "sendrecv")
            try call.exchange(from: end)
            try call.talk()
        }
    }

    @Test("a codec change", arguments: MatrixCase.all)
    func codec(_ matrix: MatrixCase) throws {
        let call = try call(matrix)
        try call.talk()
        for agent in [call.caller, call.callee] { agent.payloadType = 8 }
        try call.exchange(from: matrix.offerer.opposite)
        try call.talk()
    }

    @Test("every suite that is offered, and every one that may be offered to us", arguments: CryptoSuite.allCases)
    func suites(_ suite: CryptoSuite) throws {
        for kind in [MediaKind.secure, .opportunistic] {
            let call = Call(kind, .plain)
            call.caller.suite = suite
            call.caller.renewKeys()
            try call.exchange(from: .caller)
            try call.talk()
        }
        if suite.tagLength == 4 { return }
        let call = Call(.plain, .secure)
        call.callee.suite = suite
        call.callee.renewKeys()
        try call.exchange(from: .caller)
        try call.talk()
    }

    @Test("a failed re-INVITE with new keys leaves the old ones as they were", arguments: [LegEnd.caller, .callee])
    func failed(_ end: LegEnd) throws {
        let call = Call(.secure, .secure)
        try call.exchange(from: .caller)
        call.scenario.confirm()
        try call.talk()
        let stranger = MediaAgent(
            .secure, end == .caller ? "192.168.0.2" : "198.51.100.7", end == .caller ? 4000 : 5000)
        try call.scenario.offer(stranger.offer(), from: end)
        call.scenario.rollback()
        try call.talk()
        try call.exchange(from: end)
        try call.talk()
    }
}
