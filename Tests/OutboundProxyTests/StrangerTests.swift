import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// What somebody unknown outside can do: next to nothing, with any method (design §3, security 23, 25–27, 29–32).
@Suite struct StrangerTests {
    static let methods = [
        "INVITE", "REGISTER", "OPTIONS", "MESSAGE", "SUBSCRIBE", "NOTIFY", "PUBLISH", "REFER", "INFO", "UPDATE",
        "PRACK", "BYE", "ACK", "CANCEL", "INVENTED",
    ]

    /// What a stranger may try: the Request-URI and the Route.
    static let attempts: [(uri: String, route: String)] = [
        ("sip:8005551212@203.0.113.1", ""), ("sip:203.0.113.1", ""), ("sip:1000@192.168.0.2", ""),
        ("sip:victim@203.0.113.77", ""), ("sip:victim@evil.example", ""), ("sip:1000@192.168.0.1:5060", ""),
        ("sip:1000@203.0.113.1", "<sip:203.0.113.1;lr>, <sip:192.168.0.2;lr>"),
        ("sip:1000@203.0.113.1", "<sip:203.0.113.1;lr>, <sip:evil.example;lr>"),
        ("sip:1000@192.168.0.2", "<sip:203.0.113.1;lr>"), ("sip:203.0.113.1;lr", "<sip:1000@192.168.0.2>"),
        ("sip:203.0.113.1:5060;lr;r2=on;sp=hAAAA", "<sip:192.168.0.1;lr>, <sip:1000@192.168.0.2>"),
        ("sip:1000@203.0.113.1;maddr=192.168.0.2", ""), ("sips:1000@203.0.113.1", ""), ("tel:+18005551212", ""),
    ]

    @Test(arguments: methods)
    func `every method, every Request-URI and Route: nothing inside, nothing back out (security 27)`(method: String)
        throws
    {
        let proxy = ProxyHarness()
        try proxy.register()
        let transactions = proxy.core.transactionCount
        for (index, attempt) in Self.attempts.enumerated() {
            for toTag in ["", ";tag=x"] {
                proxy.advance(.seconds(2))
                let text = request(method, attempt.uri, attempt.route, number: index, toTag: toTag)
                for sent in proxy.receive(text, on: .outside, from: ProxyHarness.stranger) {
                    #expect(sent.side == .outside && !sent.isRequest, "\(attempt)")
                    #expect(sent.to == ProxyHarness.stranger)
                    #expect(
                        sent.status == 404 && method == "INVITE" || sent.status == 200 && method == "OPTIONS",
                        "\(attempt)")
                    #expect(sent.bytes.count <= wire(text).count)
                }
            }
        }
        #expect(proxy.core.transactionCount <= transactions)
        #expect(proxy.core.callCount == 0 && proxy.media.open.isEmpty)
    }

    @Test(arguments: methods)
    func `a trunk reaches the PBX and nothing of its own choosing (security 27)`(method: String) throws {
        let proxy = ProxyHarness()
        try proxy.register()
        for (index, attempt) in Self.attempts.enumerated() {
            let text = request(method, attempt.uri, attempt.route, number: index, toTag: "")
            for sent in proxy.receive(text, on: .outside) where sent.isRequest {
                #expect(sent.side == .inside && sent.to == ProxyHarness.pbx, "\(attempt)")
                #expect(attempt.route.isEmpty && attempt.uri.contains("203.0.113.1"), "\(attempt)")
            }
        }
    }

    @Test func `answers come at most once a second, and never larger than the question`() {
        let proxy = ProxyHarness()
        var answers = 0
        for index in 0..<30 {
            answers +=
                proxy.receive(
                    request("INVITE", "sip:a@203.0.113.1", "", number: index, toTag: ""), on: .outside,
                    from: ProxyHarness.stranger
                ).count
            proxy.advance(.milliseconds(100))
        }
        #expect((3...4).contains(answers))
        #expect(proxy.core.transactionCount == 0)
        let short = """
            OPTIONS sip:203.0.113.1 SIP/2.0
            v: SIP/2.0/UDP 1.2.3.4;rport;branch=z9hG4bKs
            f: <sip:a@b>;tag=a
            t: <sip:a@b>
            i: a
            CSeq: 1 OPTIONS


            """
        proxy.advance(.seconds(5))
        #expect(proxy.receive(short, on: .outside, from: ProxyHarness.stranger).isEmpty)
        #expect(proxy.events.isEmpty)
    }

    @Test func `an inside source on the outside socket is dropped (security 26)`() throws {
        let proxy = ProxyHarness()
        let uri = try proxy.register().request.uri(.contact)
        let spoofed = ProxyHarness.pbx
        #expect(proxy.receive(CallTexts.inboundINVITE(uri: uri), on: .outside, from: spoofed).isEmpty)
        var call = try proxy.callOut()
        #expect(proxy.receive(call.itsp.request("BYE"), on: .outside, from: spoofed).isEmpty)
        #expect(proxy.core.counters.droppedSpoofed == 2)
    }

    @Test func `responses to nothing, for others, or from the wrong side do nothing (security 23)`() throws {
        let proxy = ProxyHarness()
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        let ok = CallTexts.response(200, "OK", to: invite, tag: "b", contact: "<sip:a@203.0.113.11>")
        let forged = [
            ok.replacing("branch=z9hG4bK", with: "branch=z9hG4bKx"),
            ok.replacing("Via: SIP/2.0/UDP 203.0.113.1:5060", with: "Via: SIP/2.0/UDP 203.0.113.2:5060"),
            ok.replacing("CSeq: 1 INVITE", with: "CSeq: 1 BYE"),
        ]
        for text in forged { #expect(proxy.receive(text, on: .outside).isEmpty) }
        #expect(proxy.receive(ok, on: .inside).isEmpty)
        #expect(proxy.core.counters.droppedStray == 3 && proxy.core.counters.droppedMalformed == 1)
        #expect(proxy.receive(ok, on: .outside).map(\.status) == [200])
    }

    @Test func `somebody else's branch neither answers nor replaces a transaction`() throws {
        let proxy = ProxyHarness(trunks: [TrunkSettings(name: "b", domain: "198.51.100.66")])
        let uri = try proxy.register().request.uri(.contact)
        let text = CallTexts.inboundINVITE(uri: uri)
        let invite = try #require(proxy.receive(text, on: .outside).first)
        let count = proxy.core.transactionCount
        #expect(proxy.receive(text, on: .outside, from: ProxyHarness.stranger).isEmpty)
        let cancel = text.replacing("INVITE", with: "CANCEL")
        #expect(!proxy.receive(cancel, on: .outside, from: ProxyHarness.stranger).contains { $0.side == .inside })
        #expect(proxy.core.transactionCount == count)
        let ok = proxy.receive(
            CallTexts.response(200, "OK", to: invite, tag: "p", contact: ProxyHarness.pbxContact), on: .inside)
        #expect(ok.map(\.to) == [ProxyHarness.itsp])
    }

    @Test func `a flood of invented sources and methods leaves tables as they are (security 29, 31)`() throws {
        let proxy = ProxyHarness()
        try proxy.register()
        proxy.advance(.seconds(40))
        let text = wire(request("METHOD", "sip:a@203.0.113.1", "", number: 0, toTag: ""))
        let start = try #require(text.firstIndex(of: 0x54))
        var bytes = text
        var answers = 0
        for index in 0..<10_000 {
            // Another method and another source each time.
            bytes[start] = 0x41 + UInt8(index % 26)
            let source = SocketAddress(IPAddress(v4: 0xC600_0000 &+ UInt32(index) &* 7919), 5060)
            answers += proxy.receive(bytes, on: .outside, from: source).count
        }
        #expect(proxy.core.transactionCount == 0 && proxy.core.callCount == 0)
        // No timer but that of the next sweep, which the registration needs.
        #expect(try #require(proxy.core.nextDeadline) > proxy.now + .seconds(5))
        // One answer for each slot of the table at the most.
        #expect(answers <= 4096)
        #expect(proxy.events.isEmpty && proxy.core.trunkSummaries.count == 1)
        // And a trunk's call at once succeeds.
        #expect(
            proxy.receive(CallTexts.inboundINVITE(uri: "sip:s@203.0.113.1:5060"), on: .outside).map(\.side) == [.inside]
        )
    }

    @Test func `the budget of strangers hits neither trunks nor peers of calls (security 32)`() throws {
        let proxy = ProxyHarness { $0.strangerRate = 5 }
        try proxy.register()
        var call = try proxy.callOut(at: ProxyHarness.itsp)
        for index in 0..<100 {
            proxy.receive(
                request("OPTIONS", "sip:203.0.113.1", "", number: index, toTag: ""), on: .outside,
                from: ProxyHarness.stranger)
        }
        #expect(proxy.core.counters.droppedOverBudget == 95)
        for index in 0..<100 {
            let text = request("OPTIONS", "sip:203.0.113.1", "", number: index, toTag: "")
            #expect(proxy.receive(text, on: .outside).map(\.status) == [200])
        }
        #expect(proxy.receive(call.itsp.request("BYE"), on: .outside).map(\.side) == [.inside])
        // Datagrams with the ITSP's address as their forged source ban nobody: it is known.
        #expect(proxy.core.counters.droppedOverBudget == 95)
    }

    @Test func `the peer of a call without a trunk is known while the call lasts, and no longer`() throws {
        let proxy = ProxyHarness { $0.strangerRate = 1 }
        var call = try proxy.callOut(at: ProxyHarness.stranger)
        for _ in 0..<5 {
            let text = call.itsp.request("OPTIONS")
            #expect(proxy.receive(text, on: .outside, from: ProxyHarness.stranger).map(\.side) == [.inside])
        }
        // A re-INVITE from elsewhere moves the peer; the count of the first must come down all the same.
        let moved = ProxyHarness.address("198.51.100.67:5060")
        let invite = try #require(proxy.receive(call.itsp.request("INVITE"), on: .outside, from: moved).first)
        proxy.receive(CallTexts.response(200, "OK", to: invite, contact: ProxyHarness.pbxContact), on: .inside)
        let bye = try #require(proxy.receive(call.pbx.request("BYE"), on: .inside).first)
        proxy.receive(CallTexts.response(200, "OK", to: bye), on: .outside, from: bye.to)
        #expect(proxy.core.callPeers.isEmpty)
        proxy.expectNothingLeft()
    }

    @Test func `overload: 503 with Retry-After for what is new, the reserve for what is in a dialog (security 30)`()
        throws
    {
        let proxy = ProxyHarness { $0.maximumTransactions = 80 }
        var call = try proxy.callOut()
        var refused = 0
        for index in 0..<60 {
            let text = CallTexts.outboundINVITE(branch: "z9hG4bKf\(index)", callID: "flood-\(index)")
            for sent in proxy.receive(text, on: .inside) where sent.status == 503 {
                refused += 1
                #expect((5...30).contains(Int(sent.header(.retryAfter)) ?? 0))
            }
        }
        #expect(refused > 0 && proxy.core.counters.overloaded == UInt64(refused))
        #expect(proxy.core.transactionCount <= 82)
        #expect(proxy.receive(call.pbx.request("BYE"), on: .inside).map(\.method) == [.bye])
    }

    @Test func `too many calls: the next INVITE gets 503, other requests don't`() throws {
        let proxy = ProxyHarness { $0.maximumCalls = 1 }
        var call = try proxy.callOut()
        let second = CallTexts.outboundINVITE(branch: "z9hG4bK2", callID: "call-9")
        #expect(proxy.receive(second, on: .inside).map(\.status) == [503])
        #expect(
            proxy.receive(call.pbx.request("INVITE", body: CallTexts.sdpInside), on: .inside).map(\.method) == [.invite]
        )
        #expect(proxy.receive(CallTexts.register(), on: .inside).map(\.method) == [.register])
    }

    private func request(_ method: String, _ uri: String, _ route: String, number: Int, toTag: String) -> String {
        CallTexts.request(
            "\(method) \(uri) SIP/2.0",
            """
            Via: SIP/2.0/UDP 198.51.100.66:5060;rport;branch=z9hG4bK\(method)\(number)\(toTag.count)
            \(route.isEmpty ? "" : "Route: \(route)")
            From: <sip:5551234@198.51.100.66>;tag=stranger
            To: <\(uri)>\(toTag)
            Contact: <sip:5551234@198.51.100.66:5060>
            Call-ID: stranger-\(number)
            CSeq: 1 \(method)
            Max-Forwards: 70
            User-Agent: friendly-scanner of no friendly intent at all
            """, method == "INVITE" ? CallTexts.sdpOutside : nil)
    }
}
