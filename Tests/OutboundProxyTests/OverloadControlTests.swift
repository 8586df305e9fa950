import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Overload control between neighbours (RFC 7339): what we say, what we heed, and what goes no further.
@Suite final class OverloadControlTests {
    private var number = 0

    private static let question = ";oc;oc-algo=\"loss,rate\""

    /// An INVITE of either side whose topmost Via asks for our load.
    private func asking(_ side: Side, _ question: String = question, number: Int = 1) -> String {
        side == .inside
            ? CallTexts.outboundINVITE(branch: "z9hG4bKo\(number)\(question)", callID: "o-\(number)")
            : CallTexts.inboundINVITE(
                uri: "sip:1000@203.0.113.1", branch: "z9hG4bKo\(number)\(question)", callID: "o-\(number)")
    }

    private func via(_ sent: Sent?, _ place: Int = 0) -> String {
        let values = sent?.values(.via) ?? []
        return values.indices.contains(place) ? values[place] : ""
    }

    private func parameter(_ name: String, _ via: String) -> String? {
        let list = via.split(separator: ";").dropFirst().map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
        return list.first { $0[0] == name }.map { $0.count > 1 ? $0[1] : "" }
    }

    private func trunk(_ asks: Bool = true) -> [TrunkSettings] {
        var trunk = TrunkSettings(name: "gw", domain: Targets.name)
        trunk.asksForLoad = asks
        var address = TrunkSettings(name: "itsp", domain: "203.0.113.10")
        address.asksForLoad = asks
        return [trunk, address]
    }

    // MARK: As a server

    @Test(arguments: [Side.inside, .outside], [0, 0.25, 0.301, 1])
    func `who asks is told our load in every response, ours or not`(side: Side, pressure: Double) throws {
        let proxy = ProxyHarness(trunks: trunk(false))
        try proxy.register()
        var vias: [String] = []
        let sent = proxy.receive(asking(side), on: side)
        proxy.core.setPressure(pressure)
        proxy.advance(.milliseconds(250)).forEach { if !$0.isRequest { vias.append(via($0)) } }
        let request = try #require(sent.first { $0.isRequest })
        for status in [180, 486] {
            proxy.answer(status, to: request).forEach { if !$0.isRequest { vias.append(via($0)) } }
        }
        let refused = asking(side, number: 2).replacing("Max-Forwards:", with: "Proxy-Require: x\nMax-Forwards:")
        proxy.receive(refused, on: side).forEach { vias.append(via($0)) }
        #expect(vias.count >= 4)
        for via in vias {
            let share = Int((pressure * 100).rounded(.up))
            #expect(parameter("oc", via) == "\(share)" && parameter("oc-algo", via) == "\"loss\"", "\(via)")
            #expect(parameter("oc-validity", via) == (share == 0 ? "0" : "500"))
            #expect(via.contains(/;oc-seq=\d{1,12}\.\d{5}$/) && via.matches(of: /;oc[;=]/).count == 1)
        }
        #expect(
            vias.compactMap { parameter("oc-seq", $0).flatMap { Double($0) } }
                == vias.compactMap { parameter("oc-seq", $0).flatMap { Double($0) } }.sorted())
    }

    @Test(arguments: ["", ";oc;oc-algo=\"rate\"", ";oc-algo=\"loss\""])
    func `who does not ask, or for another algorithm, is not told`(question: String) throws {
        let proxy = ProxyHarness(trunks: trunk(false))
        try proxy.register()
        for side in [Side.inside, .outside] {
            let request = try #require(proxy.receive(asking(side, question), on: side).first { $0.isRequest })
            let busy = proxy.answer(486, to: request).filter { !$0.isRequest }
            #expect(busy.count == 1 && busy.allSatisfy { !$0.text.contains("oc=") && !$0.text.contains("oc-seq") })
        }
    }

    @Test func `a stranger is not told, whatever it asks`() {
        let proxy = ProxyHarness()
        proxy.core.setPressure(0.5)
        let text =
            asking(.outside).replacing("INVITE", with: "OPTIONS").replacing("sip:1000@", with: "sip:")
            + String(repeating: " ", count: 600)
        let sent = proxy.receive(text, on: .outside, from: ProxyHarness.stranger)
        #expect(sent.statuses == [200] && !sent[0].text.contains("oc="))
    }

    // MARK: Hop by hop

    @Test(arguments: [Side.inside, .outside], [true, false])
    func `a neighbour's parameters go no further, either way`(side: Side, hides: Bool) throws {
        var trunks = trunk(false)
        for place in trunks.indices { trunks[place].hiding.isOn = hides }
        let proxy = ProxyHarness(trunks: trunks)
        proxy.scansOutside = hides
        try proxy.register()
        let request = try #require(proxy.receive(asking(side), on: side).first { $0.isRequest })
        #expect(!request.values(.via).contains { $0.contains(";oc") })
        // A server further down puts its own into the Via of who asked us.
        let answer = CallTexts.response(486, "Busy", to: request, tag: "x")
            .replacing("branch=z9hG4bKo1", with: "branch=z9hG4bKo1;oc=100;oc-validity=60000;oc-seq=9.9")
        let response = try #require(proxy.receive(answer, on: request.side, from: request.to).first { !$0.isRequest })
        #expect(parameter("oc", via(response)) == "0" && response.text.matches(of: /;oc[;=]/).count == 1)
        #expect(!response.text.contains("60000"))
        let plain = try #require(proxy.receive(asking(side, "", number: 2), on: side).first { $0.isRequest })
        let forged = CallTexts.response(486, "Busy", to: plain, tag: "x")
            .replacing("branch=z9hG4bKo2", with: "branch=z9hG4bKo2 ; OC=100;oc-validity=60000")
        let passed = proxy.receive(forged, on: plain.side, from: plain.to).filter { !$0.isRequest }
        #expect(passed.statuses == [486] && !passed[0].text.contains("OC=") && !passed[0].text.contains("60000"))
    }

    // MARK: As a client

    /// Calls that are placed one after the other: how many were refused by us.
    private func refusals(of proxy: ProxyHarness, _ count: Int, uri: String = "sip:tone@203.0.113.10") -> Int {
        var refused = 0
        for _ in 0..<count {
            number += 1
            let text = CallTexts.outboundINVITE(branch: "z9hG4bKc\(number)", callID: "c-\(number)", uri: uri)
            let sent = proxy.receive(text, on: .inside)
            #expect(sent.count == 1)
            if let first = sent.first, !first.isRequest {
                #expect(first.start == "SIP/2.0 503 Next Hop Is Overloaded" && !first.header(.retryAfter).isEmpty)
                refused += 1
            }
        }
        return refused
    }

    /// A call whose target says how it is: by refusing, so that nothing is left.
    private func report(_ parameters: String, in proxy: ProxyHarness, _ text: String? = nil) throws {
        number += 1
        let invite =
            text
            ?? CallTexts.outboundINVITE(branch: "z9hG4bKr\(number)", callID: "r-\(number)", uri: "sip:112@203.0.113.10")
        let request = try #require(proxy.receive(invite, on: .inside).first { $0.isRequest })
        let answer = CallTexts.response(486, "Busy", to: request, tag: "x")
            .replacing(";oc;oc-algo=\"loss\"", with: parameters)
        proxy.receive(answer, on: .outside, from: request.to)
    }

    @Test func `a trunk is asked only where that is configured`() throws {
        for asks in [true, false] {
            let proxy = ProxyHarness(trunks: trunk(asks))
            let sent = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
            #expect(via(sent).hasSuffix(";oc;oc-algo=\"loss\"") == asks && via(sent).contains(";oc") == asks)
            try report(";oc=100;oc-validity=5000;oc-seq=1.1", in: proxy)
            #expect(refusals(of: proxy, 4) == (asks ? 4 : 0))
        }
        let inbound = ProxyHarness(trunks: trunk())
        try inbound.register()
        let request = try #require(inbound.receive(asking(.outside, ""), on: .outside).first { $0.isRequest })
        #expect(!via(request).contains(";oc"), "the PBX is not asked")
    }

    @Test(arguments: [0, 10, 33, 50, 90, 100, 250])
    func `that percentage of new calls is refused, for as long as it holds`(share: Int) throws {
        let proxy = ProxyHarness(trunks: trunk())
        try report(";oc=\(share);oc-algo=\"loss\";oc-validity=4000;oc-seq=7.5", in: proxy)
        let expected = min(share, 100) * 2
        #expect(abs(refusals(of: proxy, 200) - expected) <= 1)
        proxy.advance(.milliseconds(3900))
        #expect(abs(refusals(of: proxy, 200) - expected) <= 1)
        proxy.advance(.milliseconds(200))
        #expect(refusals(of: proxy, 200) == 0)
    }

    @Test func `without oc-validity it holds for 500 ms, with 0 it is over`() throws {
        let proxy = ProxyHarness(trunks: trunk())
        try report(";oc=100", in: proxy)
        proxy.advance(.milliseconds(490))
        #expect(refusals(of: proxy, 3) == 3)
        proxy.advance(.milliseconds(20))
        #expect(refusals(of: proxy, 3) == 0)
        try report(";oc=100;oc-validity=9000;oc-seq=1.1", in: proxy)
        #expect(refusals(of: proxy, 3) == 3)
        try report(";oc=100;oc-validity=0;oc-seq=1.2", in: proxy)
        #expect(refusals(of: proxy, 3) == 0)
    }

    @Test func `a report that comes late does not undo a later one`() throws {
        let proxy = ProxyHarness(trunks: trunk())
        try report(";oc=50;oc-validity=9000;oc-seq=10.00002", in: proxy)
        for late in ["10.00002", "10.00001", "10", "9.99999"] {
            try report(";oc=0;oc-validity=9000;oc-seq=\(late)", in: proxy)
            #expect(refusals(of: proxy, 10) == 5, "\(late)")
        }
        try report(";oc=0;oc-validity=0;oc-seq=10.1", in: proxy)
        #expect(refusals(of: proxy, 10) == 0)
        try report(";oc=50;oc-validity=9000;oc-seq=10.00003", in: proxy)
        #expect(refusals(of: proxy, 10) == 0)
    }

    @Test(arguments: [
        ";oc;oc-algo=\"loss\"", ";oc=;oc-validity=9000", ";oc=many", ";oc=-5", ";oc=50;oc-algo=\"rate\"",
        ";oc=99999999999999999999", ";oc-validity=9000;oc-seq=1.1",
    ])
    func `what is no report changes nothing`(parameters: String) throws {
        let proxy = ProxyHarness(trunks: trunk())
        try report(parameters, in: proxy)
        #expect(refusals(of: proxy, 10) == 0)
    }

    @Test(arguments: [
        ";oc=100;oc-seq=99999999999999.1;oc-validity=4000", ";oc=100;oc-seq=.;oc-validity=4000",
        ";oc=100;oc-seq=1.999999;oc-validity=4000", ";oc=100;oc-seq;oc-validity=4000000000",
        ";oc=100;oc-validity=99999999999999;oc-validity=1;oc-seq=1.1",
    ])
    func `a broken number or time is no harm`(parameters: String) throws {
        let proxy = ProxyHarness(trunks: trunk())
        try report(parameters, in: proxy)
        _ = refusals(of: proxy, 5)
        proxy.advance(.seconds(601))
        #expect(refusals(of: proxy, 5) == 0)
    }

    @Test func `calls for help and what is in a dialog go on, and so does another trunk`() throws {
        let proxy = ProxyHarness(trunks: trunk())
        var call = try proxy.callOut()
        try report(";oc=100;oc-validity=60000;oc-seq=1.1", in: proxy)
        #expect(refusals(of: proxy, 3) == 3)
        #expect(refusals(of: proxy, 3, uri: "sip:911@203.0.113.10") == 0)
        #expect(refusals(of: proxy, 3, uri: "sip:tone@203.0.113.77") == 0)
        for method in ["UPDATE", "INVITE", "BYE"] {
            #expect(proxy.receive(call.pbx.request(method), on: .inside).first?.isRequest == true)
        }
    }

    @Test func `the next host of the trunk gets what the first does not want`() throws {
        let proxy = ProxyHarness(trunks: trunk())
        let first = try #require(proxy.send(Targets.invite(1)).first)
        let busy = CallTexts.response(486, "Busy", to: first, tag: "x")
            .replacing(";oc;oc-algo=\"loss\"", with: ";oc=100;oc-validity=60000")
        proxy.receive(busy, on: .outside, from: first.to)
        #expect(proxy.send(Targets.invite(2)).outside.targets == [Targets.second])
        #expect(proxy.core.counters.refused == 0)
    }

    @Test func `what targets have said is forgotten, and there is little of it`() {
        var throttles = Throttles()
        let now = Instant(nanoseconds: 5)
        for number in 0..<5000 {
            let target = Target(.udp, SocketAddress(IPAddress(v4: 0x1000_0000 &+ UInt32(number)), 5060))
            throttles.note(LoadReport(share: 100, validity: .seconds(1)), from: target, at: now)
            #expect(throttles.holdsBack(target, at: now) == (number < 1024))
        }
        throttles.sweep(at: now + .seconds(1))
        #expect(throttles.isEmpty)
    }
}
