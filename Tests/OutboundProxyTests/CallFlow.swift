import Foundation
import NetworkTypes
import SIP
import TestSupport
import Testing

@testable import OutboundProxy

/// One proxy of RFC 3665's call flows, played by ours.
///
/// The mapping: the UA next to the proxy is the PBX at 192.168.0.2, the other proxy is the ITSP at 203.0.113.10, the
/// other UA is 203.0.113.11, and the proxy's name stands for both of our identities. TCP is UDP. So one Record-Route or
/// Route of the proxy is two of ours, a Contact of the near UA is one of ours outside, and a session description has our
/// address; all else must be the RFC's to the letter.
struct FlowRole: Sendable, CustomTestStringConvertible {
    /// The proxy as labels name it, and the near UA.
    let proxy: String
    let nearUA: String
    let host: String
    let nearHost: String
    /// Hosts and addresses of the RFC, and what they are here.
    let addresses: [(rfc: String, ours: String)]
    /// The domain that the proxy answers for, when calls come in.
    var domain: String?

    var testDescription: String { proxy }

    static let proxy1 = FlowRole(
        proxy: "Proxy 1", nearUA: "Alice", host: "ss1.atlanta.example.com", nearHost: "client.atlanta.example.com",
        addresses: [
            ("192.0.2.101", "192.168.0.2"), ("192.0.2.111", "203.0.113.1"), ("192.0.2.222", "203.0.113.10"),
            ("192.0.2.201", "203.0.113.11"), ("@client.atlanta.example.com", "@192.168.0.2"),
            ("@client.biloxi.example.com", "@203.0.113.11"), ("<sip:ss2.biloxi.example.com", "<sip:203.0.113.10"),
        ])

    static let proxy2 = FlowRole(
        proxy: "Proxy 2", nearUA: "Bob", host: "ss2.biloxi.example.com", nearHost: "client.biloxi.example.com",
        addresses: [
            ("192.0.2.201", "192.168.0.2"), ("192.0.2.222", "192.168.0.1"), ("192.0.2.111", "203.0.113.10"),
            ("192.0.2.101", "203.0.113.11"), ("@client.biloxi.example.com", "@192.168.0.2"),
            ("@client.atlanta.example.com", "@203.0.113.11"), ("<sip:ss1.atlanta.example.com", "<sip:203.0.113.10"),
        ], domain: "biloxi.example.com")

    static let proxy3 = FlowRole(
        proxy: "Proxy 3", nearUA: "Bob", host: "ss3.chicago.example.com", nearHost: "client.chicago.example.com",
        addresses: [
            ("192.0.2.100", "192.168.0.2"), ("192.0.2.233", "192.168.0.1"), ("192.0.2.101", "203.0.113.11"),
            ("@client.chicago.example.com", "@192.168.0.2"), ("@client.atlanta.example.com", "@203.0.113.11"),
        ], domain: "chicago.example.com")
}

/// One message of a flow.
struct FlowMessage: Decodable {
    let file: String
    let section: String
    let label: String

    var number: Int { Int(label.dropFirst().prefix { $0.isNumber }) ?? 0 }
    /// From whom to whom, as the label ends.
    var parties: (from: String, to: String) {
        let ends = label.components(separatedBy: " -> ")
        let names = ["Proxy 1", "Proxy 2", "Proxy 3", "Redirect Proxy", "Proxy", "Alice", "Bob", "SIP ALG"]
        return (names.first { ends[0].hasSuffix(" " + $0) } ?? "", ends.last ?? "")
    }

    static func all(in section: String) throws -> [FlowMessage] {
        try Corpus.bytes("ietf-call-flows/rfc3665.jsonl").split(separator: 10)
            .map { try JSONDecoder().decode(FlowMessage.self, from: Data($0)) }
            .filter { $0.section.hasPrefix(section + " ") }
    }

    func text() throws -> String {
        var text = String(decoding: try Corpus.bytes("ietf-call-flows/" + file), as: UTF8.self)
        for erratum in Self.errata
        where erratum.file == String(file.suffix(from: file.index(file.startIndex, offsetBy: 8)).prefix(3)) {
            text = text.replacingOccurrences(of: erratum.printed, with: erratum.meant)
        }
        return text
    }

    /// What RFC 3665 prints wrongly, by the number of the message in the corpus.
    private static let errata: [(file: String, printed: String, meant: String)] = [
        // An ACK to a 407 has the Via of the INVITE that it is for, which is the proxy's.
        (
            "051", "client.atlanta.example.com:5060;branch=z9hG4bK74b21",
            "ss1.atlanta.example.com:5060;branch=z9hG4bK230f2.1"
        ),
        // A proxy adds no Contact to an ACK.
        ("063", "Contact: <sip:bob@client.biloxi.example.com>\r\n", ""),
        ("064", "Contact: <sip:bob@client.biloxi.example.com>\r\n", ""),
        // A CANCEL has the Request-URI of its INVITE, an ACK to a 487 the Via.
        ("138", "CANCEL sip:alice@atlanta.example.com", "CANCEL sip:bob@biloxi.example.com"),
        (
            "145", "ss2.biloxi.example.com:5060;branch=z9hG4bK721e4.1",
            "ss1.atlanta.example.com:5060;branch=z9hG4bK2d4790.1"
        ),
        // A proxy puts received into the Via below its own.
        ("112", "branch=z9hG4bK721e.1\r\n ;received=192.0.2.100", "branch=z9hG4bK721e.1"),
        ("112", "branch=z9hG4bKfgaw2", "branch=z9hG4bKfgaw2;received=192.0.2.100"),
        // What a UA copies from the request is what the proxy wrote.
        ("042", "192.0.2.101", "192.0.2.201"), ("043", "192.0.2.101", "192.0.2.201"),
    ]
}

/// Plays a flow: feeds what arrives at the proxy, and looks for what the RFC says leaves.
final class FlowPlayer {
    private let role: FlowRole
    private let proxy: ProxyHarness
    /// What has left and has not been expected yet.
    private(set) var unexpected: [Sent] = []
    /// Our Vias by the branch that the RFC gave them.
    private var vias: [String: String] = [:]
    /// Our Record-Route value of the outside, as it left; that of the inside is always the same.
    private var outsideRoute = ""
    private let insideRoute = "<sip:192.168.0.1:5060;lr;r2=on>"
    private var contact = ""

    init(_ role: FlowRole) throws {
        self.role = role
        let trunk = TrunkSettings(
            name: "flow", domain: "itsp.example", networks: [IPNetwork("203.0.113.0/24")].compactMap { $0 })
        proxy = ProxyHarness(trunks: role.domain == nil ? [] : [trunk]) {
            $0.timers = TransactionTimers(trying: .zero)
        }
        if role.domain != nil { try proxy.register(contact: "<sip:bob@192.168.0.2>", user: "bob") }
    }

    func play(_ message: FlowMessage) throws {
        let (from, to) = message.parties
        if to == role.proxy { try arrive(message, from: from) }
        if from == role.proxy || from == "Proxy" { try leave(message, to: to) }
    }

    func finish() {
        #expect(unexpected.map(\.text) == [])
        proxy.advance(.seconds(60))
        #expect(proxy.core.transactionCount == 0)
    }

    // MARK: In

    private func arrive(_ message: FlowMessage, from party: String) throws {
        let side: Side = party == role.nearUA ? .inside : .outside
        let source = side == .inside ? "192.168.0.2" : party.hasPrefix("Proxy") ? "203.0.113.10" : "203.0.113.11"
        var text = common(try message.text())
        for (branch, via) in vias {
            text = text.replacingOccurrences(of: "\(role.host):5060;branch=\(branch)", with: via)
        }
        let ours = "<sip:\(role.host);lr>"
        if text.hasPrefix("SIP/2.0") {
            // A response that comes from outside knows nothing of the inside.
            let routes = side == .inside ? [insideRoute, outsideRoute] : [outsideRoute]
            text = text.replacingOccurrences(of: ours, with: routes.joined(separator: ", "))
        } else {
            let isFirst = outsideRoute.isEmpty || !text.contains(toTag: true)
            let known = side == .inside ? [insideRoute, outsideRoute] : [outsideRoute]
            let routes = isFirst ? ["<sip:\(side == .inside ? "192.168.0.1" : "203.0.113.1");lr>"] : known
            text = text.replacingOccurrences(of: ours, with: routes.joined(separator: ", "))
            if side == .outside { text = hidden(text) }
        }
        unexpected += proxy.receive(text.withContentLength, on: side, from: ProxyHarness.address(source + ":5060"))
        for name in proxy.resolving { unexpected += proxy.resolve(name, ["203.0.113.10"]) }
        unexpected += proxy.advance(.zero)
    }

    /// The Request-URI of a request from outside: our Contact, or our own domain.
    private func hidden(_ text: String) -> String {
        let end = text.range(of: "\r\n")?.lowerBound ?? text.endIndex
        var line = String(text[..<end])
        if line.contains("@192.168.0.2") {
            line = line.replacing(/sip:[^ ]+/, with: contact)
        } else if let domain = role.domain {
            line = line.replacingOccurrences(of: "@" + domain, with: "@203.0.113.1")
        }
        return line + text[end...]
    }

    // MARK: Out

    private func leave(_ message: FlowMessage, to party: String) throws {
        let side: Side = party == role.nearUA ? .inside : .outside
        let expected = common(try message.text())
        let wanted = canonical(side == .outside ? withoutLowerVias(expected) : expected)
        guard let index = unexpected.firstIndex(where: { $0.side == side && canonical(rfc($0.text)) == wanted }) else {
            let left = unexpected.filter { $0.side == side }.map { canonical(rfc($0.text)) }
            Issue.record(
                "\(message.label) is missing:\n\(wanted.joined(separator: "\n"))\nleft:\n\(left.map { $0.joined(separator: "\n") }.joined(separator: "\n\n"))"
            )
            return
        }
        note(unexpected.remove(at: index), as: expected)
    }

    /// Remembers what later messages will copy from this one.
    private func note(_ sent: Sent, as expected: String) {
        if sent.isRequest, let branch = expected.firstMatch(of: /branch=([^;\s]+)/)?.1 {
            vias[String(branch)] = sent.values(.via)[0].replacingOccurrences(of: "SIP/2.0/UDP ", with: "")
        }
        let own = sent.values(.recordRoute).first { $0.hasPrefix("<sip:203.0.113.1:5060;lr") }
        if sent.isRequest, let own { outsideRoute = own }
        if sent.side == .outside, sent.uri(.contact).contains(";sp=") { contact = sent.uri(.contact) }
    }

    /// A request leaves with our Via alone: those below are the inside's.
    private func withoutLowerVias(_ text: String) -> String {
        guard !text.hasPrefix("SIP/2.0") else { return text }
        var vias = 0
        return text.components(separatedBy: "\r\n").filter { line in
            if line.hasPrefix("Via:") { vias += 1 }
            return !line.hasPrefix("Via:") || vias < 2
        }.joined(separator: "\r\n")
    }

    /// What we sent, in the RFC's terms: those of its time, before RFC 5393.
    private func rfc(_ text: String) -> String {
        text.replacing(/(203\.0\.113\.1|192\.168\.0\.1):5060;rport;branch=/, with: "\(role.host):5060;branch=")
            .replacing(/Record-Route: <sip:192\.168\.0\.1:5060;lr;r2=on>\r\n/, with: "")
            .replacing(/Max-Breadth: 60\r\n/, with: "")
            .replacing(#/<sip:192\.168\.0\.1:5060;lr;r2=on>, /#, with: "")
            .replacing(#/, <sip:192\.168\.0\.1:5060;lr;r2=on>/#, with: "")
            .replacing(/<sip:203\.0\.113\.1:5060;lr(;r2=on)?;sp=[^>]+>/, with: "<sip:\(role.host);lr>")
            .replacing(/@203\.0\.113\.1:5060;sp=[^> ]+/, with: "@192.168.0.2")
    }

    // MARK: Both

    /// The RFC's names and addresses as they are here; folds taken out.
    private func common(_ text: String) -> String {
        var text = text.replacing(/\r\n[ \t]+;/, with: ";").replacing(/\r\n[ \t]+/, with: " ")
            .replacingOccurrences(of: "SIP/2.0/TCP", with: "SIP/2.0/UDP")
            .replacingOccurrences(of: ";transport=tcp", with: "")
        for (name, ours) in role.addresses { text = text.replacingOccurrences(of: name, with: ours) }
        return text
    }

    /// The start line, the fields by name, and the body, without what the mapping allows to differ.
    private func canonical(_ text: String) -> [String] {
        guard let message = try? MessageParser.parse(datagram: Array(text.withContentLength.utf8)) else {
            return ["unreadable", text]
        }
        var fields: [String: [String]] = [:]
        for field in message.headers {
            let name = message.bytes.text(field.nameRange).lowercased()
            // Credentials pass through us; a proxy that asked for them takes them.
            if ["content-length", "proxy-authorization", "x-sallyport-trunk"].contains(name) { continue }
            var value = message.bytes.text(field.value)
            // The tag of our own 200 to a CANCEL.
            if name == "to", message.cSeq.method == .cancel { value = value.replacing(/;tag=.*/, with: "") }
            fields[name, default: []].append(value)
        }
        let lines = fields.map { $0.key + ": " + $0.value.joined(separator: ", ") }.sorted()
        let own = "\(role.host):5060;branch="
        let start = String(text.prefix { $0 != "\r\n" })
        let body = message.bytes.text(message.body).replacing(/c=IN IP4 .*/, with: "c=").replacing(/o=(.*) .*/) {
            "o=\($0.1)"
        }
        .replacing(/m=audio \d+/, with: "m=audio")
        return [start]
            + lines.map {
                $0.replacing(/(ss\d[^;]+;branch=)[^;, ]+/) { $0.1.hasPrefix(own) ? own + "ours" : String($0.0) }
            }
            + [body]
    }
}

extension String {
    /// Whether the To field has a tag.
    fileprivate func contains(toTag: Bool) -> Bool { (firstMatch(of: /\r\nTo: [^\r]*;tag=/) != nil) == toTag }

    /// With the Content-Length that its body has.
    fileprivate var withContentLength: String {
        guard let end = range(of: "\r\n\r\n") else { return self }
        return replacing(/Content-Length: \d+/, with: "Content-Length: \(self[end.upperBound...].utf8.count)")
    }
}
