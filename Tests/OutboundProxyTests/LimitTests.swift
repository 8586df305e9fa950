import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Limits on what messages can cost, whoever sends them (security 17, 29).
@Suite struct LimitTests {
    private func message(_ number: Int, octets: Int) -> String {
        CallTexts.request(
            "MESSAGE sip:a@203.0.113.10 SIP/2.0",
            """
            Via: SIP/2.0/UDP 192.168.0.2:5060;rport;branch=z9hG4bKm\(number)
            From: <sip:1000@192.168.0.2>;tag=m
            To: <sip:a@203.0.113.10>
            Call-ID: m\(number)
            CSeq: 1 MESSAGE
            Max-Forwards: 70
            """, String(repeating: "x", count: octets))
    }

    @Test func `large requests are refused when what is kept comes to too much, and the memory is free again later`() {
        let proxy = ProxyHarness { $0.maximumOctets = 1 << 20 }
        var refused = 0
        for number in 0..<40 {
            refused += proxy.receive(message(number, octets: 30_000), on: .inside).count { $0.status == 503 }
        }
        // Each counts twice: as it came and as it left.
        #expect(refused == 40 - 18)
        proxy.advance(.seconds(70))
        #expect(proxy.receive(message(100, octets: 30_000), on: .inside).map(\.method) == [.message])
    }

    @Test func `a final response ends what a large request costs`() {
        let proxy = ProxyHarness { $0.maximumOctets = 1 << 20 }
        for number in 0..<100 {
            let sent = proxy.receive(message(number, octets: 30_000), on: .inside)
            #expect(sent.map(\.method) == [.message])
            guard let request = sent.first else { return }
            proxy.receive(CallTexts.response(200, "OK", to: request, tag: "t"), on: .outside)
        }
    }

    @Test func `a Request-URI beyond 2 kB gets 414`() {
        let uri = "sip:a@203.0.113.10;" + String(repeating: "a;", count: 1100)
        #expect(ProxyHarness().receive(CallTexts.outboundINVITE(uri: uri), on: .inside).map(\.status) == [414])
    }

    @Test func `no more than 64 calls have one Call-ID`() {
        let proxy = ProxyHarness()
        var refused = 0
        for number in 0..<70 {
            let invite = CallTexts.outboundINVITE(branch: "z9hG4bKsame\(number)", callID: "same")
                .replacing("tag=pbx", with: "tag=pbx\(number)")
            refused += proxy.receive(invite, on: .inside).count { $0.status == 503 }
        }
        #expect(refused == 6)
        #expect(proxy.core.callCount == 64)
    }
}
