import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// When a target fails the next one is tried within the same server transaction (RFC 3263 §4.3, design §5).
@Suite struct FailoverTests {
    let proxy = ProxyHarness()

    // MARK: When the next target is tried

    @Test func `a 503: the next target gets the INVITE with a branch of its own, the caller hears nothing`() throws {
        let first = try #require(proxy.send(Targets.invite()).first)
        #expect(first.target == Targets.first)
        let sent = proxy.answer(503, to: first)
        #expect(sent.map(\.method) == [.ack, .invite] && sent.targets == [Targets.first, Targets.second])
        #expect(sent[0].values(.via) == Array(first.values(.via).prefix(1)))
        let second = sent[1]
        #expect(second.values(.via) != first.values(.via) && second.values(.via).count == 1)
        #expect(second.body == first.body && second.uri(.contact) == first.uri(.contact))
        let ok = proxy.answer(200, to: second)
        #expect(ok.statuses == [200] && ok[0].side == .inside)
        #expect(proxy.core.callCount == 1 && proxy.media.open.count == 1)
    }

    @Test(arguments: ["INVITE", "OPTIONS", "MESSAGE"])
    func `a transport error: the next target`(method: String) throws {
        let text = Targets.invite(body: nil).replacing("INVITE", with: method)
        let first = try #require(proxy.send(text).first)
        let sent = proxy.refuse(first)
        #expect(sent.targets == [Targets.second] && sent[0].method.name.description == method)
        let failed = proxy.refuse(sent[0])
        #expect(failed.statuses == [503] && failed[0].header(.retryAfter) == "10")
        proxy.expectNothingLeft()
    }

    @Test(arguments: ["INVITE", "REGISTER", "OPTIONS"])
    func `a silent UDP target is left after 4 s, and not repeated any more`(method: String) throws {
        let text =
            method == "REGISTER" ? Targets.register() : Targets.invite(body: nil).replacing("INVITE", with: method)
        #expect(proxy.send(text).targets == [Targets.first])
        #expect(proxy.advance(.milliseconds(3999)).outside.targets.allSatisfy { $0 == Targets.first })
        let sent = proxy.advance(.milliseconds(1)).outside
        #expect(sent.targets == [Targets.second])
        #expect(proxy.advance(.seconds(20)).outside.targets.allSatisfy { $0 == Targets.second })
        proxy.expectNothingLeft()
    }

    @Test func `whoever says 100 in time is not left`() throws {
        let first = try #require(proxy.send(Targets.invite()).first)
        proxy.answer(100, to: first)
        #expect(proxy.advance(.seconds(60)).outside.isEmpty)
        #expect(proxy.answer(200, to: first).statuses == [200])
    }

    @Test(arguments: [400, 404, 408, 486, 500, 504, 600])
    func `any other refusal is an answer`(status: Int) throws {
        let first = try #require(proxy.send(Targets.invite()).first)
        let sent = proxy.answer(status, to: first)
        #expect(sent.outside.map(\.method) == [.ack] && sent.inside.statuses == [status])
    }

    // MARK: What the caller hears in the end

    @Test func `all are silent: 408 to the INVITE when the last one's timer B has fired`() throws {
        _ = proxy.send(Targets.invite())
        let early = proxy.advance(.milliseconds(35_999)).inside
        #expect(early.statuses == [100])
        #expect(proxy.advance(.milliseconds(1)).inside.statuses == [408])
        #expect(proxy.core.callCount == 0 && proxy.media.open.isEmpty)
        proxy.expectNothingLeft()
    }

    @Test(arguments: ["REGISTER", "OPTIONS"])
    func `all are silent: nothing to any other request, and nothing goes out after 32 s (RFC 4320)`(
        method: String
    ) throws {
        let text =
            method == "REGISTER" ? Targets.register() : Targets.invite(body: nil).replacing("INVITE", with: method)
        _ = proxy.send(text)
        #expect(proxy.advance(.seconds(32)).inside.filter { $0.status != 100 }.isEmpty)
        #expect(proxy.advance(.seconds(60)).isEmpty)
        proxy.expectNothingLeft()
    }

    @Test func `no more targets are tried than fit into 32 s`() throws {
        let many = (1...20).map { Target(.udp, ProxyHarness.address("203.0.113.1\($0):5060")) }
        _ = proxy.receive(Targets.register(), on: .inside)
        let located = many.enumerated().map { LocatedTarget($1, rank: $0) }
        var sent = proxy.locate(Targets.name, .targets(located))
        sent += proxy.advance(.seconds(100))
        #expect(Set(sent.outside.targets).count == 8)
        proxy.expectNothingLeft()
    }

    @Test func `all say 503: 500 goes up; the best of several answers does`() throws {
        var first = try #require(proxy.send(Targets.invite()).first)
        var second = try #require(proxy.answer(503, to: first).last)
        #expect(proxy.answer(503, to: second).inside.statuses == [500])
        let other = ProxyHarness()
        first = try #require(other.send(Targets.invite()).first)
        second = try #require(other.answer(503, to: first).last)
        #expect(other.answer(404, to: second).inside.statuses == [404])
        let silent = ProxyHarness()
        first = try #require(silent.send(Targets.invite()).first)
        _ = silent.answer(503, to: first)
        // §16.8: a timeout counts as 408, which is of the better class.
        #expect(silent.advance(.seconds(33)).inside.statuses.filter { $0 != 100 }.first == 408)
    }

    @Test(arguments: ["REGISTER", "INVITE"])
    func `trouble of ours with a registration is 503 with Retry-After, never 408 (design §5)`(method: String) throws {
        let text = method == "REGISTER" ? Targets.register() : Targets.invite()
        for location in [Location.unknownName, .unavailable, Targets.location(Targets.target("udp:192.168.0.9:5060"))] {
            let proxy = ProxyHarness()
            let sent = proxy.send(text, location)
            #expect(sent.statuses == [503] && sent[0].header(.retryAfter) == "10")
        }
        let first = try #require(proxy.send(text).first)
        let second = try #require(proxy.advance(.seconds(4)).outside.last)
        #expect(first.target == Targets.first && second.target == Targets.second)
        let failed = proxy.refuse(second)
        #expect(failed.inside.statuses == [503] && failed[0].header(.retryAfter) == "10")
    }

    // MARK: Late answers

    private func failedOver(_ text: String = Targets.invite()) throws -> (first: Sent, second: Sent) {
        let first = try #require(proxy.send(text).first)
        let second = try #require(proxy.advance(.seconds(4)).outside.last)
        #expect(second.target == Targets.second)
        return (first, second)
    }

    @Test func `a late 180 gets CANCEL and goes no further; its 487 gets ACK`() throws {
        let (first, second) = try failedOver()
        let sent = proxy.answer(180, to: first, tag: "late")
        #expect(sent.map(\.method) == [.cancel] && sent.targets == [Targets.first])
        #expect(sent[0].values(.via) == Array(first.values(.via).prefix(1)))
        #expect(proxy.answer(200, to: sent[0]).isEmpty)
        let ack = proxy.answer(487, to: first, tag: "late")
        #expect(ack.map(\.method) == [.ack] && ack.targets == [Targets.first])
        #expect(proxy.answer(180, to: second).statuses == [180])
        #expect(proxy.answer(200, to: second).statuses == [200])
        #expect(proxy.core.callCount == 1)
    }

    @Test func `a late refusal gets ACK and goes no further`() throws {
        let (first, second) = try failedOver()
        #expect(proxy.answer(486, to: first, tag: "late").map(\.method) == [.ack])
        #expect(proxy.answer(486, to: first, tag: "late").map(\.method) == [.ack])
        #expect(proxy.answer(200, to: second).statuses == [200])
    }

    @Test func `the 487 that our own CANCEL has brought is nobody's answer`() throws {
        let (first, second) = try failedOver()
        #expect(proxy.answer(180, to: first, tag: "late").map(\.method) == [.cancel])
        #expect(proxy.answer(487, to: first, tag: "late").map(\.method) == [.ack])
        #expect(proxy.answer(500, to: second).inside.statuses == [500])
    }

    @Test func `a late 2xx after another target's: ACK and BYE from us, once`() throws {
        let (first, second) = try failedOver()
        #expect(proxy.answer(200, to: second).statuses == [200])
        let sent = proxy.answer(200, to: first, tag: "late", contact: "<sip:late@203.0.113.10:5090>")
        #expect(sent.map(\.method) == [.ack, .bye] && sent.allSatisfy { $0.to.port == 5090 })
        #expect(sent.allSatisfy { $0.requestURI == "sip:late@203.0.113.10:5090" && $0.header(.callID) == "named-1" })
        #expect(sent.allSatisfy { $0.header(.to).hasSuffix(";tag=late") && $0.header(.from) == first.header(.from) })
        #expect(sent[0].header(.cSeq) == "1 ACK" && sent[1].header(.cSeq) == "2 BYE")
        let again = proxy.answer(200, to: first, tag: "late", contact: "<sip:late@203.0.113.10:5090>")
        #expect(again.map(\.method) == [.ack])
        #expect(proxy.answer(200, to: sent[1]).isEmpty && proxy.core.callCount == 1)
    }

    @Test func `a late 2xx after the caller was refused: ACK and BYE, along the route that it names`() throws {
        let (first, second) = try failedOver()
        #expect(proxy.answer(486, to: second).inside.statuses == [486])
        let late = CallTexts.response(
            200, "OK", to: first, tag: "late", contact: "<sip:late@10.9.9.9>", body: CallTexts.sdpOutside,
            recordRoute: "<sip:203.0.113.77;lr>")
        let sent = proxy.receive(late, on: .outside, from: first.to)
        #expect(sent.map(\.method) == [.ack, .bye])
        #expect(sent.allSatisfy { $0.to == ProxyHarness.address("203.0.113.77:5060") })
        #expect(sent.allSatisfy { $0.values(.route) == ["<sip:203.0.113.77;lr>"] })
        #expect(proxy.core.callCount == 0 && proxy.media.open.isEmpty)
        proxy.expectNothingLeft()
    }

    @Test func `a late 2xx before any other answer wins, the others are cancelled and hung up`() throws {
        let (first, second) = try failedOver()
        proxy.answer(180, to: second, tag: "slow")
        let sent = proxy.answer(200, to: first, tag: "late")
        #expect(sent.inside.statuses == [200] && sent.inside[0].header(.to).hasSuffix(";tag=late"))
        #expect(sent.outside.map(\.method) == [.cancel] && sent.outside.targets == [Targets.second])
        let crossed = proxy.answer(200, to: second, tag: "slow")
        #expect(crossed.map(\.method) == [.ack, .bye] && crossed.targets == [Targets.second, Targets.second])
        #expect(proxy.answer(200, to: first, tag: "late").statuses == [200])
        #expect(proxy.core.callSummaries.map(\.state) == [.answered])
    }

    @Test func `a REGISTER that the silent target has taken after all is a success`() throws {
        let (first, second) = try failedOver(Targets.register())
        let ok = proxy.answer(
            200, to: first, extra: "Contact: \(first.header(.contact));expires=300")
        #expect(ok.statuses == [200] && ok[0].uri(.contact) == "sip:s@192.168.0.2:5060;line=vtqvcuo")
        #expect(proxy.core.bindings.map(\.registrar) == [Targets.first])
        #expect(proxy.answer(200, to: second).isEmpty)
        proxy.advance(.seconds(100))
        #expect(proxy.core.transactionCount == 0)
    }

    // MARK: CANCEL

    @Test func `a CANCEL follows its INVITE, and no other target is tried afterwards`() throws {
        let first = try #require(proxy.send(Targets.invite()).first)
        let second = try #require(proxy.answer(503, to: first).last)
        proxy.answer(180, to: second)
        let cancel = Targets.invite(body: nil).replacing("INVITE", with: "CANCEL")
        let sent = proxy.receive(cancel, on: .inside)
        #expect(sent.outside.map(\.method) == [.cancel] && sent.outside.targets == [Targets.second])
        let third = ProxyHarness()
        let only = try #require(third.send(Targets.invite()).first)
        third.receive(cancel, on: .inside)
        #expect(third.advance(.seconds(31)).outside.targets.allSatisfy { $0 == Targets.first })
        #expect(third.answer(503, to: only).inside.statuses == [500])
        third.expectNothingLeft()
    }

    // MARK: Other places, each with its own Request-URI

    @Test func `alternatives: another hop with another Request-URI, once the first has failed`() throws {
        let text = CallTexts.inboundINVITE(uri: "sip:1000@203.0.113.1", body: nil)
        let message = try MessageParser.parse(datagram: wire(text))
        let listener = ProxyHarness.listeners[1]
        let arrival = Arrival(
            message: message, flow: Flow(listener: listener.id, peer: ProxyHarness.itsp), listener: listener,
            now: proxy.now)
        let places = ["192.168.0.2:5060", "192.168.0.3:5060", "192.168.0.4:5060"].map { ProxyHarness.address($0) }
        func start() -> [Sent] {
            proxy.core.forward(
                arrival,
                Forwarding(
                    uri: Array("sip:1@\(places[0])".utf8), nextHop: .target(Target(.udp, places[0])),
                    alternatives: [
                        Forwarding.Alternative(
                            uri: Array("sip:2@\(places[1])".utf8), nextHop: .target(Target(.udp, places[1]))),
                        Forwarding.Alternative(
                            uri: Array("sip:3@pbx.example".utf8),
                            nextHop: .name(
                                LocationQuery(host: "pbx.example", transports: [.udp], families: [.v4]))),
                    ], egress: .inside, routes: RouteProcessing(message, identities: Identities([])), trunk: "t"))
            return proxy.drain()
        }
        let first = try #require(start().first)
        #expect(first.requestURI == "sip:1@192.168.0.2:5060" && first.to == places[0])
        let second = try #require(proxy.advance(.seconds(4)).inside.last)
        #expect(second.requestURI == "sip:2@192.168.0.3:5060" && second.to == places[1])
        #expect(proxy.answer(503, to: second).map(\.method) == [.ack] && proxy.resolving == ["pbx.example"])
        let third = try #require(proxy.resolve("pbx.example", ["192.168.0.4"]).first)
        #expect(third.requestURI == "sip:3@pbx.example" && third.to == places[2])
        #expect(proxy.answer(200, to: third, body: CallTexts.sdpInside).outside.statuses == [200])
    }
}
