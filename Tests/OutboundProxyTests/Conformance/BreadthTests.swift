import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// RFC 5393 §5: how many branches a request may have at once.
@Suite struct BreadthTests {
    let proxy = ProxyHarness()

    private func breadth(_ request: Sent?) -> [String] { request?.values(.maxBreadth) ?? ["nothing was sent"] }

    @Test func `a request with one target keeps its Max-Breadth, undiminished`() throws {
        let text = CallTexts.outboundINVITE(extra: "Max-Breadth: 7")
        #expect(breadth(proxy.receive(text, on: .inside).first) == ["7"])
    }

    @Test(arguments: [Side.inside, .outside], ["Max-Forwards: 70", "max-forwards : 70 ", nil])
    func `without one, the only target gets 60, in a field of its own`(side: Side, forwards: String?) throws {
        try proxy.register()
        let text = side == .inside ? CallTexts.outboundINVITE() : CallTexts.inboundINVITE(uri: "sip:1000@203.0.113.1")
        let request = text.replacing(/Max-Forwards: \d+\n/, with: forwards.map { $0 + "\n" } ?? "")
        let sent = try #require(proxy.receive(request, on: side).first { $0.isRequest })
        #expect(breadth(sent) == ["60"])
        #expect(sent.values(.maxForwards) == [forwards == nil ? "70" : "69"])
    }

    @Test func `a request in a dialog has one, too: it may be forked as well`() throws {
        let call = try proxy.callOut()
        var pbx = call.pbx
        for method in ["INFO", "BYE"] {
            let extra = method == "INFO" ? "Info-Package: x" : ""
            #expect(breadth(proxy.receive(pbx.request(method, extra: extra), on: .inside).first) == ["60"])
        }
    }

    @Test(arguments: ["61", "100000", "99999999999999999999999", "many"])
    func `more than 60, and what is no number, becomes 60`(value: String) throws {
        let text = CallTexts.outboundINVITE(extra: "Max-Breadth: \(value)")
        #expect(breadth(proxy.receive(text, on: .inside).first) == ["60"])
    }

    @Test func `a second one goes`() throws {
        let text = CallTexts.outboundINVITE(extra: "Max-Breadth: 5\nMAX-BREADTH: 6")
        #expect(breadth(proxy.receive(text, on: .inside).first) == ["5"])
    }

    @Test func `Max-Breadth 0 allows no branch: 440`() throws {
        let sent = proxy.receive(CallTexts.outboundINVITE(extra: "Max-Breadth: 0"), on: .inside)
        #expect(sent.statuses == [440] && sent[0].start == "SIP/2.0 440 Max-Breadth Exceeded")
    }

    @Test func `several targets share it, and together never have more`() throws {
        let location = Targets.location(Targets.first, Targets.second, Targets.third)
        let first = try #require(proxy.send(Targets.invite(extra: "Max-Breadth: 7"), location).first)
        let second = try #require(proxy.advance(.seconds(4)).outside.last)
        let third = try #require(proxy.advance(.seconds(4)).outside.last)
        let shares = [first, second, third].flatMap { $0.values(.maxBreadth) }.compactMap { Int($0) }
        #expect(shares.count == 3 && shares.allSatisfy { $0 > 0 } && shares.reduce(0, +) == 7)
    }

    @Test func `without one, several targets share 60`() throws {
        let first = try #require(proxy.send(Targets.invite()).first)
        let second = try #require(proxy.advance(.seconds(4)).outside.last)
        #expect(breadth(first) == ["30"] && breadth(second) == ["30"])
    }

    @Test func `what a branch that has ended had is used again`() throws {
        let first = try #require(proxy.send(Targets.invite(extra: "Max-Breadth: 4")).first)
        let second = try #require(proxy.answer(503, to: first).outside.last)
        #expect(breadth(first) == ["2"] && breadth(second) == ["4"])
    }

    @Test func `with 1 a silent target is not left while it may still answer, but after it has failed`() throws {
        let first = try #require(proxy.send(Targets.invite(extra: "Max-Breadth: 1")).first)
        #expect(proxy.advance(.seconds(31)).outside.targets.allSatisfy { $0 == Targets.first })
        let second = try #require(proxy.answer(503, to: first).outside.last)
        #expect(second.target == Targets.second && breadth(second) == ["1"])
    }
}
