import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Call-IDs that tell of the inside (design §10: `hide_call_id`): sealed on the way out, revealed on the way in.
@Suite struct HiddenCallIDTests {
    private func leaving(_ callID: String, _ rule: HidingSettings.CallIDs = .telling, name: String? = nil) -> String {
        let trunk = TrunkSettings(name: "itsp", domain: "203.0.113.10", hiding: HidingSettings(callIDs: rule))
        let pbxs = [PBXSettings(host: "192.168.0.2")] + (name.map { [PBXSettings(host: $0)] } ?? [])
        let proxy = ProxyHarness(pbxs: pbxs, trunks: [trunk])
        proxy.scansOutside = rule != .none
        return proxy.receive(CallTexts.outboundINVITE(callID: callID), on: .inside).first?.header(.callID) ?? ""
    }

    @Test(arguments: [
        "abc@192.168.0.2", "abc@192.168.0.2:5060", "192.168.0.77-1", "1.192.168.0.2.5060", "x9192.168.0.201",
        "a@[fd00:168::2]", "a@fd00:168::2", "a@[fd00:168:0:0:0:0:0:2]:5060", "a@[FD00:168::2]", "a@PBX.lan",
        "0.0.0.0.192.168.0.25061", "sp-cforged",
    ])
    func `auto: what names an inside address or a PBX is hidden`(callID: String) {
        let hidden = leaving(callID, name: "pbx.lan")
        #expect(hidden.hasPrefix("sp-c") && hidden != callID)
        #expect(leaving(callID, name: "pbx.lan") == hidden)
        #expect(leaving(callID, .none, name: "pbx.lan") == callID)
    }

    @Test(arguments: [
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "abc@198.51.100.2", "abc@example.org", "1.2.3", "192.168.1.2",
        "a@[2001:db8::2]", "12:30:01", "call-1", "sp-",
    ])
    func `auto: all else leaves as it is; yes hides it too`(callID: String) {
        #expect(leaving(callID, name: "pbx.lan") == callID)
        #expect(leaving(callID, .all).hasPrefix("sp-c"))
    }

    // MARK: Hostile peers

    /// The answer to a malformed request repeats what came, never what it was revealed to be: the harness scans it.
    @Test(arguments: [
        "Call-ID: sp-c1", "Call-ID: x@198.51.100.1", "i: y", "Call-ID:\n z", "CSeq: 1 BYE", "From: <sip:a@b>;tag=1",
        "To: <>",
        "Max-Forwards: x", "Content-Length: -1", "Via: SIP/2.0/UDP", "Bad Name: 1",
    ])
    func `a field too many, before or after a hidden Call-ID, makes nothing known of the inside`(line: String) throws {
        let proxy = ProxyHarness()
        let call = try proxy.callOut(callID: ProxyHarness.tellingCallID)
        for method in ["INFO", "BYE", "INVITE", "XYZZY"] {
            var dialog = call.itsp
            let request = dialog.request(method)
            let callID = try #require(request.firstRange(of: "Call-ID:"))
            let start = request.firstRange(of: "From:")?.lowerBound ?? callID.lowerBound
            for place in [start, request.index(after: request[callID.upperBound...].firstIndex(of: "\n") ?? start)] {
                let text = request[..<place] + line + "\n" + request[place...]
                for sent in proxy.receive(String(text), on: .outside) where sent.side == .outside {
                    #expect(!sent.text.contains("192.168.0."), "\(text)\n\(sent.text)")
                }
            }
        }
    }

    // MARK: Dialogs

    @Test(arguments: [true, false])
    func `a whole call: the PBX knows its own Call-ID, the ITSP another one, before a restart and after it`(
        isRestarted: Bool
    ) throws {
        let first = ProxyHarness()
        let inner = ProxyHarness.tellingCallID
        var call = try first.callOut(callID: inner)
        let outer = call.itsp.callID
        #expect(outer.hasPrefix("sp-c") && call.ok.header(.callID) == inner)
        let proxy = isRestarted ? ProxyHarness() : first
        let info = try #require(proxy.receive(call.itsp.request("INFO"), on: .outside).first)
        #expect(info.header(.callID) == inner)
        let answer = try #require(proxy.receive(CallTexts.response(200, "OK", to: info), on: .inside).first)
        #expect(answer.header(.callID) == outer)
        let update = try #require(proxy.receive(call.pbx.request("UPDATE"), on: .inside).first)
        #expect(update.header(.callID) == outer)
        let ok = try #require(proxy.receive(CallTexts.response(200, "OK", to: update), on: .outside).first)
        #expect(ok.header(.callID) == inner)
        let bye = try #require(proxy.receive(call.itsp.request("BYE"), on: .outside).first)
        #expect(bye.header(.callID) == inner)
        proxy.receive(CallTexts.response(200, "OK", to: bye), on: .inside)
        proxy.expectNothingLeft()
    }

    @Test func `our own answers, ACK, CANCEL and BYE have the Call-ID that their receiver knows`() throws {
        let proxy = ProxyHarness()
        let inner = ProxyHarness.tellingCallID
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(callID: inner), on: .inside).first)
        let outer = invite.header(.callID)
        #expect(proxy.advance(.milliseconds(200)).map { $0.header(.callID) } == [inner])
        proxy.receive(CallTexts.response(180, "Ringing", to: invite, tag: "t"), on: .outside)
        let cancel = proxy.receive(
            CallTexts.outboundINVITE(callID: inner, body: nil).replacing("INVITE", with: "CANCEL"), on: .inside)
        #expect(cancel.inside.allSatisfy { $0.header(.callID) == inner } && !cancel.inside.isEmpty)
        #expect(cancel.outside.map { $0.header(.callID) } == [outer] && cancel.outside[0].method == .cancel)
        let gone = proxy.receive(CallTexts.response(487, "Gone", to: invite, tag: "t"), on: .outside)
        #expect(gone.outside.map { $0.header(.callID) } == [outer] && gone.inside.map { $0.header(.callID) } == [inner])

        var call = try proxy.callOut(callID: inner + "2", branch: "z9hG4bKsecond")
        let refused = proxy.receive(call.itsp.request("INFO", extra: "Proxy-Require: odd"), on: .outside)
        #expect(refused.map(\.status) == [420] && refused[0].header(.callID) == call.itsp.callID)
        proxy.core.mediaSilent(session: 2, at: proxy.now)
        let byes = proxy.drain()
        #expect(byes.inside.map { $0.header(.callID) } == [inner + "2"])
        #expect(byes.outside.map { $0.header(.callID) } == [call.itsp.callID])
    }

    @Test func `a dialog that began outside has the outside's Call-ID, though all of ours are hidden`() throws {
        for rule in [HidingSettings.CallIDs.all, .telling] {
            let proxy = ProxyHarness.hiding(HidingSettings(callIDs: rule))
            // The ITSP's own network is like ours.
            proxy.scansOutside = false
            let own = "x@192.168.0.50"
            var call = try proxy.callIn(callID: own)
            #expect(call.ok.header(.callID) == own && call.invite.header(.callID) == own)
            let restarted = ProxyHarness.hiding(HidingSettings(callIDs: rule))
            restarted.scansOutside = false
            for proxy in [proxy, restarted] {
                let info = try #require(proxy.receive(call.pbx.request("INFO"), on: .inside).first)
                #expect(info.header(.callID) == own)
            }
        }
    }

    @Test func `a forged or foreign Call-ID of that form is the sender's own`() throws {
        let proxy = ProxyHarness()
        try proxy.register()
        for callID in ["sp-c", "sp-cAAAA", "sp-c" + String(repeating: "A", count: 60), "sp-c!"] {
            let text = CallTexts.inboundINVITE(
                uri: "sip:1000@203.0.113.1", branch: "z9hG4bK\(callID.utf8.count)", callID: callID)
            let invite = try #require(proxy.receive(text, on: .outside).first)
            #expect(invite.header(.callID) == callID)
            let answer = proxy.receive(CallTexts.response(180, "Ringing", to: invite, tag: "t"), on: .inside)
            #expect(answer.map { $0.header(.callID) } == [callID])
        }
    }

    @Test func `a PBX that uses a hidden Call-ID for itself gets its own back`() throws {
        let proxy = ProxyHarness()
        let hidden = try proxy.callOut(callID: ProxyHarness.tellingCallID).itsp.callID
        let call = try proxy.callOut(callID: hidden, branch: "z9hG4bKother")
        #expect(call.itsp.callID != hidden && call.ok.header(.callID) == hidden)
    }

    @Test func `the driver finds the shard by the Call-ID that the inside knows`() throws {
        let proxy = ProxyHarness()
        let outer = Array(try proxy.callOut(callID: ProxyHarness.tellingCallID).itsp.callID.utf8)
        let flow = Flow(listener: ListenerID(1), peer: ProxyHarness.itsp)
        #expect(proxy.core.insideCallID(outer[...], from: flow) == Array(ProxyHarness.tellingCallID.utf8))
        #expect(proxy.core.insideCallID(Array("call-1".utf8)[...], from: flow) == nil)
        let inside = Flow(listener: ListenerID(0), peer: ProxyHarness.pbx)
        #expect(proxy.core.insideCallID(outer[...], from: inside) == nil)
    }

    // MARK: Other dialogs

    static let names: [(String, String)] = [
        ("Replaces: ", ";to-tag=1;from-tag=2"), ("Join: ", ";to-tag=1;from-tag=2"),
        ("Target-Dialog: ", ";local-tag=1;remote-tag=2"), ("In-Reply-To: ", ", other@example.org"),
        ("In-Reply-To: other@example.org, ", ""),
    ]

    @Test(arguments: names) func `a header that names a dialog crosses both ways`(head: String, tail: String) throws {
        let inner = head + ProxyHarness.tellingCallID + tail
        let proxy = ProxyHarness()
        let outer = try #require(
            proxy.receive(CallTexts.outboundINVITE(callID: ProxyHarness.tellingCallID), on: .inside).first
        ).header(.callID)
        let other = CallTexts.outboundINVITE(branch: "z9hG4bKo", callID: "other", extra: inner)
        let sent = try #require(proxy.receive(other, on: .inside).first)
        #expect(sent.text.contains("\r\n" + head + outer + tail + "\r\n"))
        try proxy.register(branch: "z9hG4bKr")
        let text = CallTexts.inboundINVITE(uri: "sip:1000@203.0.113.1", extra: head + outer + tail)
        let back = try #require(proxy.receive(text, on: .outside).first)
        #expect(back.text.contains("\r\n" + inner + "\r\n"))
    }

    @Test(arguments: ["5f3b@192.168.0.2", "5f3b@192.168.0.2:5060", "a.b!%c@[fd00:168::2]"])
    func `the Replaces in a Refer-To crosses both ways, escaped`(callID: String) throws {
        let proxy = ProxyHarness()
        var call = try proxy.callOut(callID: callID)
        var other = try proxy.callOut(callID: "other", branch: "z9hG4bKo")
        let escaped = String(decoding: EmbeddedCallID.escaped(Array(callID.utf8)), as: UTF8.self)
        let head = "Refer-To: <sip:tone@203.0.113.11?Subject=a&Replaces="
        let tail = "%3Bto-tag%3Ditsp%3Bfrom-tag%3Dpbx&X=192>"
        let refer = try #require(
            proxy.receive(other.pbx.request("REFER", extra: head + escaped + tail), on: .inside).first)
        #expect(refer.text.contains("\r\n" + head + call.itsp.callID + tail + "\r\n"))
        let back = try #require(
            proxy.receive(other.itsp.request("REFER", extra: head + call.itsp.callID + tail), on: .outside).first)
        #expect(back.text.contains("\r\n" + head + escaped + tail + "\r\n"))
        _ = call.pbx.request("BYE")
    }

    @Test func `an attended transfer: the INVITE of the ITSP replaces the dialog that the PBX knows`() throws {
        let proxy = ProxyHarness()
        let call = try proxy.callOut(callID: ProxyHarness.tellingCallID)
        try proxy.register(branch: "z9hG4bKr")
        let replaces = "Replaces: \(call.itsp.callID);to-tag=pbx;from-tag=itsp"
        let text = CallTexts.inboundINVITE(uri: "sip:1000@203.0.113.1", extra: replaces)
        let invite = try #require(proxy.receive(text, on: .outside).first)
        #expect(invite.lines("Replaces") == ["\(ProxyHarness.tellingCallID);to-tag=pbx;from-tag=itsp"])
        #expect(invite.header(.callID) == "call-2")
    }

    @Test func `a Replaces that names a dialog which began outside stays, though all of ours are hidden`() throws {
        let proxy = ProxyHarness.hiding(HidingSettings(callIDs: .all))
        _ = try proxy.callIn(callID: "their-own")
        let line = "Replaces: their-own;to-tag=itsp;from-tag=pbx"
        let sent = try #require(proxy.receive(CallTexts.outboundINVITE(extra: line), on: .inside).first)
        #expect(sent.lines("Replaces") == ["their-own;to-tag=itsp;from-tag=pbx"])
    }
}
