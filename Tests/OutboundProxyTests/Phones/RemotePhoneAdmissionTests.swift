import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// What strangers may do where remote phones are let in: send REGISTER for the phones' domains, and nothing else
/// (design §3).
@Suite struct RemotePhoneAdmissionTests {
    @Test(arguments: ["INVITE", "OPTIONS", "MESSAGE", "SUBSCRIBE", "REFER", "NOTIFY", "PUBLISH", "INFO", "FROB"])
    func `a source that is not registered gets nothing through, by any method`(method: String) throws {
        let bench = PhoneBench()
        try bench.registered()
        let stranger = ProxyHarness.address("\(PhoneBench.nat):40009")
        for uri in ["sip:tone@pbx.example", "sip:tone@192.168.0.2"] {
            let sent = bench.receive(bench.request(method, uri), from: stranger)
            #expect(sent.filter { $0.side == .inside }.isEmpty, "the NAT's address alone admits nobody")
        }
    }

    @Test func `without remote_phones a REGISTER is a stranger's`() {
        let bench = PhoneBench(change: { $0.phones = nil })
        #expect(bench.receive(bench.register(), from: PhoneBench.home).filter { $0.side == .inside }.isEmpty)
    }

    @Test(arguments: ["bank.example", "192.168.0.2", "pbx.example.evil.example"])
    func `REGISTER for a foreign domain is dropped, in the Request-URI or To`(domain: String) {
        let bench = PhoneBench()
        #expect(bench.receive(bench.register(domain: domain), from: PhoneBench.home).isEmpty)
        let mixed = bench.register().replacing("To: <sip:home@pbx.example>", with: "To: <sip:home@\(domain)>")
        #expect(bench.receive(mixed, from: PhoneBench.home).allSatisfy { $0.side == .outside })
        #expect(bench.dropped + bench.proxy.core.counters.refused >= 1)
    }

    @Test func `REGISTER with a Route of its own goes nowhere`() {
        let bench = PhoneBench()
        let text = bench.register(extra: "Route: <sip:203.0.113.1;lr>, <sip:192.168.0.77;lr>")
        #expect(bench.receive(text, from: PhoneBench.home).allSatisfy { $0.side == .outside })
    }

    @Test func `From of another AOR: dropped and counted, 403 where the source is proven`() throws {
        let bench = PhoneBench()
        try bench.registered()
        try bench.registered("desk", from: PhoneBench.desk)
        let forged = bench.request(from: "sip:desk@pbx.example")
        #expect(bench.receive(forged, from: PhoneBench.home).isEmpty && bench.dropped == 1)
        let foreign = bench.request(from: "sip:home@elsewhere.example")
        #expect(bench.receive(foreign, from: PhoneBench.home).isEmpty && bench.dropped == 2)
        try bench.registered("tcp", from: PhoneBench.home, by: .tcp, connection: 5)
        let text = bench.request(from: "sip:desk@pbx.example", transport: "TCP")
        #expect(bench.receive(text, from: PhoneBench.home, by: .tcp, connection: 5).map(\.status) == [403])
        let own = bench.request(from: "sip:tcp@pbx.example", transport: "TCP")
        #expect(bench.receive(own, from: PhoneBench.home, by: .tcp, connection: 5).map(\.side) == [.inside])
        #expect(
            bench.receive(
                bench.request(from: "sip:tcp@pbx.example", transport: "TCP"), from: PhoneBench.home, by: .tcp,
                connection: 6
            ).map(\.status) == [403],
            "another connection is another flow")
    }

    @Test func `a phone with several accounts may use each`() throws {
        let bench = PhoneBench()
        try bench.registered("one")
        try bench.registered("two")
        for user in ["one", "two"] {
            let text = bench.request(from: "sip:\(user)@pbx.example")
            #expect(bench.receive(text, from: PhoneBench.home).map(\.side) == [.inside])
        }
    }

    @Test func `an expired binding admits nothing`() throws {
        let bench = PhoneBench()
        try bench.registered(expires: 60)
        bench.proxy.advance(.seconds(59))
        #expect(bench.receive(bench.request(), from: PhoneBench.home).map(\.side) == [.inside])
        bench.proxy.advance(.seconds(2))
        #expect(bench.receive(bench.request(), from: PhoneBench.home).isEmpty)
    }

    @Test func `a phone is relayed nowhere but to the PBX (security 27)`() throws {
        let bench = PhoneBench()
        let other = try bench.registered("desk", from: PhoneBench.desk).request
        try bench.registered()
        let hosts = ["sip:a@198.51.100.7", "sip:a@192.168.0.77", "sip:a@elsewhere.example"]
        for uri in hosts {
            #expect(bench.receive(bench.request("INVITE", uri), from: PhoneBench.home).map(\.status) == [403])
        }
        for route in ["<sip:198.51.100.7;lr>", "<sip:192.168.0.77;lr>"] {
            let sent = bench.receive(bench.request(route: "Route: \(route)"), from: PhoneBench.home)
            #expect(sent.map(\.status) == [403])
        }
        // Another phone's flow token leads no one there from outside.
        let token = bench.receive(bench.request(route: other.route), from: PhoneBench.home)
        #expect(token.allSatisfy { $0.to != PhoneBench.desk })
    }

    @Test func `a forged or altered flow token is not followed`() throws {
        let bench = PhoneBench()
        let request = try bench.registered().request
        var path = Array(request.header(.path).utf8)
        let place = try #require(path.lastIndex(of: UInt8(ascii: ">"))) - 3
        path[place] = path[place] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
        let forged = bench.request(
            "OPTIONS", "sip:home@10.0.0.2:5070", from: "sip:pbx@192.168.0.2", via: "192.168.0.2:5060",
            route: "Route: \(String(decoding: path, as: UTF8.self))")
        #expect(bench.fromPBX(forged).map(\.status) == [403])
    }

    @Test func `a Contact's token that was not made for a live binding is 430`() throws {
        let bench = PhoneBench(.parameter)
        let uri = try bench.registered().request.uri(.contact)
        let forged = uri.dropLast(3) + "AAA"
        for (target, status) in [(String(forged), 430), (uri, 0)] {
            let text = bench.request("OPTIONS", target, from: "sip:pbx@192.168.0.2", via: "192.168.0.2:5060")
            #expect(bench.fromPBX(text).map(\.status) == [status])
        }
        try bench.registered(expires: 0)
        let text = bench.request("OPTIONS", uri, from: "sip:pbx@192.168.0.2", via: "192.168.0.2:5060")
        #expect(bench.fromPBX(text).map(\.status) == [430])
    }

    @Test(arguments: [PhoneSettings.Contact.path, .parameter])
    func `a stranger's token of a phone's binding is worth nothing outside`(mode: PhoneSettings.Contact) throws {
        let bench = PhoneBench(mode)
        let request = try bench.registered().request
        let stranger = ProxyHarness.stranger
        let token = try #require(request.text.firstMatch(of: /sp=([A-Za-z0-9_-]+)/)).1
        for text in [
            bench.request("INVITE", "sip:home@203.0.113.1;sp=\(token)"),
            bench.request("INVITE", "sip:home@10.0.0.2:5070", route: "Route: <sip:203.0.113.1;lr;sp=\(token)>"),
            bench.request("BYE", "sip:home@203.0.113.1;sp=\(token)", toTag: ";tag=x"),
            bench.request(
                "BYE", "sip:home@10.0.0.2", route: "Route: <sip:203.0.113.1;lr;sp=\(token)>", toTag: ";tag=x"),
        ] {
            #expect(bench.receive(text, from: stranger).isEmpty)
        }
    }

    @Test func `a stranger's REGISTERs count against its rate, a registered phone's do not`() throws {
        let bench = PhoneBench()
        var passed = 0
        for _ in 0..<100 { passed += bench.receive(bench.register(), from: ProxyHarness.stranger).count }
        #expect(passed == 20 && bench.proxy.core.counters.droppedOverBudget == 80)
        try bench.registered()
        passed = 0
        for _ in 0..<100 { passed += bench.receive(bench.register("desk"), from: PhoneBench.desk).count }
        #expect(passed == 100)
    }

    @Test func `tokens of strangers' REGISTERs cost nothing that stays`() {
        let bench = PhoneBench(.parameter, change: { $0.strangerRate = 1_000_000 })
        for number in 0..<300 {
            let long = String(repeating: "x", count: 300)
            let text = bench.register(contact: "<sip:\(number)\(long)@10.0.0.2>")
            #expect(bench.receive(text, from: ProxyHarness.stranger).count == 1)
        }
        bench.proxy.advance(.seconds(120))
        #expect(bench.proxy.core.phoneBindings.isEmpty && bench.proxy.core.transactionCount == 0)
    }

    @Test func `pinholes are held open every 25 s while the binding lives, by the shard that owns it`() throws {
        let bench = PhoneBench()
        try bench.registered(expires: 100)
        let other = PhoneBench(change: { $0.ownsCallID = { _ in false } })
        for update in bench.proxy.updates { other.proxy.core.apply(update) }
        let pings = bench.pinholes(in: .seconds(90))
        #expect((3...4).contains(pings.count) && pings.allSatisfy { $0 == PhoneBench.home })
        #expect(other.pinholes(in: .seconds(90)).isEmpty)
        #expect(bench.pinholes(in: .seconds(90)).count <= 1)
        #expect(bench.pinholes(in: .seconds(90)).isEmpty)
    }
}

extension PhoneBench {
    /// Where keep-alives of ours went in that time.
    fileprivate func pinholes(in duration: Duration) -> [SocketAddress] {
        proxy.advance(duration).filter { $0.text == "\r\n\r\n" }.map(\.to)
    }
}
