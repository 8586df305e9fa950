import MediaRelay
import NetworkTypes
import Testing

/// The offer left by the callee leg; each answer has its own caller leg.
@Suite("Forks: one offer, several answers")
struct ForkTests {
    private let scenario = RelayScenario()
    private let first: OpenedStream
    private let second: OpenedStream

    init() {
        first = scenario.open()
        let id = RelayStreamID(session: first.id.session, index: 1)
        let own = scenario.sockets("10.0.0.1", 30_000)
        scenario.command(.fork(stream: id, of: first.id, shared: .callee, own: own))
        second = OpenedStream(id: id, caller: own, callee: first.callee)
    }

    private func answer(_ stream: OpenedStream, _ callee: LegRemote) {
        scenario.command(.prepare(stream: stream.id, leg: .caller, remote: remote(1, "10.0.0.2:4000")))
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: callee))
        scenario.command(.commit(stream: stream.id, generation: 1))
    }

    private func fromCallee(_ source: String) -> String { scenario.relay(on: first.callee.rtp, from: source) }
    private func toCaller(_ stream: OpenedStream) -> String { "10.0.0.2:4000 from \(stream.caller.rtp.descriptor)" }

    @Test("Each answerer's packets reach the caller from that answer's own socket, and the other way")
    func separate() {
        answer(first, remote(1, "198.51.100.1:6000"))
        answer(second, remote(1, "198.51.100.2:6000"))
        for _ in 0..<3 {
            #expect(fromCallee("198.51.100.1:6000") == toCaller(first))
            #expect(fromCallee("198.51.100.2:6000") == toCaller(second))
        }
        let shared = first.callee.rtp.descriptor
        #expect(
            scenario.relay(on: first.caller.rtp, from: "10.0.0.2:4000") == "198.51.100.1:6000 from \(shared)")
        #expect(
            scenario.relay(on: second.caller.rtp, from: "10.0.0.2:4000") == "198.51.100.2:6000 from \(shared)")
        #expect(scenario.report(first, .callee)?.counters.packets == 3)
        #expect(scenario.report(second, .callee)?.counters.packets == 3)
    }

    @Test("Two answerers behind one address are told apart by their ports")
    func sameAddress() {
        answer(first, remote(1, "10.9.9.1:6000", signalling: "203.0.113.50", fixed: false))
        #expect(fromCallee("203.0.113.50:1111") == toCaller(first))
        answer(second, remote(1, "10.9.9.2:6000", signalling: "203.0.113.50", fixed: false))
        #expect(fromCallee("203.0.113.50:1111") == toCaller(first))
        #expect(fromCallee("203.0.113.50:2222") == toCaller(second))
        #expect(fromCallee("203.0.113.50:1111") == toCaller(first))
        #expect(fromCallee("203.0.113.50:3333") == "source")
    }

    @Test("An exact address beats a matching network")
    func bestClass() {
        answer(first, remote(1, "198.51.100.1:6000", networks: ["198.51.100.0/24"]))
        answer(second, remote(1, "198.51.100.2:6000"))
        #expect(fromCallee("198.51.100.2:6000") == toCaller(second))
        #expect(fromCallee("198.51.100.3:6000") == toCaller(first))
    }

    @Test("Of two answers that name one address the later counts")
    func sameSource() {
        answer(first, remote(1, "198.51.100.1:6000"))
        #expect(fromCallee("198.51.100.1:6000") == toCaller(first))
        answer(second, remote(1, "198.51.100.1:6000"))
        #expect(fromCallee("198.51.100.1:6000") == toCaller(second))
        scenario.command(.close(stream: second.id))
        #expect(fromCallee("198.51.100.1:6000") == toCaller(first))
    }

    @Test("A stranger to every fork is dropped and counted")
    func stranger() {
        answer(first, remote(1, "198.51.100.1:6000"))
        answer(second, remote(1, "198.51.100.2:6000"))
        #expect(fromCallee("192.0.2.66:6000") == "source")
        #expect(scenario.report(first, .callee)?.counters.droppedSource == 1)
    }

    @Test("security 7: the shared sockets live as long as any fork, each fork's own as long as it")
    func sockets() {
        answer(first, remote(1, "198.51.100.1:6000"))
        answer(second, remote(1, "198.51.100.2:6000"))
        scenario.command(.close(stream: first.id))
        #expect(scenario.closed == [first.caller.rtp.descriptor, first.caller.rtcp.descriptor])
        #expect(fromCallee("198.51.100.2:6000") == toCaller(second))
        #expect(fromCallee("198.51.100.1:6000") == "source")
        scenario.command(.close(stream: second.id))
        let all = [first.caller, second.caller, first.callee].flatMap { [$0.rtp.descriptor, $0.rtcp.descriptor] }
        #expect(Set(scenario.closed) == Set(all))
        #expect(scenario.closed.count == 6)
    }
}
