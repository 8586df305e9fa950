import NetworkTypes
import SIP
import TestSupport
import Testing

@testable import OutboundProxy

/// The IPv6 torture messages of RFC 5118, sent by the PBX.
@Suite(.enabled(if: Corpus.isPresent)) struct IPv6TortureTests {
    static let cases: [(file: String, outcome: Outcome, to: String)] = [
        ("ipv6-good", .forwarded, "[2001:db8::10]:5060"),
        ("ipv6-bad", .refused(400), "192.168.0.2:5060"),
        // Well-formed: the port that was meant is the last group of the address (§4.3).
        ("port-ambiguous", .forwarded, "[2001:db8::10:5070]:5060"),
        ("port-unambiguous", .forwarded, "[2001:db8::10]:5070"),
        ("via-received-param-with-delim", .forwarded, "[2001:db8::10]:5060"),
        ("via-received-param-no-delim", .forwarded, "[2001:db8::10]:5060"),
        // Its Content-Length, 268, is not that of its body (RFC 3261 §18.3): see below.
        ("ipv6-in-sdp", .refused(400), "192.168.0.2:5060"),
        ("mult-ip-in-header", .forwarded, "203.0.113.10:5060"),
        ("mult-ip-in-sdp", .forwarded, "[2001:db8::10]:5060"),
        ("ipv4-mapped-ipv6", .forwarded, "203.0.113.10:5060"),
        ("ipv6-bug-abnf-3-colons", .forwarded, "[2001:db8::c000:201]:5060"),
        ("ipv6-correct-abnf-2-colons", .forwarded, "[2001:db8::c000:201]:5060"),
    ]

    @Test func `every message is in the table`() {
        #expect(Corpus.files(in: "ietf-rfc5118/wire", suffix: ".sip").count == Self.cases.count)
    }

    @Test(arguments: cases) func `does what the section says`(file: String, outcome: Outcome, to: String) throws {
        let bytes = try Corpus.bytes("ietf-rfc5118/wire/\(file).sip")
        let proxy = ProxyHarness()
        let (actual, sent) = proxy.outcome(of: bytes)
        #expect(actual == outcome)
        #expect(sent.count == 1)
        if outcome == .forwarded {
            #expect(sent.first?.to == ProxyHarness.address(to))
            #expect(sent.first?.differences(from: bytes) == [])
        }
        proxy.settle()
        #expect(proxy.remains == [])
    }

    @Test(arguments: cases) func `bare LF in the archive means the same`(
        file: String, outcome: Outcome, to: String
    ) throws {
        // Without CR the bodies are shorter, so Content-Length must be, too.
        let bytes = try withoutContentLength(Corpus.bytes("ietf-rfc5118/archive/\(file)"))
        let isEnded = bytes.count > 2 && bytes.text(bytes.indices).contains("\n\n")
        let expected: Outcome = file == "ipv6-in-sdp" ? .forwarded : outcome
        #expect(ProxyHarness().outcome(of: bytes).0 == (isEnded ? expected : .refused(400)))
    }

    private func withoutContentLength(_ bytes: [UInt8]) -> [UInt8] {
        guard let field = (try? MessageParser.parse(datagram: bytes))?.header(.contentLength) else { return bytes }
        return Array(bytes[..<field.line.lowerBound] + bytes[field.line.upperBound...])
    }

    @Test func `4.6: with its real length the SDP with IPv6 addresses is forwarded and anchored`() throws {
        let text = try Corpus.bytes("ietf-rfc5118/wire/ipv6-in-sdp.sip")
        let message = text.text(text.indices).replacing("Content-Length: 268", with: "Content-Length: 251")
        let (outcome, sent) = ProxyHarness().outcome(of: Array(message.utf8))
        #expect(outcome == .forwarded)
        #expect(sent.first?.to == ProxyHarness.address("[2001:db8::10]:5060"))
        #expect(sent.first?.differences(from: Array(message.utf8)) == [])
    }

    @Test func `4.5: received leaves without brackets`() throws {
        let proxy = ProxyHarness()
        let (_, sent) = proxy.outcome(of: try Corpus.bytes("ietf-rfc5118/wire/via-received-param-with-delim.sip"))
        let request = try #require(sent.first)
        let answer = proxy.receive(
            CallTexts.response(200, "OK", to: request, tag: "t"), on: .outside, from: request.to)
        #expect(
            answer.first?.values(.via).last == "SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111;received=192.168.0.2")
    }
}
