import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// A trunk's 3xx: passed, or followed (RFC 3261 §16.7 step 4, design §10: `redirects`).
@Suite struct RedirectTests {
    let proxy = ProxyHarness(trunks: [RedirectTests.trunk(.follow)])

    private static func trunk(_ mode: RedirectMode) -> TrunkSettings {
        var trunk = TrunkSettings(name: "gw", domain: "203.0.113.10")
        trunk.redirects = mode
        return trunk
    }

    private func redirect(_ contacts: String, status: Int = 302, uri: String = "sip:tone@203.0.113.10") throws -> [Sent]
    {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(uri: uri), on: .inside).first)
        return proxy.answer(status, to: invite, contact: contacts)
    }

    @Test func `pass: the PBX gets the 302, and nothing else happens`() throws {
        let proxy = ProxyHarness(trunks: [Self.trunk(.pass)])
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        let sent = proxy.answer(302, to: invite, contact: "<sip:other@203.0.113.20>")
        #expect(sent.outside.map(\.method) == [.ack] && sent.inside.statuses == [302])
        #expect(sent.inside[0].header(.contact) == "<sip:other@203.0.113.20>")
    }

    @Test func `follow: the INVITE goes to the contact, with a branch of its own, and the PBX hears the answer`() throws
    {
        let sent = try redirect("<sip:other@203.0.113.20>")
        #expect(sent.outside.map(\.method) == [.ack, .invite] && sent.inside.isEmpty)
        #expect(sent.outside[1].requestURI == "sip:other@203.0.113.20")
        #expect(sent.outside[1].to == ProxyHarness.address("203.0.113.20:5060"))
        #expect(sent.outside[0].values(.via)[0] != sent.outside[1].values(.via)[0])
        #expect(proxy.answer(200, to: sent.outside[1]).inside.statuses == [200])
    }

    @Test func `contacts are tried one after the other, the most wanted first`() throws {
        var sent = try redirect(
            "<sip:a@203.0.113.20>;q=0.25, <sip:b@203.0.113.30>;q=0.7, <sip:c@203.0.113.40>, <sip:d@203.0.113.50>;q=0.7")
        var users: [String] = []
        while let invite = sent.outside.last, invite.method == .invite {
            users.append(invite.requestURI)
            sent = proxy.answer(users.count == 2 ? 486 : 404, to: invite)
        }
        #expect(
            users == ["sip:c@203.0.113.40", "sip:b@203.0.113.30", "sip:d@203.0.113.50", "sip:a@203.0.113.20"])
        #expect(sent.inside.statuses == [404])
        proxy.expectNothingLeft()
    }

    @Test(arguments: [401, 407, 600])
    func `what the PBX can answer, and a 6xx, ends the search`(status: Int) throws {
        let invite = try #require(try redirect("<sip:a@203.0.113.20>, <sip:b@203.0.113.30>").outside.last)
        let sent = proxy.answer(status, to: invite)
        #expect(sent.outside.map(\.method) == [.ack] && sent.inside.statuses == [status])
    }

    @Test(arguments: [
        "<sip:x@192.168.0.9>", "<sip:x@203.0.113.1>", "<sip:x@192.168.0.1:5060>", "<sip:x@[::ffff:192.168.0.9]>",
        "<tel:+18005551212>", "<mailto:a@b.example>", "<sip:x@203.0.113.20?Subject=a>", "<sip:tone@203.0.113.10>",
        "<sip:x@127.0.0.1:0>", "*",
    ])
    func `never inside, never to ourselves, not back to where it was, nor where nobody can go: the 302 passes`(
        contact: String
    ) throws {
        let sent = try redirect(contact)
        #expect(sent.outside.map(\.method) == [.ack] && sent.inside.statuses == [302])
        proxy.expectNothingLeft()
    }

    @Test func `a name that leads inside is not followed`() throws {
        #expect(try redirect("<sip:x@inside.example>").inside.isEmpty)
        let sent = proxy.resolve("inside.example", ["192.168.0.9"])
        #expect(sent.outside.isEmpty && sent.inside.statuses == [503])
    }

    @Test func `the contacts that were followed are gone from the 302 that goes up in the end`() throws {
        let sent = try redirect("<sip:a@203.0.113.20>, <mailto:a@b.example>")
        let up = proxy.answer(404, to: try #require(sent.outside.last))
        #expect(up.inside.statuses == [302] && up.inside[0].values(.contact) == ["<mailto:a@b.example>"])
    }

    @Test func `at most five contacts in all, however they are spread over redirections`() throws {
        var sent = try redirect("<sip:1@203.0.113.20>")
        var invites = 0
        while let invite = sent.outside.last, invite.method == .invite, invites < 50 {
            invites += 1
            let next = "<sip:\(invites + 1)@203.0.113.20>, <sip:\(invites + 100)@203.0.113.30>"
            sent = proxy.answer(302, to: invite, contact: next)
        }
        #expect(invites == 5 && sent.inside.statuses == [302])
        proxy.expectNothingLeft()
    }

    @Test func `a secure request is not sent on in the clear`() throws {
        let proxy = ProxyHarness(trunks: [Self.trunk(.follow)]) { settings in
            settings.listeners += ProxyHarness.streams.map {
                Listener(id: ListenerID($0.id.index), side: $0.side, transport: .tls, local: $0.local)
            }
        }
        let invite = try #require(
            proxy.receive(CallTexts.outboundINVITE(uri: "sips:tone@203.0.113.10"), on: .inside).first)
        let sent = proxy.answer(302, to: invite, contact: "<sip:a@203.0.113.20>, <sips:b@203.0.113.30>")
        #expect(sent.outside.map(\.requestURI).last == "sips:b@203.0.113.30")
    }

    @Test(arguments: [305, 380])
    func `use of a proxy and of another service pass`(status: Int) throws {
        let sent = try redirect("<sip:a@203.0.113.20>", status: status)
        #expect(sent.outside.map(\.method) == [.ack] && sent.inside.statuses == [status])
    }

    @Test func `a cancelled call is not sent on`() throws {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        proxy.answer(180, to: invite)
        proxy.receive(CallTexts.outboundINVITE(body: nil).replacing("INVITE", with: "CANCEL"), on: .inside)
        let sent = proxy.answer(302, to: invite, contact: "<sip:a@203.0.113.20>")
        #expect(sent.outside.map(\.method) == [.ack] && sent.inside.statuses == [302])
        proxy.expectNothingLeft()
    }
}
