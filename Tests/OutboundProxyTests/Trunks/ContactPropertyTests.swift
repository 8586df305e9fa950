import Foundation
import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Every Contact that a PBX may write comes back as it was (design §4): in the registrar's list of bindings, and as the
/// Request-URI of calls, also where the ITSP put the DID there.
///
/// The suite tries 2,000; `SALLYPORT_CONTACTS=1000000` tries that many in each mode (use a release build:
/// `swift test -c release -Xswiftc -enable-testing --filter ContactPropertyTests`).
@Suite struct ContactPropertyTests {
    static let count =
        ProcessInfo.processInfo.environment["SALLYPORT_CONTACTS"].flatMap { Int($0) } ?? 2_000

    @Test("every Contact comes back octet for octet", arguments: [ContactMode.parameter, .user, .path])
    func everyContact(mode: ContactMode) {
        var seen = 0
        var seed: UInt64 = 1
        var failures: [String] = []
        while seen < Self.count, failures.count < 5 {
            // A fresh proxy for each batch keeps the tables as small as they are in life.
            var batch = ContactBatch(mode: mode, seed: seed)
            seen += batch.run(atMost: min(2_000, Self.count - seen))
            failures += batch.failures
            seed += 1
        }
        #expect(failures == [], "the first seed that failed is among the last of \(seed - 1)")
        #expect(seen >= Self.count)
    }
}

/// Registrations of one PBX in one mode.
private struct ContactBatch {
    private let mode: ContactMode
    private let proxy: ProxyHarness
    private var generator: ContactGenerator
    private var serial = 0
    private(set) var failures: [String] = []

    init(mode: ContactMode, seed: UInt64) {
        self.mode = mode
        proxy = ProxyHarness(
            pbxs: [PBXSettings(host: "192.168.0.2"), PBXSettings(host: "pbx.lan")],
            trunks: [TrunkSettings(name: "itsp", domain: "203.0.113.10", contact: mode)]
        ) { settings in
            settings.strangerRate = 1_000_000
            for transport in [TransportProtocol.tcp, .tls] {
                for listener in ProxyHarness.listeners {
                    let id = ListenerID(UInt16(settings.listeners.count))
                    let local = SocketAddress(listener.local.ip, transport.defaultPort)
                    settings.listeners.append(
                        Listener(id: id, side: listener.side, transport: transport, local: local))
                }
            }
        }
        // Parameters and headers of header fields may name inside hosts, and are not ours to change.
        proxy.scansOutside = false
        generator = ContactGenerator(seed: seed)
    }

    /// How many Contacts were tried.
    mutating func run(atMost limit: Int) -> Int {
        var seen = 0
        while seen < limit, failures.count < 5 {
            let contacts = generator.contacts()
            serial += 1
            register(contacts)
            seen += contacts.count
            if serial.isMultiple(of: 200) { proxy.advance(.seconds(33)) }
        }
        return seen
    }

    private mutating func register(_ contacts: [ContactGenerator.Contact]) {
        let fields = generator.fields(contacts)
        let supported = generator.one(of: [
            "Supported: path", "k: outbound, path, gruu", "Supported: replaces\r\nk: PATH",
        ])
        let text = """
            REGISTER sip:203.0.113.10 SIP/2.0\r
            Via: SIP/2.0/UDP 192.168.0.2:5060;rport;branch=z9hG4bKr\(serial)\r
            Route: <sip:192.168.0.1;lr>\r
            From: <sip:\(serial)@203.0.113.10>;tag=r\r
            To: <sip:\(serial)@203.0.113.10>\r
            Call-ID: reg-\(serial)\r
            CSeq: 1 REGISTER\r
            \(fields)\r
            \(supported)\r
            Max-Forwards: 70\r
            Content-Length: 0\r
            \r

            """
        guard let request = proxy.receive(Array(text.utf8), on: .inside).first, request.method == .register else {
            return fail("was not forwarded", text)
        }
        let sent = request.values(.contact)
        guard sent.count == contacts.count, sent.allSatisfy({ !$0.contains("@192.168.") }) else {
            return fail("an inside Contact left", text)
        }
        let ok = CallTexts.response(200, "OK", to: request, tag: "t", extra: listed(sent))
        guard let back = proxy.receive(ok, on: .outside).first else { return fail("got no answer", text) }
        let restored = Set(back.values(.contact))
        for (contact, ours) in zip(contacts, sent) {
            let wanted = contact.restored + (contact.after.lowercased().contains("expires") ? "" : ";expires=3600")
            if !restored.contains(wanted) { fail("\(restored) has not \(wanted)", text) }
            guard let uri = Self.uri(of: ours) else { return fail("\(ours) has no URI", text) }
            call(uri, path: request.values(.path).first, contact.uri)
        }
    }

    /// What the registrar lists, in an order of its own.
    private mutating func listed(_ sent: [String]) -> String {
        sent.shuffled(using: &generator.random)
            .map { "Contact: \($0)" + ($0.lowercased().contains("expires") ? "" : ";expires=3600") }
            .joined(separator: "\n")
    }

    private static func uri(of value: String) -> String? {
        let bytes = Array(value.utf8)
        return NameAddress(0..<bytes.count, in: bytes).map { bytes.text($0.uri) }
    }

    // MARK: Calls

    private mutating func call(_ ours: String, path: String?, _ original: String) {
        expect(original, ours, path: path)
        let did = "+1800\(generator.number(1_000_000...9_999_999))"
        // In the user mode the DID is in To, and the user is ours.
        if mode != .user {
            expect(Self.replaceUser(of: original, by: did), Self.replaceUser(of: ours, by: did), path: path)
        }
    }

    /// An INVITE to `uri` must reach the PBX as one to `wanted`.
    private mutating func expect(_ wanted: String, _ uri: String, path: String?) {
        serial += 1
        var target = uri
        // These ITSPs take parameters away.
        if mode == .user || path != nil { target = Self.withoutParameters(uri) }
        let route = path.map { "Route: \($0)\r\n" } ?? ""
        let text = """
            INVITE \(target) SIP/2.0\r
            Via: SIP/2.0/UDP 198.51.100.66:5060;branch=z9hG4bKi\(serial)\r
            \(route)From: <sip:5551234@198.51.100.66>;tag=i\r
            To: <sip:+18005551212@198.51.100.66>\r
            Call-ID: inv-\(serial)\r
            CSeq: 1 INVITE\r
            Contact: <sip:5551234@198.51.100.66>\r
            Max-Forwards: 70\r
            Content-Length: 0\r
            \r

            """
        let sent = proxy.receive(Array(text.utf8), on: .outside, from: ProxyHarness.stranger)
        guard let invite = sent.first(where: { $0.side == .inside }) else {
            return fail("\(wanted) was not called", sent.first?.text ?? "")
        }
        if invite.requestURI != wanted { fail("\(invite.requestURI) is not \(wanted)", text) }
        let cancel = text.replacing("INVITE", with: "CANCEL")
        proxy.receive(Array(cancel.utf8), on: .outside, from: ProxyHarness.stranger)
    }

    private static func withoutParameters(_ uri: String) -> String {
        let host = uri.firstIndex(of: "@") ?? uri.startIndex
        return String(uri[..<(uri[host...].firstIndex(of: ";") ?? uri.endIndex)])
    }

    /// The URI with another user, made by hand.
    private static func replaceUser(of uri: String, by user: String) -> String {
        guard let colon = uri.firstIndex(of: ":") else { return uri }
        let scheme = uri[...colon]
        let rest = uri[uri.index(after: colon)...]
        if let at = rest.firstIndex(of: "@") { return scheme + user + rest[at...] }
        return scheme + user + "@" + rest
    }

    private mutating func fail(_ what: String, _ text: String) {
        if failures.count < 5 { failures.append("\(what)\n\(text)") }
    }
}
