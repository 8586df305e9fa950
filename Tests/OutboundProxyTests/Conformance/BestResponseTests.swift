import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Which refusal goes up when there are several (RFC 3261 §16.7 steps 5 to 7).
@Suite struct BestResponseTests {
    let proxy = ProxyHarness()

    /// Both targets have the INVITE: the first was silent for too long.
    private func forked() throws -> (first: Sent, second: Sent) {
        let first = try #require(proxy.send(Targets.invite()).first)
        let second = try #require(proxy.advance(.seconds(4)).outside.last)
        #expect(second.target == Targets.second)
        return (first, second)
    }

    @Test func `a late 6xx ends the search: the other branch is cancelled, and it goes up`() throws {
        let (first, second) = try forked()
        proxy.answer(180, to: second)
        let sent = proxy.answer(603, to: first)
        #expect(sent.outside.map(\.method) == [.ack, .cancel] && sent.inside.isEmpty)
        #expect(sent.outside.targets == [Targets.first, Targets.second])
        #expect(proxy.answer(487, to: second).inside.statuses == [603])
        proxy.expectNothingLeft()
    }

    @Test func `after a 6xx no other target is tried`() throws {
        let first = try #require(proxy.send(Targets.invite(), Targets.location(Targets.first, Targets.second)).first)
        let sent = proxy.answer(600, to: first)
        #expect(sent.outside.map(\.method) == [.ack] && sent.inside.statuses == [600])
        proxy.expectNothingLeft()
    }

    @Test func `challenges of all branches go up with the best one, each as it came`() throws {
        let (first, second) = try forked()
        let one = "Proxy-Authenticate: Digest realm=\"one\", nonce=\"1\""
        let other = "WWW-Authenticate: Digest realm=\"two\", nonce=\"2\""
        #expect(proxy.answer(407, to: first, extra: one).inside.isEmpty)
        let up = try #require(proxy.answer(401, to: second, extra: other).inside.first)
        #expect(up.status == 407)
        let lines = up.text.split(separator: "\r\n").map(String.init)
        #expect(lines.filter { $0.contains("Authenticate:") } == [one, other])
        proxy.expectNothingLeft()
    }

    @Test(arguments: [
        (404, 415, 415), (415, 404, 415), (404, 480, 404), (500, 404, 404), (404, 500, 404), (503, 404, 404),
        (404, 503, 404), (302, 404, 302), (486, 600, 600), (503, 503, 500), (401, 302, 302),
    ])
    func `6xx, then the lowest class, in 4xx what says how to ask again, and 503 last`(
        late: Int, last: Int, best: Int
    ) throws {
        let (first, second) = try forked()
        proxy.answer(late, to: first)
        #expect(proxy.answer(last, to: second).inside.statuses == [best])
        proxy.expectNothingLeft()
    }

    @Test func `a refusal of the one that was left counts when the other never answers`() throws {
        let (first, _) = try forked()
        #expect(proxy.answer(404, to: first).inside.isEmpty)
        #expect(proxy.advance(.seconds(40)).inside.statuses.filter { $0 >= 300 }.first == 404)
        proxy.expectNothingLeft()
    }

    @Test func `a challenge alone has no foreign ones`() throws {
        let first = try #require(proxy.send(Targets.invite()).first)
        let up = try #require(proxy.answer(401, to: first, extra: "WWW-Authenticate: Digest realm=\"a\"").inside.first)
        #expect(up.values(.wwwAuthenticate).count == 1 && up.values(.proxyAuthenticate).isEmpty)
    }
}
