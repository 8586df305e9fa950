import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Calls for help: recognised however they are written, never altered, refused by no limit (design §10).
@Suite struct EmergencyTests {
    @Test(
        arguments: [
            ("sip:911@203.0.113.10", true), ("sips:112@itsp.example", true), ("SIP:9911@itsp.example;user=phone", true),
            ("sip:9-1-1@itsp.example", true), ("sip:(9)1.1@itsp.example", true), ("sip:%39%31%31@itsp.example", true),
            ("sip:911;phone-context=+1@itsp.example", true), ("sip:911:secret@itsp.example", true),
            ("tel:911", true), ("TEL:9.1.1;phone-context=example.org", true), ("tel:112?x", false),
            ("urn:service:sos", true), ("URN:SERVICE:SOS", true), ("urn:service:sos.police", true),
            ("urn:service:sosial", false), ("urn:service:counseling", false), ("urn:nena:sos", false),
            ("sip:9112@itsp.example", false), ("sip:91@itsp.example", false), ("sip:1911@itsp.example", false),
            ("sip:@itsp.example", false), ("sip:911.example", false), ("sip:911", false), ("tel:", false),
            ("sip:911%@itsp.example", false), ("sip:911%3@itsp.example", false), ("911", false), ("", false),
        ] as [(String, Bool)])
    func `a number is what is dialled`(uri: String, isEmergency: Bool) {
        let bytes = Array(uri.utf8)
        #expect(EmergencyNumbers().contains(0..<bytes.count, in: bytes) == isEmergency)
    }

    @Test func `numbers are the configured ones`() {
        let numbers = EmergencyNumbers(["1-1-0", "*55", "urn:service:sos.fire"])
        for (uri, expected) in [
            ("sip:110@a", true), ("sip:*55@a", true), ("urn:service:sos.fire", true), ("urn:service:sos", false),
            ("sip:911@a", false),
        ] { #expect(numbers.contains(0..<uri.utf8.count, in: Array(uri.utf8)) == expected) }
    }

    private func emergency(_ number: Int, uri: String = "sip:911@203.0.113.10") -> String {
        CallTexts.outboundINVITE(branch: "z9hG4bKe\(number)", callID: "help-\(number)", uri: uri)
    }

    @Test func `it leaves as it was written, a service too`() throws {
        let proxy = ProxyHarness()
        let uri = "sip:9-1-1;phone-context=+1@203.0.113.10;x=Y"
        #expect(try #require(proxy.receive(emergency(1, uri: uri), on: .inside).first).requestURI == uri)
        let route = "Route: <sip:192.168.0.1;lr>, <sip:203.0.113.10;lr>\n"
        let service = CallTexts.outboundINVITE(
            branch: "z9hG4bKu", callID: "urn", uri: "urn:service:sos.fire", route: route)
        let sent = try #require(proxy.receive(service, on: .inside).first)
        #expect(sent.requestURI == "urn:service:sos.fire" && sent.to == ProxyHarness.itsp)
        let other = service.replacing("urn:service:sos.fire", with: "urn:service:pizza")
        #expect(proxy.receive(other.replacing("z9hG4bKu", with: "z9hG4bKo"), on: .inside).map(\.status) == [416])
    }

    @Test(arguments: ["tel:911", "tel:9-1-1;phone-context=+1", "urn:service:sos", "urn:service:sos.fire"])
    func `without a host and a Route it goes by the sender's trunk, else by any`(uri: String) throws {
        let trunks = ["203.0.113.10", "203.0.113.20"].map { TrunkSettings(name: "gw\($0.suffix(2))", domain: $0) }
        let several = ProxyHarness(trunks: trunks)
        let learned = ProxyHarness()
        try learned.register()
        for (proxy, from, target) in [
            (several, "192.168.0.2", "203.0.113.10:5060"), (several, "203.0.113.20", "203.0.113.20:5060"),
            (learned, "192.168.0.2", "203.0.113.10:5060"),
        ] {
            for route in ["", "Route: <sip:192.168.0.1;lr>\n"] {
                let text = CallTexts.outboundINVITE(
                    branch: "z9hG4bK\(from)\(route.count)", callID: "\(from)\(route.count)", uri: uri, route: route)
                let sent = proxy.receive(text.replacing("1000@192.168.0.2>", with: "1000@\(from)>"), on: .inside)
                #expect(sent.map(\.requestURI) == [uri] && sent.map(\.to) == [ProxyHarness.address(target)])
            }
        }
    }

    @Test(arguments: [PhoneSettings.Contact.path, .parameter])
    func `a registered phone's reaches the PBX in every spelling, and no limit holds it up`(
        mode: PhoneSettings.Contact
    ) throws {
        let budget = LockedBudget(callsPerSecond: 0, trunks: [])
        let bench = PhoneBench(mode) { $0.admission = budget }
        try bench.registered()
        bench.proxy.core.setPressure(1)
        #expect(bench.receive(bench.request(), from: PhoneBench.home).statuses == [503])
        for uri in [
            "urn:service:sos", "urn:service:sos.police", "tel:911", "tel:112;phone-context=+1", "sip:911@pbx.example",
            "sip:911@203.0.113.1", "sip:9-1-1@elsewhere.example",
        ] {
            let sent = bench.receive(bench.request("INVITE", uri), from: PhoneBench.home)
            #expect(sent.map(\.side) == [.inside] && sent.map(\.method) == [.invite], "\(uri): \(sent.map(\.start))")
            #expect(uri.contains("203.0.113.1") || sent.map(\.requestURI) == [uri])
        }
        // Who is not registered calls nobody.
        let stranger = ProxyHarness.address("198.51.100.98:40001")
        for uri in ["urn:service:sos", "tel:911", "sip:911@pbx.example"] {
            #expect(bench.receive(bench.request("INVITE", uri), from: stranger).isEmpty)
        }
    }

    @Test func `no limit holds it up: calls, transactions, overload, budgets`() throws {
        let budget = LockedBudget(
            callsPerSecond: 1, trunks: [("itsp", .init(calls: 0, callsPerSecond: 1, minutesPerDay: 1))])
        let proxy = ProxyHarness(trunks: [TrunkSettings(name: "itsp", domain: "203.0.113.10")]) {
            $0.maximumCalls = 20
            $0.admission = budget
        }
        proxy.core.setPressure(1)
        #expect(proxy.receive(CallTexts.outboundINVITE(), on: .inside).map(\.status) == [503])
        for number in 0..<30 {
            let sent = proxy.receive(emergency(number), on: .inside)
            #expect(sent.map(\.method) == [.invite], "\(number)")
        }
        #expect(proxy.core.callCount == 30)
    }

    @Test func `the reserve beyond the limits is hard`() {
        let proxy = ProxyHarness { $0.maximumCalls = 20 }
        for number in 0..<20 {
            proxy.receive(
                CallTexts.outboundINVITE(branch: "z9hG4bKn\(number)", callID: "n-\(number)"), on: .inside)
        }
        #expect(
            proxy.receive(CallTexts.outboundINVITE(branch: "z9hG4bKn20", callID: "n-20"), on: .inside).map(\.status)
                == [503])
        var answers: [Int] = []
        for number in 0..<20 { answers += proxy.receive(emergency(number), on: .inside).map(\.status) }
        #expect(answers.count { $0 == 503 } == 4 && proxy.core.callCount == 36)
    }

    @Test func `its media may use the ports that are kept for it`() throws {
        let proxy = ProxyHarness()
        proxy.receive(emergency(1), on: .inside)
        proxy.receive(CallTexts.outboundINVITE(), on: .inside)
        #expect(proxy.media.emergencies == [1])
    }

    @Test func `a stranger's is none`() {
        let proxy = ProxyHarness()
        proxy.core.setPressure(0)
        for (number, uri) in ["sip:911@203.0.113.1", "tel:911", "urn:service:sos", "sip:112@evil.example"].enumerated()
        {
            proxy.advance(.seconds(2))
            let text = CallTexts.inboundINVITE(uri: uri, branch: "z9hG4bKs\(number)", callID: "s-\(number)")
            let sent = proxy.receive(text, on: .outside, from: ProxyHarness.stranger)
            #expect(sent.allSatisfy { $0.side == .outside && $0.status == 404 })
        }
        #expect(proxy.core.callCount == 0 && proxy.core.transactionCount == 0)
    }

    @Test func `a trunk's call to such a number has the limits of any call`() {
        let proxy = ProxyHarness(trunks: [TrunkSettings(name: "itsp", domain: "203.0.113.10")])
        proxy.core.setPressure(1)
        let text = CallTexts.inboundINVITE(uri: "sip:911@203.0.113.1:5060")
        #expect(proxy.receive(text, on: .outside).map(\.status) == [503])
    }
}
