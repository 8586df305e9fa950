import MediaRelay
import NetworkTypes
import Testing

/// The callee leg faces 198.51.100.1:6000 and knows further sources; the caller leg a PBX at 10.0.0.2:4000.
@Suite("Latching: which sources are believed")
struct LatchingTests {
    private let scenario = RelayScenario()
    private let stream: OpenedStream
    /// Where packets of the callee's peer go.
    private let relayed: String

    // A source of each class, the best first.
    static let signalled = "198.51.100.1:6000"
    static let signalledIP = "198.51.100.1:7000"
    static let network = "198.51.100.77:6000"
    static let signallingIP = "203.0.113.50:6000"
    static let stranger = "192.0.2.66:6000"
    static let classes = [signalled, signalledIP, network, signallingIP, stranger]

    init() {
        stream = scenario.open()
        relayed = "10.0.0.2:4000 from \(stream.caller.rtp.descriptor)"
    }

    private func commit(_ generation: UInt32 = 1, callee: LegRemote) {
        scenario.command(.prepare(stream: stream.id, leg: .caller, remote: remote(generation, "10.0.0.2:4000")))
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: callee))
        scenario.command(.commit(stream: stream.id, generation: generation))
    }

    /// A phone behind NAT: every class is possible.
    private func phone(_ generation: UInt32 = 1, _ rtp: String? = signalled) -> LegRemote {
        remote(
            generation, rtp, networks: ["198.51.100.64/26"], signalling: "203.0.113.50", any: true, fixed: false)
    }

    private func fromCallee(_ source: String) -> String { scenario.relay(on: stream.callee.rtp, from: source) }
    /// Where packets to the callee's peer go.
    private func toCallee() -> String {
        scenario.relay(on: stream.caller.rtp, from: "10.0.0.2:4000").split(separator: " ").first.map(String.init) ?? ""
    }

    /// Which of the classes above pass: signalled, signalled IP, networks, SIP source, stranger.
    private static let remotes: [(LegRemote, [Bool])] = [
        (remote(1, signalled), [true, true, false, false, false]),
        (remote(1, signalled, networks: ["198.51.100.64/26"]), [true, true, true, false, false]),
        (remote(1, signalled, signalling: "203.0.113.50"), [true, true, false, true, false]),
        (remote(1, signalled, any: true), [true, true, true, true, true]),
        (remote(1, nil), [false, false, false, false, false]),
        (remote(1, nil, signalling: "203.0.113.50"), [false, false, false, true, false]),
        (remote(1, "10.9.9.9:6000", signalling: "203.0.113.50"), [false, false, false, true, false]),
    ]

    @Test("A leg believes what signalling lets it", arguments: remotes)
    func modes(_ callee: LegRemote, _ passes: [Bool]) {
        for (source, isBelieved) in zip(Self.classes, passes) {
            let scenario = RelayScenario()
            let stream = scenario.open()
            scenario.command(.prepare(stream: stream.id, leg: .caller, remote: remote(1, "10.0.0.2:4000")))
            scenario.command(.prepare(stream: stream.id, leg: .callee, remote: callee))
            scenario.command(.commit(stream: stream.id, generation: 1))
            let result = scenario.relay(on: stream.callee.rtp, from: source)
            #expect(result.hasPrefix("10.0.0.2:4000") == isBelieved, "\(source)")
        }
    }

    @Test(
        "security 2: a better class displaces a worse one at any time, and not the other way round",
        arguments: Array(zip(classes, 0...)), Array(zip(classes, 0...)))
    func displacement(_ first: (String, Int), _ second: (String, Int)) {
        commit(callee: phone())
        #expect(fromCallee(first.0) == relayed)
        scenario.advance(.seconds(30))
        let displaces = second.1 <= first.1 || first.0 == Self.stranger
        #expect(fromCallee(second.0) == (displaces ? relayed : "source"))
        if displaces, second.0 != Self.stranger { #expect(toCallee() == second.0) }
    }

    @Test("security 3: another port of the same address does not take a latched stream over")
    func samePeer() {
        commit(callee: phone())
        #expect(fromCallee("198.51.100.1:7000") == relayed)
        for _ in 0..<1_000 {
            scenario.advance(.seconds(1))
            #expect(fromCallee("198.51.100.1:7002") == "source")
            #expect(fromCallee("198.51.100.1:7000") == relayed)
        }
        #expect(toCallee() == "198.51.100.1:7000")
        #expect(scenario.report(stream, .callee)?.counters.droppedSource == 1_000)
    }

    @Test("security 3: silence does not open the latch again")
    func silence() {
        commit(callee: phone())
        #expect(fromCallee(Self.signallingIP) == relayed)
        scenario.advance(.seconds(3_600))
        #expect(fromCallee("203.0.113.50:6001") == "source")
    }

    @Test("A re-INVITE lets the same class latch anew, once")
    func relatchAfterSignalling() {
        commit(callee: phone(1, "10.9.9.9:6000"))
        #expect(fromCallee("203.0.113.50:6000") == relayed)
        commit(2, callee: phone(2, "10.9.9.9:6000"))
        #expect(toCallee() == "203.0.113.50:6000")
        #expect(fromCallee("203.0.113.50:6001") == relayed)
        #expect(toCallee() == "203.0.113.50:6001")
        #expect(fromCallee("203.0.113.50:6000") == "source")
        scenario.advance(.seconds(5))
        #expect(fromCallee("203.0.113.50:6000") == "source")
    }

    @Test("After a re-INVITE the source that goes on sending keeps the latch")
    func refreshKeepsSource() {
        commit(callee: phone())
        #expect(fromCallee("198.51.100.1:7000") == relayed)
        commit(2, callee: phone(2))
        #expect(fromCallee("198.51.100.1:7000") == relayed)
        #expect(fromCallee("198.51.100.1:7002") == "source")
    }

    @Test("A trunk's destination stays as signalled, whatever its source port is")
    func fixedDestination() {
        commit(callee: remote(1, Self.signalled))
        #expect(fromCallee(Self.signalledIP) == relayed)
        #expect(toCallee() == Self.signalled)
        #expect(scenario.report(stream, .callee)?.source == address(Self.signalledIP))
    }

    @Test("A phone behind NAT gets its media where its own comes from")
    func symmetric() {
        commit(callee: phone(1, "192.168.7.7:4000"))
        #expect(toCallee() == "192.168.7.7:4000")
        #expect(fromCallee("203.0.113.50:33333") == relayed)
        #expect(toCallee() == "203.0.113.50:33333")
    }

    @Test("RTCP latches on its own")
    func control() {
        commit(callee: phone(1, "192.168.7.7:4000"))
        _ = fromCallee("203.0.113.50:33333")
        let toPeer = { self.scenario.relay(rtcp, on: self.stream.caller.rtcp, from: "10.0.0.2:4001") }
        #expect(toPeer().hasPrefix("192.168.7.7:4001 "))
        _ = scenario.relay(rtcp, on: stream.callee.rtcp, from: "203.0.113.50:44444")
        #expect(toPeer().hasPrefix("203.0.113.50:44444 "))
        #expect(toCallee() == "203.0.113.50:33333")
    }
}
