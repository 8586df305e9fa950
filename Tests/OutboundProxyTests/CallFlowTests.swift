import TestSupport
import Testing

/// The flows of RFC 3665 §3 that go through a Record-Routing proxy: what arrives there is given to ours, and what the
/// RFC says leaves must leave.
///
/// Left out: §3.1 (no proxy), §3.5 (an ALG with other rules), §3.7 (the proxy does not record its route, so what
/// follows never reaches it), §3.9 (its 486s are not in the corpus), and where a proxy challenges for itself: F1 to F3
/// of §3.2 and §3.3, F7 of §3.3 as Proxy 2, F8 to F10 of §3.4, F1 to F3 of §3.6 (a redirect server). In §3.10 Proxy 2
/// itself says 480 for a UA that does not answer.
@Suite struct CallFlowTests {
    struct Play: Sendable, CustomTestStringConvertible {
        let section: String
        let role: FlowRole
        /// The first message that is played.
        let start: Int

        var testDescription: String { "§\(section) as \(role.proxy), from F\(start)" }
    }

    static let plays = [
        Play(section: "3.2", role: .proxy1, start: 4), Play(section: "3.3", role: .proxy1, start: 4),
        Play(section: "3.8", role: .proxy1, start: 1), Play(section: "3.10", role: .proxy1, start: 1),
        Play(section: "3.11", role: .proxy1, start: 1), Play(section: "3.2", role: .proxy2, start: 4),
        Play(section: "3.3", role: .proxy2, start: 13), Play(section: "3.4", role: .proxy2, start: 11),
        Play(section: "3.8", role: .proxy2, start: 1), Play(section: "3.11", role: .proxy2, start: 1),
        Play(section: "3.6", role: .proxy3, start: 4),
    ]

    @Test(.enabled(if: Corpus.isPresent), arguments: plays)
    func `RFC 3665`(play: Play) throws {
        let player = try FlowPlayer(play.role)
        let flow = try FlowMessage.all(in: play.section).filter { $0.number >= play.start }
        #expect(flow.count >= 8)
        for message in flow { try player.play(message) }
        player.finish()
    }
}
