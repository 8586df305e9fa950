import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// A field that must not pass does not pass, however its name is written (security 22).
@Suite struct SmugglingTests {
    /// The fields of which nothing inside may leave, and the short form of those that have one.
    static let fields: [(name: String, short: String)] = [
        ("P-Asserted-Identity", ""), ("P-Preferred-Identity", ""), ("Remote-Party-ID", ""), ("Diversion", ""),
        ("History-Info", ""), ("Referred-By", "b"), ("Record-Route", ""), ("X-Sallyport-Trunk", ""), ("Contact", "m"),
        ("Via", "v"),
    ]

    /// Ways to write a field whose name is a token: they mean the same.
    static func rightSpellings(_ name: String, _ short: String, _ value: String) -> [String] {
        let mixed = String(
            name.enumerated().map { $0 % 2 == 0 ? Character($1.lowercased()) : Character($1.uppercased()) })
        let names =
            [name, name.lowercased(), name.uppercased(), mixed] + (short.isEmpty ? [] : [short, short.uppercased()])
        let colons = [": ", ":", " : ", "\t:\t", "  \t :   ", ":\n ", " :\n\t", ": \n  \t"]
        return names.flatMap { name in colons.map { name + $0 + value } } + [name + ": " + value + " \t"]
    }

    /// Ways whose name holds an octet that no name may have.
    static func wrongSpellings(_ name: String, _ value: String) -> [String] {
        let octets = [
            "\u{0}", "\u{1}", "\u{8}", "\u{b}", "\u{c}", "\u{1b}", "\u{7f}", "\u{a0}", "é", "\u{200b}", "@", "(", "[",
            ";x", "=", ",", "\"", "/", "?", "{",
        ]
        return octets.map { name + $0 + ": " + value } + [
            "\u{feff}\(name): \(value)", "\"\(name)\": \(value)", name + " x: " + value, name + "\n : " + value,
            name + "\n: " + value,
        ]
    }

    private static func value(_ name: String) -> String {
        switch name {
        case "X-Sallyport-Trunk": "evil.example"
        case "Via": "SIP/2.0/UDP 192.168.0.77:5077;branch=z9hG4bKevil"
        default: "<sip:evil@192.168.0.77:5077>"
        }
    }

    @Test(arguments: fields.indices)
    func `thirty spellings of ten fields: an inside one leaves in none (security 22)`(index: Int) {
        let (name, short) = Self.fields[index]
        var trunk = TrunkSettings(name: "gw", domain: "203.0.113.10")
        trunk.hiding.keepsIdentity = name != "P-Asserted-Identity"
        let (right, wrong) = (
            Self.rightSpellings(name, short, Self.value(name)), Self.wrongSpellings(name, Self.value(name))
        )
        #expect(right.count + wrong.count >= 30)
        for (line, isRight) in right.map({ ($0, true) }) + wrong.map({ ($0, false) }) {
            let proxy = ProxyHarness(trunks: [trunk])
            // Below the Via that is its sender's, and in place of the Contact.
            let text = CallTexts.outboundINVITE().replacing("Max-Forwards: 70\n", with: "\(line)\nMax-Forwards: 70\n")
                .replacing(name == "Contact" ? "Contact: <sip:asterisk@192.168.0.2:5060>\n" : "%", with: "")
            let sent = proxy.receive(text, on: .inside)
            for message in sent.outside {
                #expect(isRight, "\(line)")
                #expect(!message.text.contains("192.168.0.77") && !message.text.contains("evil.example"), "\(line)")
                #expect(name != "P-Asserted-Identity" || !message.text.contains("evil"), "\(line)")
            }
            #expect(
                isRight ? sent.outside.count == 1 : sent.outside.isEmpty && sent.allSatisfy { $0.status == 400 },
                "\(line)")
            #expect(proxy.leaks.isEmpty)
        }
    }

    @Test(arguments: [0, 7])
    func `thirty spellings: what the inside trusts does not come in (security 22)`(index: Int) throws {
        let (name, short) = Self.fields[index]
        var trunk = TrunkSettings(name: "gw", domain: "203.0.113.10")
        trunk.hiding.keepsIdentity = false
        let value = "<sip:boss@evil.example>"
        for line in Self.rightSpellings(name, short, value) + Self.wrongSpellings(name, value) {
            let proxy = ProxyHarness(trunks: [trunk])
            let text = CallTexts.inboundINVITE(uri: "sip:1000@203.0.113.1", extra: line)
            for sent in proxy.receive(text, on: .outside) where sent.side == .inside {
                #expect(!sent.text.contains("boss"), "\(line)")
                #expect(sent.values(.sallyportTrunk) == ["gw"])
            }
        }
    }
}
