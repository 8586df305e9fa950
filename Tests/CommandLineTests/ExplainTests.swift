import Config
import Foundation
import NetworkTypes
import OutboundProxy
import Testing

@testable import sallyport

/// `sallyport explain FILE`: what would be done, and why, from the same core that would do it.
@Suite struct ExplainTests {
    private static let yaml = """
        inside: {addresses: [192.168.0.1], networks: [192.168.0.0/24]}
        outside: {addresses: [203.0.113.1]}
        pbx: sip:192.168.0.2:5060
        trunks:
          - {name: gw, domain: gw.example, networks: [203.0.113.10/32]}
        state: /nowhere/sallyport
        """

    private func explain(_ text: String, _ options: [String] = []) throws -> Explanation {
        let command = try ExplainCommand.reading(["x"] + options)
        let configuration = try Configuration(yaml: Array(Self.yaml.utf8), file: "test.yaml")
        return try command.explanation(of: wire(text), configuration)
    }

    private func wire(_ text: String) -> [UInt8] { Array(text.replacing("\n", with: "\r\n").utf8) }

    private func invite(_ uri: String, via: String, extra: String = "", toTag: String = "") -> String {
        let host = via.prefix { $0 != ":" }
        let body = "v=0\no=- 1 1 IN IP4 \(host)\ns=-\nc=IN IP4 \(host)\nt=0 0\nm=audio 4000 RTP/AVP 0\n"
        let length = body.utf8.count + 6
        return """
            INVITE \(uri) SIP/2.0
            Via: SIP/2.0/UDP \(via);branch=z9hG4bKa
            \(extra)From: <sip:1000@192.168.0.2>;tag=a
            To: <\(uri)>\(toTag)
            Call-ID: c1
            CSeq: 1 INVITE
            Contact: <sip:1000@192.168.0.2>
            Max-Forwards: 70
            Content-Type: application/sdp
            Content-Length: \(length)

            \(body)
            """
    }

    private func texts(_ explanation: Explanation, _ topic: String) -> String {
        explanation.steps.filter { $0.topic == topic }.map(\.text).joined(separator: "\n")
    }

    @Test func `a call of the PBX: side, admission, route, trunk, next hop, and the message that leaves`() throws {
        let route = "Route: <sip:192.168.0.1;lr>\n"
        let told = try explain(invite("sip:5551234@gw.example", via: "192.168.0.2:5060;rport", extra: route))
        #expect(texts(told, "side").hasPrefix("inside: it comes from 192.168.0.2:5060 to our inside listener udp:"))
        #expect(texts(told, "admission").contains("may call out"))
        #expect(texts(told, "routes") == "ours, taken off: <sip:192.168.0.1;lr>")
        #expect(texts(told, "trunk") == "gw")
        #expect(texts(told, "decision") == "sent on outside, to what DNS says of gw.example")
        #expect(texts(told, "DNS").contains("gw.example"))
        let message = try #require(told.messages.first)
        #expect(message.to == "to 192.0.2.1:5060 outside, by udp from 203.0.113.1:5060")
        let text = String(decoding: message.octets, as: UTF8.self)
        #expect(text.hasPrefix("INVITE sip:5551234@gw.example SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.1:5060;"))
        #expect(text.contains("c=IN IP4 203.0.113.1") && !text.contains("Route: <sip:192.168.0.1;lr>\r\nFrom"))
    }

    @Test func `a call of a trunk: which one and why, and to which PBX`() throws {
        let told = try explain(invite("sip:8005551212@203.0.113.1", via: "203.0.113.10:5060"))
        #expect(texts(told, "side").hasPrefix("outside:"))
        #expect(texts(told, "trunk").hasPrefix("gw: 203.0.113.10 is in its networks (203.0.113.10)"))
        #expect(texts(told, "decision") == "sent on inside, to udp:192.168.0.2:5060")
        let text = String(decoding: try #require(told.messages.first).octets, as: UTF8.self)
        #expect(text.contains("\r\nX-Sallyport-Trunk: gw\r\n"))
    }

    @Test func `a stranger: dropped or answered as strangers are, and why`() throws {
        let stranger = try explain(
            invite("sip:1@198.51.100.1", via: "198.51.100.66:5060"), ["--side", "outside", "--from", "198.51.100.66"])
        #expect(texts(stranger, "admission").contains("is the address of no trunk"))
        #expect(texts(stranger, "decision").hasPrefix("dropped without an answer over UDP"))
        #expect(stranger.messages.isEmpty && texts(stranger, "outcome") == "nothing leaves")
        let forged = try explain(invite("sip:1@203.0.113.1", via: "192.168.0.2"), ["--side", "outside"])
        #expect(texts(forged, "admission").contains("forged"))
        #expect(texts(forged, "decision").contains("its source address is not of that side"))
    }

    @Test func `a defect: what, in which line, and the answer`() throws {
        let text = invite("sip:1@gw.example", via: "192.168.0.2").replacing("CSeq: 1 INVITE", with: "CSeq: one INVITE")
        let told = try explain(text)
        #expect(texts(told, "defect").contains(", line 6: CSeq: one INVITE; such a request gets 400"))
        #expect(texts(told, "decision").hasPrefix("answered 400"))
        #expect(String(decoding: try #require(told.messages.first).octets, as: UTF8.self).hasPrefix("SIP/2.0 400 "))
    }

    @Test(arguments: [
        ("hello\n\n", "no SIP"), ("\n\n", "keep-alive"), (String(repeating: "x", count: 70_000), "65535"),
    ])
    func `what is no message is said to be none`(text: String, reason: String) throws {
        let told = try explain(text)
        #expect(texts(told, "message").contains(reason) && told.messages.isEmpty)
    }

    @Test func `a refusal: its status, and what that means`() throws {
        let text = invite("mailto:a@b.example", via: "192.168.0.2")
        let told = try explain(text)
        #expect(
            texts(told, "decision") == "answered 416 Unsupported URI Scheme: "
                + "the Request-URI is none that we know how to follow")
        #expect(texts(told, "outcome") == "INVITE is refused: 416 Unsupported URI Scheme")
    }

    @Test func `a response and a CANCEL: what they would need to match`() throws {
        let response = invite("sip:1@gw.example", via: "198.51.100.7")
            .replacing("INVITE sip:1@gw.example SIP/2.0", with: "SIP/2.0 200 OK")
        #expect(texts(try explain(response), "decision").contains("the topmost Via is not ours"))
        let cancel = invite("sip:1@gw.example", via: "192.168.0.2").replacing("INVITE", with: "CANCEL")
        #expect(texts(try explain(cancel), "decision").contains("belongs to the INVITE with its branch"))
    }

    @Test func `the same message over TCP is told 403`() throws {
        let told = try explain(
            invite("sip:1@198.51.100.1", via: "198.51.100.66:5060"),
            ["--side", "outside", "--from", "198.51.100.66:5060", "--transport", "tcp"])
        let message = try #require(told.messages.first)
        #expect(String(decoding: message.octets, as: UTF8.self).hasPrefix("SIP/2.0 403 "))
        #expect(message.to.hasSuffix("outside, by tcp from 203.0.113.1:5060"))
    }

    @Test(arguments: [
        ["explain"], ["explain", "x", "--side", "up"], ["explain", "x", "--transport", "pigeon"],
        ["explain", "x", "--from", "here"], ["explain", "x", "--config", "/nowhere.yaml"],
    ])
    func `wrong usage exits with 2`(arguments: [String]) { #expect(Sallyport.status(of: arguments) != 0) }

    @Test func `from a file, it prints and exits with 0`() throws {
        let folder = FileManager.default.temporaryDirectory
        let (message, config) = (
            folder.appendingPathComponent("explain-\(UUID())"), folder.appendingPathComponent("explain-\(UUID()).yaml")
        )
        defer { for file in [message, config] { try? FileManager.default.removeItem(at: file) } }
        try Data(wire(invite("sip:1@gw.example", via: "192.168.0.2"))).write(to: message)
        try Data(Self.yaml.utf8).write(to: config)
        #expect(Sallyport.status(of: ["explain", message.path, "--config", config.path]) == 0)
        #expect(Sallyport.status(of: ["explain", "/nowhere/at/all", "--config", config.path]) == 1)
    }
}
