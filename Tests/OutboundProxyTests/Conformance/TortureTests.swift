import NetworkTypes
import SIP
import TestSupport
import Testing

@testable import OutboundProxy

/// What a proxy does with the torture messages of RFC 4475, sent by the PBX; every name in them is the ITSP.
@Suite(.enabled(if: Corpus.isPresent)) struct TortureTests {
    /// One message, its section, and what the section wants of a proxy.
    struct Case: Sendable, CustomTestStringConvertible {
        let file: String
        let section: String
        let outcome: Outcome
        let why: String

        init(_ file: String, _ section: String, _ outcome: Outcome, _ why: String) {
            (self.file, self.section, self.outcome, self.why) = (file, section, outcome, why)
        }

        var testDescription: String { "\(section) \(file): \(why)" }
    }

    static let cases = [
        Case("wsinv", "3.1.1.1", .forwarded, "well-formed; unknown header fields go on unchanged"),
        Case("intmeth", "3.1.1.2", .forwarded, "any token is a method, any word a Call-ID"),
        Case("esc01", "3.1.1.3", .forwarded, "escapes are not touched"),
        Case("escnull", "3.1.1.4", .forwarded, "escaped NULs stay escaped"),
        Case("esc02", "3.1.1.5", .forwarded, "% is no escape in methods and names"),
        Case("lwsdisp", "3.1.1.6", .forwarded, "no white space before < is accepted"),
        Case("longreq", "3.1.1.7", .forwarded, "33 Vias and long values"),
        Case("dblreq", "3.1.1.8", .forwarded, "octets after the body are noise"),
        Case("semiuri", "3.1.1.9", .forwarded, "; and an escaped @ belong to the user"),
        Case("transports", "3.1.1.10", .forwarded, "lower Vias may name any transport"),
        // Well-formed, but its Route is a strict router on loopback, where no host of the outside is.
        Case("mpart01", "3.1.1.11", .refused(503), "read; its Route leads to loopback"),
        Case("unreason", "3.1.1.12", .dropped, "a response that nobody waits for"),
        Case("noreason", "3.1.1.13", .dropped, "a response that nobody waits for"),
        Case("badinv01", "3.1.2.1", .refused(400), "stray separators in Via"),
        Case("clerr", "3.1.2.2", .refused(400), "Content-Length beyond the datagram"),
        Case("ncl", "3.1.2.3", .refused(400), "negative Content-Length"),
        Case("scalar02", "3.1.2.4", .refused(400), "CSeq beyond 2**31"),
        Case("scalarlg", "3.1.2.5", .dropped, "CSeq of a response beyond 2**31"),
        Case("quotbal", "3.1.2.6", .refused(400), "a quote that never closes"),
        Case("ltgtruri", "3.1.2.7", .refused(400), "brackets around the Request-URI"),
        Case("lwsruri", "3.1.2.8", .refused(400), "white space in the Request-URI"),
        Case("lwsstart", "3.1.2.9", .refused(400), "two spaces in the request line"),
        Case("trws", "3.1.2.10", .refused(400), "spaces after the version"),
        Case("escruri", "3.1.2.11", .refused(400), "header fields in the Request-URI"),
        Case("baddate", "3.1.2.12", .forwarded, "Date is none of our business"),
        Case("regbadct", "3.1.2.13", .refused(400), "? in a URI without brackets"),
        Case("badaspec", "3.1.2.14", .refused(400), "spaces within the brackets"),
        Case("baddn", "3.1.2.15", .refused(400), "a comma in a display name without quotes"),
        Case("badvers", "3.1.2.16", .refused(505), "SIP/7.0"),
        Case("mismatch01", "3.1.2.17", .refused(400), "CSeq of another method"),
        Case("mismatch02", "3.1.2.18", .refused(501), "an unknown method with the CSeq of another"),
        Case("bigcode", "3.1.2.19", .dropped, "status code 4294967301"),
        Case("badbranch", "3.2.1", .forwarded, "falls back to the identifiers of RFC 2543"),
        Case("insuf", "3.3.1", .refused(400), "no Call-ID, From and To"),
        Case("unkscm", "3.3.2", .refused(416), "unknown scheme"),
        Case("novelsc", "3.3.3", .refused(416), "a scheme that is never routed here"),
        Case("unksm2", "3.3.4", .forwarded, "schemes in To, From and Contact don't matter"),
        Case("bext01", "3.3.5", .refused(420), "Proxy-Require"),
        Case("invut", "3.3.6", .forwarded, "unknown Content-Type"),
        Case("regaut01", "3.3.7", .forwarded, "unknown Authorization scheme"),
        Case("multi01", "3.3.8", .refused(400), "single-valued fields twice"),
        Case("mcl01", "3.3.9", .refused(400), "two Content-Lengths"),
        Case("bcast", "3.3.10", .dropped, "a response that would go to 255.255.255.255"),
        Case("zeromf", "3.3.11", .refused(483), "Max-Forwards 0"),
        Case("cparam01", "3.3.12", .forwarded, "a Contact header parameter"),
        Case("cparam02", "3.3.13", .forwarded, "a Contact URI parameter"),
        Case("regescrt", "3.3.14", .forwarded, "header fields in a Contact URI in brackets"),
        Case("sdp01", "3.3.15", .forwarded, "Accept is the endpoint's business"),
        Case("inv2543", "3.4.1", .forwarded, "RFC 2543: no branch, From tag, Content-Length and Max-Forwards"),
        Case("test", "archive only", .dropped, "no version and no Via: no way to answer"),
    ]

    @Test func `every message of the manifest is in the table`() throws {
        let files = Corpus.files(in: "ietf-rfc4475", suffix: ".dat").map {
            String($0.dropFirst("ietf-rfc4475/".count).dropLast(".dat".count))
        }
        #expect(files.count == 50)
        #expect(Set(files) == Set(Self.cases.map(\.file)))
    }

    @Test(arguments: cases) func `does what the section says`(_ message: Case) throws {
        let bytes = try Corpus.bytes("ietf-rfc4475/\(message.file).dat")
        let proxy = ProxyHarness()
        let (outcome, sent) = proxy.outcome(of: bytes)
        #expect(outcome == message.outcome)
        #expect(sent.count == (outcome == .dropped ? 0 : 1))
        #expect(proxy.leaks.isEmpty)
        if outcome == .forwarded, let copy = sent.first { #expect(copy.differences(from: bytes) == []) }
        if case .refused = outcome { #expect(sent.allSatisfy { $0.side == .inside && $0.message != nil }) }
        proxy.settle()
        #expect(proxy.remains == [])
    }

    @Test(arguments: cases.filter { $0.outcome == .forwarded })
    func `what is forwarded once is not forwarded again`(_ message: Case) throws {
        let bytes = try Corpus.bytes("ietf-rfc4475/\(message.file).dat")
        let proxy = ProxyHarness()
        _ = proxy.outcome(of: bytes)
        #expect(proxy.receive(bytes, on: .inside).isEmpty)
        #expect(proxy.core.counters.retransmissionsIn == 1)
    }

    @Test(arguments: cases) func `a stranger outside gets nothing, and nothing is kept`(_ message: Case) throws {
        let bytes = try Corpus.bytes("ietf-rfc4475/\(message.file).dat")
        let proxy = ProxyHarness()
        let (outcome, _) = proxy.outcome(of: bytes, on: .outside, from: ProxyHarness.stranger)
        #expect(outcome == .dropped)
        proxy.settle()
        #expect(proxy.remains == [])
    }

    // MARK: Details of single sections

    @Test func `3.1.1.8: the octets after the body don't leave`() throws {
        let (_, sent) = ProxyHarness().outcome(of: try Corpus.bytes("ietf-rfc4475/dblreq.dat"))
        #expect(sent.first?.text.contains("joe@example.com") == false)
        #expect(sent.first?.text.hasSuffix("\r\n\r\n") == true)
    }

    @Test func `3.1.1.11: a binary body leaves as it came`() throws {
        let text = String(decoding: try Corpus.bytes("ietf-rfc4475/mpart01.dat"), as: Unicode.ASCII.self)
        #expect(text.contains("Route: <sip:127.0.0.1:5080>"))
        let loopback = Array("Route: <sip:127.0.0.1:5080>\r\n".utf8)
        var bytes = try Corpus.bytes("ietf-rfc4475/mpart01.dat")
        let start = try #require(bytes.indices.first { bytes[$0...].starts(with: loopback) })
        bytes.removeSubrange(start..<(start + loopback.count))
        let (outcome, sent) = ProxyHarness().outcome(of: bytes)
        #expect(outcome == .forwarded)
        #expect(sent.first?.differences(from: bytes) == [])
        #expect(sent.first?.message?.body.count == 553)
    }

    @Test func `3.3.5: 420 names what is not supported`() throws {
        let (_, sent) = ProxyHarness().outcome(of: try Corpus.bytes("ietf-rfc4475/bext01.dat"))
        #expect(
            sent.first?.text.contains("\r\nUnsupported: noProxiesSupportThis, norDoAnyProxiesSupportThis\r\n") == true)
    }

    @Test func `3.3.8: the 400 has each single-valued field once`() throws {
        let (_, sent) = ProxyHarness().outcome(of: try Corpus.bytes("ietf-rfc4475/multi01.dat"))
        let answer = try #require(sent.first?.message)
        for name in [HeaderName.from, .to, .callID, .cSeq] { #expect(answer.all(name).count == 1) }
        #expect(answer.defect == nil)
    }

    @Test func `3.4.1: media of a caller without a From tag is anchored like any other`() throws {
        let proxy = ProxyHarness()
        let (_, sent) = proxy.outcome(of: try Corpus.bytes("ietf-rfc4475/inv2543.dat"))
        #expect(sent.first?.body.contains("c=IN IP4 203.0.113.1") == true)
        #expect(sent.first?.header(.maxForwards) == "70")
    }

    @Test(arguments: ["unreason", "noreason", "bcast"]) func `well-formed responses are read`(file: String) throws {
        let response = try MessageParser.parse(datagram: try Corpus.bytes("ietf-rfc4475/\(file).dat"))
        #expect(response.defect == nil)
        #expect(response.status == (file == "noreason" ? 100 : 200))
    }
}
