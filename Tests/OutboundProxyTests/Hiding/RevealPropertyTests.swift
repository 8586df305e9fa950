import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// What is hidden on the way out is itself again on the way in, octet for octet.
@Suite struct RevealPropertyTests {
    private let proxy = ProxyHarness()

    @Test func `a thousand random messages: hidden and revealed they are the same octets`() throws {
        var random = SeededGenerator(seed: 22)
        var count = 0
        while count < 1000 {
            let text = message(&random)
            let sent = try #require(proxy.receive(text, on: .inside).first { $0.side == .outside })
            // What came back as the ITSP got it.
            let copy = try #require(sent.message)
            let revealed = try #require(proxy.core.hiding.revealed(copy, knowsCallID: false), "\(sent.text)")
            // With the Call-ID seen to first, as is done before a message is parsed.
            let first = try #require(proxy.core.hiding.revealed(copy.bytes), "\(sent.text)")
            #expect(first.callID == Array(copy.bytes[copy.callID]))
            let parsed = try MessageParser.parse(datagram: first.bytes)
            let rest = proxy.core.hiding.revealed(parsed, knowsCallID: true) ?? parsed
            #expect(rest.bytes == revealed.bytes, "\(text)")
            let original = try #require(try? MessageParser.parse(datagram: wire(text)))
            for name in [HeaderName.callID, .replaces, .join, .targetDialog, .inReplyTo, .referTo] {
                let before = original.all(name).map { original.bytes.text($0.line) }
                #expect(revealed.all(name).map { revealed.bytes.text($0.line) } == before, "\(text)")
            }
            // All else is as it left.
            #expect(revealed.headers.count == copy.headers.count)
            #expect(revealed.bytes[revealed.body] == copy.bytes[copy.body])
            let answer = CallTexts.response(480, "Not Now", to: sent, tag: "t")
            let back = try #require(proxy.receive(answer, on: .outside).first { $0.status == 480 })
            #expect(back.header(.from) == original.text(.from) && back.header(.callID) == original.text(.callID))
            #expect(back.header(.to) == (original.text(.to) ?? "") + ";tag=t")
            count += 1
            if count.isMultiple(of: 100) { proxy.advance(.seconds(40)) }
        }
    }

    @Test(arguments: [
        ("Call-ID: ", true), ("CALL-id:", true), ("i : ", true), ("i:\t", true), ("Call-ID:\r\n ", false),
        ("X-Call-ID: ", false), ("Subject: i: ", false), ("\r\nCall-ID: ", false),
    ])
    func `a hidden Call-ID is seen before the message is parsed, in the Call-ID field of the head alone`(
        prefix: String, isSeen: Bool
    ) throws {
        let hidden = try #require(proxy.core.hiding.codec.hidden(callID: Array("a@192.168.0.2".utf8)[...]))
        let text =
            "BYE sip:a SIP/2.0\r\nCSeq: 1 BYE\r\n\(prefix)\(String(decoding: hidden, as: UTF8.self)) \r\n\r\nbody"
        let revealed = proxy.core.hiding.revealed(Array(text.utf8))
        #expect((revealed != nil) == isSeen)
        guard let revealed else { return }
        #expect(revealed.callID == hidden)
        #expect(String(decoding: revealed.bytes, as: UTF8.self).hasSuffix("a@192.168.0.2 \r\n\r\nbody"))
    }

    @Test func `every beginning of a message, and line ends of all kinds, are looked at without a trap`() {
        let text = Array("i\r\n:\n\r\ri:sp-c\nCall-ID:sp-cAAAA\r\n\r\n".utf8)
        for start in text.indices {
            for end in start...text.count { #expect(proxy.core.hiding.revealed(Array(text[start..<end])) == nil) }
        }
    }

    private func message(_ random: inout SeededGenerator) -> String {
        let ids = (0..<5).map { _ in callID(&random) }
        let escaped = ids.map { String(decoding: EmbeddedCallID.escaped(Array($0.utf8)), as: UTF8.self) }
        var extra: [String] = []
        let all = [
            "Replaces: \(ids[1]);to-tag=1;from-tag=2", "Join: \(ids[2]);to-tag=1;from-tag=2",
            "Target-Dialog: \(ids[3]) ;local-tag=1;remote-tag=2", "In-Reply-To: \(ids[4]), \(ids[1]),plain@example.org",
            "Refer-To: \"x\" <sip:9@203.0.113.9?Replaces=\(escaped[2])%3Bto-tag%3D1%3bfrom-tag%3D2&Priority=a>",
            "r: <sip:9@203.0.113.9;x=\(ids[0].utf8.count)?join=\(escaped[1]);a=b>",
        ]
        for line in all where Bool.random(using: &random) { extra.append(line) }
        let number = UInt32.random(in: 0 ... .max, using: &random)
        return CallTexts.outboundINVITE(
            branch: "z9hG4bK\(number)-\(ids[0].utf8.count)", callID: ids[0], body: nil,
            extra: extra.joined(separator: "\n"))
    }

    private func callID(_ random: inout SeededGenerator) -> String {
        let word = Array("abcdefghijklmnopqrstuvwxyzABCDEF0123456789-.!%*_+`'~()<>:\\\"/[]?{}".utf8)
        let length = Int.random(in: 1...40, using: &random)
        let own = (0..<length).map { _ in word[Int.random(in: 0..<word.count, using: &random)] }
        let hosts = ["192.168.0.2", "192.168.0.77:5060", "[fd00:168::2]", "fd00:168::9"]
        let host = hosts[Int.random(in: 0..<hosts.count, using: &random)]
        return String(decoding: own, as: UTF8.self) + "@" + host
    }
}
