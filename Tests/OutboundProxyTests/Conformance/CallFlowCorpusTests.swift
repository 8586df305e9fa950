import NetworkTypes
import SIP
import TestSupport
import Testing

@testable import OutboundProxy

/// The messages of the RFCs' call flows (3261, 3665, 3327, 3608, 5626, 3325, 4028), sent by the PBX.
@Suite(.enabled(if: Corpus.isPresent)) struct CallFlowCorpusTests {
    static let files = Corpus.files(in: "ietf-call-flows", suffix: ".sip")

    @Test func `the corpus is whole`() {
        #expect(Self.files.count == 258)
    }

    @Test(arguments: files) func `a request leaves as it came but for what a proxy changes`(file: String) throws {
        let bytes = try Corpus.bytes(file)
        let proxy = ProxyHarness()
        let (outcome, sent) = proxy.outcome(of: bytes)
        let message = try? MessageParser.parse(datagram: bytes)
        #expect(outcome == message.map { Self.expected($0) } ?? .dropped)
        if let message, outcome == .forwarded, !Self.isStrayAnswer(message) {
            #expect(sent.first?.differences(from: bytes, mayChangeURI: Self.hasStrictRoute(message)) == [])
        }
        proxy.settle()
        #expect(proxy.remains == [])
        #expect(proxy.leaks == [])
    }

    /// Most examples are whole requests that go on. The RFCs leave parts of others out, and secure transports are not
    /// there yet.
    private static func expected(_ message: Message) -> Outcome {
        guard message.isRequest else { return .dropped }
        let length = message.header(.contentLength).flatMap { message.bytes.decimal($0.value, as: UInt.self) } ?? 0
        // Bodies and fields that the RFC leaves out, and a To without a scheme (RFC 3261 §23.4.2, RFC 5626 §9.1).
        let isCut =
            length > message.body.count
            || [HeaderName.contact, .route].contains { message.text($0)?.contains(" . .") == true }
            || message.text(.to)?.contains("sip") == false
        let hop = message.text(.route) ?? message.bytes.text(message.requestURI)
        let isSecure = hop.contains("sips:") || hop.contains("transport=tcp")
        let status = isCut ? 400 : isSecure ? 503 : message.method == .cancel ? 481 : 0
        if status == 0 { return .forwarded }
        return message.method == .ack ? .dropped : .refused(status)
    }

    /// An ACK with an answer to an offer that we know nothing of: its session description does not cross.
    private static func isStrayAnswer(_ message: Message) -> Bool { message.method == .ack && message.hasSDP }

    private static func hasStrictRoute(_ message: Message) -> Bool {
        guard let range = message.values(.route).first, let value = NameAddress(range, in: message.bytes),
            let uri = URI(value.uri, in: message.bytes)
        else { return false }
        return !uri.isLoose(in: message.bytes)
    }
}
